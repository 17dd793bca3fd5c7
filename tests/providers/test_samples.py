"""Of an answer that nobody could understand the beginning is kept, without what must not be."""

from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest
from pydantic import BaseModel

from tastemaker.core.ids import ExternalUserId
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import SYSTEM, Tenant
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tastemaker.providers.base import ErrorKind, ProviderError
from tastemaker.providers.errors import adapter_failure
from tastemaker.providers.http import JsonResponse, ReceivedBody, get_json, receiving, record_body
from tastemaker.providers.page_store import forget_creator
from tastemaker.providers.samples import (
    MOST_AN_HOUR,
    MOST_BYTES,
    Sample,
    forget_samples,
    list_samples,
    presentable,
    sampled,
)
from tests.conftest import AddUsers
from tests.providers.remote import Remote, Reply, always, as_json

KEY = "key-of-the-account-1"


async def get(http: httpx.AsyncClient, url: str) -> JsonResponse:
    return await get_json(
        http,
        url,
        provider="Test",
        params={"q": "a b", "access_token": "token-in-the-query"},
        headers={"x-api-key": KEY},
        deadline_seconds=5,
        max_bytes=20_000,
    )


async def failing(database: Database, http: httpx.AsyncClient, url: str) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        await sampled(database, "test", "search_keyword", partial(get, http, url))
    return raised.value


async def kept(database: Database, *, provider: str | None = None) -> list[Sample]:
    async with transaction(database, SYSTEM) as tx:
        return await list_samples(tx, provider=provider, limit=100)


def received(beginning: bytes, *, bytes_read: int | None = None) -> ReceivedBody:
    read = len(beginning) if bytes_read is None else bytes_read
    return ReceivedBody(
        status=200, content_type=None, beginning=beginning, bytes_read=read, secrets=frozenset({KEY})
    )


async def test_a_login_page_is_kept_with_what_was_said_of_it(
    database: Database, http: httpx.AsyncClient, remote: Remote
) -> None:
    page = (
        "<html>Log in\x00 as jane.doe@mail.example with key-of-the-account-1, or token-in-the-query.</html>"
    )
    remote.script = always(Reply(page.encode(), headers={"Content-Type": "text/html"}))
    error = await failing(database, http, remote.url)
    (one,) = await kept(database)
    assert one.id == error.sample_id
    assert (one.provider, one.operation, one.http_status) == ("test", "search_keyword", 200)
    assert (one.content_type, one.said, one.bytes_read) == ("text/html", str(error), len(page))
    assert one.beginning == "<html>Log in as [redacted] with [redacted], or [redacted].</html>"


@pytest.mark.parametrize(
    ("reply", "beginning"),
    [
        (Reply(b""), ""),
        (Reply(b"", status=302, headers={"Location": "https://elsewhere.example/?secret=1"}), ""),
        (Reply(b"\xff\xfe{" * 3), "\ufffd\ufffd{" * 3),
        (Reply(b"not packed", headers={"Content-Encoding": "gzip"}), ""),
    ],
)
async def test_so_is_what_has_no_text(
    database: Database, http: httpx.AsyncClient, remote: Remote, reply: Reply, beginning: str
) -> None:
    remote.script = always(reply)
    await failing(database, http, remote.url)
    assert [one.beginning for one in await kept(database)] == [beginning]


async def test_of_a_flood_its_beginning_is_kept(
    database: Database, http: httpx.AsyncClient, remote: Remote
) -> None:
    remote.script = always(Reply(b"x" * 50_000))
    await failing(database, http, remote.url)
    (one,) = await kept(database)
    assert one.beginning == "x" * MOST_BYTES
    assert one.bytes_read > 20_000


async def test_what_was_understood_and_what_failed_otherwise_leave_none(
    database: Database, http: httpx.AsyncClient, remote: Remote
) -> None:
    remote.script = always(as_json({"a": 1}))
    assert (await sampled(database, "test", "search_keyword", partial(get, http, remote.url))).body == {
        "a": 1
    }

    async def refuse() -> None:
        await get(http, remote.url)
        raise ProviderError(ErrorKind.AUTH, "no", final=True)

    with pytest.raises(ProviderError):
        await sampled(database, "test", "search_keyword", refuse)
    assert await kept(database) == []


async def test_an_adapter_that_stumbles_over_its_answer_leaves_one(
    database: Database, http: httpx.AsyncClient, remote: Remote
) -> None:
    remote.script = always(as_json({"results": "none"}))

    async def misread() -> None:
        await get(http, remote.url)
        raise ProviderError(ErrorKind.GARBAGE, "Test sent an unknown form.", final=False)

    with pytest.raises(ProviderError):
        await sampled(database, "test", "fetch_profile", misread)
    assert [one.beginning for one in await kept(database)] == ['{"results": "none"}']


class Profile(BaseModel):
    author: str
    likes: int


