"""What QStash is told, what its answers mean, and what an installation has to set for it."""

import asyncio
import time
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from tastemaker.core.errors import InvalidInput
from tastemaker.core.settings import Settings
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import transaction
from tastemaker.jobs.service import publish
from tastemaker.jobs.transports.qstash import Callback, find_qstash
from tastemaker.jobs.transports.qstash_dispatch import QSTASH, qstash_sender
from tastemaker.outbox.channels import MaybeSent, NotSent, OutboxId, OutgoingMessage, Refused, Sent
from tests.jobs.notes import NOTE, Note
from tests.jobs.transports.lines import Line, qstash_of
from tests.jobs.transports.test_conformance import Heard
from tests.jobs.transports.test_qstash import FAILURES_PATH
from tests.jobs.transports.twin import KEYS, TOKEN, Twin


@pytest.fixture
def heard() -> Heard:
    return Heard()


async def test_a_message_says_all_that_qstash_has_to_know(qstash_line: Line, heard: Heard) -> None:
    async with transaction(qstash_line.database, SYSTEM) as tx:
        await publish(tx, NOTE, Note(word="x"), delay=1800)
    sent: list[httpx.Request] = []
    real = httpx.AsyncClient.send

    async def noting(client: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:  # noqa: ANN401 - the client's
        if "/v2/publish/" in str(request.url):
            sent.append(request)
        return await real(client, request, **options)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(httpx.AsyncClient, "send", noting)
        async with qstash_line.working(heard.handlers):
            async with asyncio.timeout(20):
                while not sent:
                    await asyncio.sleep(0.02)
    headers = sent[0].headers
    assert headers["Upstash-Retries"] == "3"
    assert headers["Upstash-Failure-Callback"].endswith(FAILURES_PATH)
    assert len(headers["Upstash-Deduplication-Id"].split(".")) == 3
    assert 1500 < int(headers["Upstash-Not-Before"]) - time.time() < 1900
    assert heard.words == []


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (429, NotSent("QStash answered 429.", 1.0)),
        (401, NotSent("QStash answered 401.", 1.0)),
        (400, Refused("QStash answered 400.")),
        (413, Refused("QStash answered 413.")),
        (500, MaybeSent("QStash answered 500.")),
    ],
)
async def test_what_qstash_answers_decides_what_becomes_of_the_message(
    qstash_line: Line, status: int, outcome: object
) -> None:
    qstash_line.twin.refuse_with = status
    async with httpx.AsyncClient() as http:
        assert await qstash_sender(qstash_of(qstash_line.twin, 1), http)(message()) == outcome


async def test_qstash_out_of_reach_is_surely_not_sent(qstash_line: Line) -> None:
    nowhere = Twin(url="http://127.0.0.1:9")
    async with httpx.AsyncClient() as http:
        assert isinstance(await qstash_sender(qstash_of(nowhere, 1), http)(message()), NotSent)


async def test_qstash_names_the_message(qstash_line: Line) -> None:
    async with httpx.AsyncClient() as http:
        sender = qstash_sender(qstash_of(qstash_line.twin, 1), http)
        first = await sender(message())
        assert isinstance(first, Sent)
        assert await sender(message()) == first, "the same deduplication id is the same message"


def message() -> OutgoingMessage:
    body = {"job_id": "00000000-0000-4000-8000-000000000000", "attempt": 0, "callback": "background-jobs"}
    return OutgoingMessage(
        id=OutboxId(1), channel=QSTASH.name, body=body, dedupe_key="k.0.1", tenant_id=None, attempt=1
    )


def settings(**given: Any) -> Settings:  # noqa: ANN401 - whatever a setting holds
    usual = {
        "job_transport": "qstash",
        "QSTASH_TOKEN": SecretStr(TOKEN),
        "QSTASH_CURRENT_SIGNING_KEY": SecretStr(KEYS[0]),
        "public_url": "https://tastemaker.example.com/",
    }
    return Settings(**{name: value for name, value in {**usual, **given}.items() if value is not ...})


def test_qstash_is_used_when_it_is_asked_for_and_complete() -> None:
    assert find_qstash(settings(job_transport="postgres")) is None
    found = find_qstash(settings())
    assert found is not None
    assert found.url_of(Callback.EMAILS) == "https://tastemaker.example.com/webhooks/qstash/emails"
    assert TOKEN not in repr(found)
    assert KEYS[0] not in repr(found)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"QSTASH_TOKEN": ...}, "QSTASH_TOKEN"),
        ({"QSTASH_CURRENT_SIGNING_KEY": ...}, "QSTASH_CURRENT_SIGNING_KEY"),
        ({"public_url": ...}, "TASTEMAKER_PUBLIC_URL"),
        ({"QSTASH_CURRENT_SIGNING_KEY": SecretStr("short")}, "too short"),
    ],
)
def test_what_is_missing_is_named(given: dict[str, Any], named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QSTASH_TOKEN", "QSTASH_CURRENT_SIGNING_KEY", "TASTEMAKER_PUBLIC_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InvalidInput, match=named):
        find_qstash(settings(**given))