class Mistaken:
    """An adapter that does not check what it reads."""

    def by_name(self, answer: dict[str, Any]) -> object:
        return answer["author"]

    def by_value(self, answer: dict[str, Any]) -> object:
        return {}[answer["name"]]  # type: ignore[var-annotated]  # it is empty

    def by_model(self, answer: dict[str, Any]) -> object:
        return Profile.model_validate(answer)


@pytest.mark.parametrize(
    ("read", "said"),
    [
        ("by_name", r"KeyError at providers/test_samples\.py:\d+ \(missing: author\)\.$"),
        ("by_value", r"KeyError at providers/test_samples\.py:\d+\.$"),
        ("by_model", r"ValidationError at providers/test_samples\.py:\d+ \(missing: author, likes\)\.$"),
    ],
)
async def test_its_author_sees_exception_line_and_fields_and_no_value(
    database: Database, http: httpx.AsyncClient, remote: Remote, read: str, said: str
) -> None:
    remote.script = always(as_json({"name": "Alice"}))

    async def misread() -> None:
        answer = await get(http, remote.url)
        adapter = Mistaken()
        try:
            getattr(adapter, read)(answer.body)
        except (KeyError, ValueError) as error:
            raise adapter_failure(adapter, "test", error) from error

    with pytest.raises(ProviderError, match=said) as raised:
        await sampled(database, "test", "fetch_profile", misread)
    assert "Alice" not in str(raised.value)
    assert [one.said for one in await kept(database)] == [str(raised.value)]


async def test_a_storm_leaves_a_few_of_each_provider(database: Database, admin_url: str) -> None:
    async def storm(provider: str) -> ProviderError:
        async def fail() -> None:
            record_body(status=200, content_type="text/html", body=b"<html>", secrets=())
            raise ProviderError(ErrorKind.GARBAGE, "not understood", final=False)

        with pytest.raises(ProviderError) as raised:
            await sampled(database, provider, "search_keyword", fail)
        return raised.value

    errors = [await storm("first") for _ in range(MOST_AN_HOUR + 2)]
    assert [error.sample_id is None for error in errors] == [False] * MOST_AN_HOUR + [True] * 2
    assert (await storm("second")).sample_id is not None
    assert len(await kept(database, provider="second")) == 1
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute("UPDATE provider_samples SET taken_at = taken_at - interval '61 minutes'")
    assert (await storm("first")).sample_id is not None


async def test_they_go_after_a_week_and_with_anybody_who_is_to_be_forgotten(
    database: Database, http: httpx.AsyncClient, remote: Remote, admin_url: str
) -> None:
    remote.script = always(Reply(b"<html>"))
    for _ in range(3):
        await failing(database, http, remote.url)
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(
            "UPDATE provider_samples SET taken_at = taken_at - %(week)s, expires_at = expires_at - %(week)s"
            " WHERE id = (SELECT min(id::text)::uuid FROM provider_samples)",
            {"week": timedelta(days=7)},
        )
    async with transaction(database, SYSTEM) as tx:
        assert await forget_samples(tx) == 1
    assert len(await kept(database)) == 2
    async with transaction(database, SYSTEM) as tx:
        await forget_creator(tx, Platform.TIKTOK, "1")
    assert await kept(database) == []


async def test_no_tenant_sees_any(
    database: Database, add_users: AddUsers, http: httpx.AsyncClient, remote: Remote
) -> None:
    add_users("somebody")
    remote.script = always(Reply(b"<html>"))
    await failing(database, http, remote.url)
    async with transaction(database, Tenant(ExternalUserId("somebody"))) as tx:
        assert await list_samples(tx, provider=None, limit=10) == []


@pytest.mark.parametrize("place", [0, MOST_BYTES - 5, 2 * MOST_BYTES - 5])
def test_no_part_of_a_key_is_told_wherever_it_stands(place: int) -> None:
    answer = b"a" * place + KEY.encode() + b"b" * 20_000
    told = presentable(received(answer[: 2 * MOST_BYTES], bytes_read=len(answer)))
    assert "key-" not in told
    assert len(told.encode()) <= MOST_BYTES


def test_keys_that_fill_an_answer_do_not_push_half_of_one_into_sight() -> None:
    answer = KEY.encode() * 1_000
    told = presentable(received(answer[: 2 * MOST_BYTES], bytes_read=len(answer)))
    assert "key" not in told.replace("[redacted]", "")


def test_an_address_that_is_cut_is_not_told() -> None:
    answer = (KEY.encode() * 500)[: 2 * MOST_BYTES - 30] + b" to jane.doe.of.the.long.name@mail.example"
    told = presentable(received(answer[: 2 * MOST_BYTES], bytes_read=len(answer)))
    assert told.endswith(" to ")


def test_characters_of_many_bytes_are_cut_whole() -> None:
    told = presentable(received("é".encode() * MOST_BYTES))
    assert told == "é" * (MOST_BYTES // 2)


def test_nothing_is_kept_where_nobody_listens() -> None:
    record_body(status=200, content_type=None, body=b"x", secrets=())
    with receiving() as outer:
        with receiving() as inner:
            record_body(status=200, content_type=None, body=b"x", secrets=())
        assert inner.last is not None
        assert outer.last is None
