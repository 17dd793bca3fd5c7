"""What is QStash's own: redelivery, lost answers and messages, tokens, rotation, failures and their news."""

import asyncio
import json
from base64 import b64encode
from dataclasses import replace
from typing import Any

import httpx
import psycopg
import pytest

from tastemaker.core.clock import utc_now
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import EmailType
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import transaction
from tastemaker.jobs import registry
from tastemaker.jobs.service import publish
from tastemaker.jobs.transports import qstash_queries
from tastemaker.jobs.transports.qstash import Callback, SigningKeys, callback_of
from tastemaker.jobs.types import Done, JobContext, JobResult, Registered
from tastemaker.mail.service import SEND_EMAIL, SendEmail
from tests.jobs.notes import NOTE, Note, column, publish_words, until
from tests.jobs.transports.lines import QUICK, Line
from tests.jobs.transports.test_conformance import Heard, assert_promises
from tests.jobs.transports.twin import KEYS, Twin
from tests.outbox.relaying import column as outbox_column

JOBS_PATH = "/webhooks/qstash/background-jobs"
FAILURES_PATH = "/webhooks/qstash/failures"


@pytest.fixture
def heard() -> Heard:
    return Heard()


async def all_answered(twin: Twin, count: int) -> list[int]:
    async with asyncio.timeout(20):
        while len(twin.attempts) < count:
            await asyncio.sleep(0.02)
    return [attempt.status for attempt in twin.attempts]


async def call(
    line: Line, path: str, raw: bytes, *, token: str | None = None, **headers: str
) -> httpx.Response:
    url = f"http://127.0.0.1:{line.port}{path}"
    signed = token or line.twin.token(url, raw)
    async with httpx.AsyncClient() as http:
        return await http.post(url, content=raw, headers={"Upstash-Signature": signed, **headers})


async def waiting_job(database: Database, **options: Any) -> tuple[str, bytes]:  # noqa: ANN401 - of `publish`
    """A job that is not due for an hour, so that nobody but the test calls with it; and its delivery."""
    async with transaction(database, SYSTEM) as tx:
        job_id = await publish(tx, NOTE, Note(word="x"), delay=7200, **options)
        return str(job_id), json.dumps({"job_id": str(job_id), "attempt": 0}).encode()


async def make_due(database: Database) -> None:
    async with transaction(database, SYSTEM) as tx:
        await tx.run(statement("UPDATE background_jobs SET scheduled_for = app_now() - interval '1 second'"))


# --- delivery ---------------------------------------------------------------------------------------


async def test_a_job_delivered_three_times_has_one_effect(qstash_line: Line, heard: Heard) -> None:
    qstash_line.twin.deliver_times = 3
    heard.pause = 0.3
    await publish_words(qstash_line.database, ["once"])
    async with qstash_line.working(heard.handlers):
        assert await all_answered(qstash_line.twin, 3) == [200] * 3
    assert heard.words == ["once"]
    await assert_promises(qstash_line.database)
    (message_id,) = await column(qstash_line.database, "qstash_message_id")
    assert message_id, "the job names the message that carried it"


async def test_a_lost_acknowledgement_is_published_again_under_the_same_id(
    qstash_line: Line, heard: Heard
) -> None:
    qstash_line.twin.lose_acknowledgements = 1
    await publish_words(qstash_line.database, ["once"])
    async with qstash_line.working(heard.handlers):
        await until(qstash_line.database, "completed", 1)
        async with asyncio.timeout(20):
            while await outbox_column(qstash_line.database, "status") != ["sent"]:
                await asyncio.sleep(0.05)
    assert await outbox_column(qstash_line.database, "attempts") == [2]
    assert len(qstash_line.twin.published) == 1, "the deduplication id was the same"
    assert heard.words == ["once"]


async def test_what_never_arrives_is_driven_anew(qstash_line: Line, heard: Heard) -> None:
    """QStash took it and is silent since: after its last retry would be over, it gets a new message."""
    qstash_line.twin.is_holding = True
    await publish_words(qstash_line.database, ["late"])
    async with qstash_line.working(heard.handlers, lost_after=0.5):
        async with asyncio.timeout(20):
            while len(qstash_line.twin.published) < 2:
                await asyncio.sleep(0.05)
        qstash_line.twin.is_holding = False
        await until(qstash_line.database, "completed", 1)
        await asyncio.sleep(0.3)
    assert heard.words == ["late"], "the first message came too, and found it done"


async def test_a_rotation_of_keys_loses_no_call(qstash_line: Line, heard: Heard) -> None:
    async with qstash_line.working(heard.handlers):
        await publish_words(qstash_line.database, ["before"])
        await until(qstash_line.database, "completed", 1)
        qstash_line.twin.rotate()
        await publish_words(qstash_line.database, ["after"])
        await until(qstash_line.database, "completed", 2)
    assert [attempt.status for attempt in qstash_line.twin.attempts] == [200, 200]


async def test_calls_under_a_key_we_do_not_know_wait_for_the_right_one(
    qstash_line: Line, heard: Heard
) -> None:
    """Rotated twice before we heard of it: refused, retried, and taken once we know the key."""
    qstash_line.twin.key = 3
    qstash_line.twin.retry_seconds = 0.5
    await publish_words(qstash_line.database, ["late"])
    async with qstash_line.working(heard.handlers):
        assert await all_answered(qstash_line.twin, 1) == [401]
    qstash_line.keys = SigningKeys(KEYS[3])
    async with qstash_line.working(heard.handlers):
        await until(qstash_line.database, "completed", 1)
    assert heard.words == ["late"]


async def test_a_job_that_was_given_up_is_not_retried_by_qstash(qstash_line: Line, heard: Heard) -> None:
    await publish_words(qstash_line.database, ["fails"])
    async with qstash_line.working(heard.handlers):
        await until(qstash_line.database, "failed", 1)
        async with asyncio.timeout(10):
            while len(qstash_line.twin.dead) < 1 or len(qstash_line.twin.attempts) < 4:
                await asyncio.sleep(0.02)
    statuses = [one.status for one in qstash_line.twin.attempts if one.message.failure_callback]
    assert statuses == [200, 200, 489], "its retries are the ledger's; only its end is told as a failure"
    assert heard.given_up == ["fails"], "the news of the failure changes nothing any more"
    assert await column(qstash_line.database, "retry_count") == [3]


async def test_without_a_free_place_it_comes_again(qstash_line: Line, heard: Heard) -> None:
    heard.pause = 0.4
    await publish_words(qstash_line.database, ["a", "b"])
    async with qstash_line.working(heard.handlers, settings=replace(QUICK, concurrency=1)):
        await until(qstash_line.database, "completed", 2)
    assert heard.most_at_once == 1
    assert 503 in [attempt.status for attempt in qstash_line.twin.attempts]


@pytest.mark.slow
async def test_while_the_database_is_away_nothing_is_acknowledged(
    qstash_line: Line, heard: Heard, admin_url: str, database_name: str
) -> None:
    await publish_words(qstash_line.database, ["kept"])
    qstash_line.twin.is_holding = True
    server = psycopg.conninfo.make_conninfo(admin_url, dbname="postgres")
    async with qstash_line.working(heard.handlers):
        async with asyncio.timeout(20):
            while not qstash_line.twin.published:
                await asyncio.sleep(0.02)
        with psycopg.connect(server, autocommit=True) as owner:
            owner.execute(f'ALTER DATABASE "{database_name}" WITH ALLOW_CONNECTIONS false'.encode())
            owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (database_name,)
            )
            qstash_line.twin.is_holding = False
            assert await all_answered(qstash_line.twin, 1) == [503]
            owner.execute(f'ALTER DATABASE "{database_name}" WITH ALLOW_CONNECTIONS true'.encode())
        await until(qstash_line.database, "completed", 1)
    assert heard.words == ["kept"]


# --- calls that are not what they should be ---------------------------------------------------------


async def test_a_wrong_call_is_401_and_changes_nothing(qstash_line: Line, heard: Heard) -> None:
    _, raw = await waiting_job(qstash_line.database)
    url = f"http://127.0.0.1:{qstash_line.port}"
    twin = qstash_line.twin
    async with qstash_line.working(heard.handlers):
        await make_due(qstash_line.database)
        for token in (
            "nonsense",
            twin.token(f"{url}/webhooks/qstash/search-runs", raw),
            twin.token(f"{url}{JOBS_PATH}/", raw),
            twin.token("https://evil.example.org" + JOBS_PATH, raw),
            twin.token(url + JOBS_PATH, raw + b" "),
            twin.token(url + JOBS_PATH, raw, exp=1),
            twin.token(url + JOBS_PATH, raw, iss="somebody"),
        ):
            refused = await call(qstash_line, JOBS_PATH, raw, token=token, Host="evil.example.org")
            assert refused.status_code == 401, refused.text
        async with httpx.AsyncClient() as http:
            assert (await http.post(url + JOBS_PATH, content=raw)).status_code == 401
    async with transaction(qstash_line.database, SYSTEM) as tx:
        kept = await tx.many(statement("SELECT message_id FROM inbox_messages WHERE source = 'qstash'", str))
    assert len(kept) <= 1, "at most the true delivery"


async def test_a_token_is_good_once(qstash_line: Line, heard: Heard) -> None:
    _, raw = await waiting_job(qstash_line.database)
    url = f"http://127.0.0.1:{qstash_line.port}{JOBS_PATH}"
    token = qstash_line.twin.token(url, raw)
    async with qstash_line.working(heard.handlers):
        first = await call(qstash_line, JOBS_PATH, raw, token=token)
        again = await call(qstash_line, JOBS_PATH, raw, token=token)
    assert (first.status_code, again.status_code) == (425, 409)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b'{"job_id": "x", "attempt": 0}',
        b'{"job_id": "00000000-0000-4000-8000-000000000000"}',
        b'{"job_id": "00000000-0000-4000-8000-000000000000", "attempt": "0"}',
        b'{"job_id": "00000000-0000-4000-8000-000000000000", "attempt": true}',
        b'{"job_id": "00000000-0000-4000-8000-000000000000", "attempt": -1}',
        b'{"job_id": "00000000-0000-4000-8000-000000000000", "attempt": 99999999999}',
        b'{"job_id": 5, "attempt": 0}',
        b"\xff\xfe",
        b"[" * 20_000,
    ],
)
async def test_a_signed_call_that_nobody_of_ours_wrote_is_not_to_be_retried(
    qstash_line: Line, heard: Heard, raw: bytes
) -> None:
    async with qstash_line.working(heard.handlers):
        for path in (JOBS_PATH, FAILURES_PATH):
            refused = await call(qstash_line, path, raw)
            assert (refused.status_code, refused.headers["Upstash-NonRetryable-Error"]) == (489, "true")


async def test_each_kind_of_job_has_its_path(qstash_line: Line, heard: Heard) -> None:
    assert callback_of("continue_run") is Callback.SEARCH_RUNS
    assert {callback_of(name) for name in ("send_email", "send_trial_email")} == {Callback.EMAILS}
    assert callback_of("note") is Callback.BACKGROUND_JOBS
    _, raw = await waiting_job(qstash_line.database)
    async with qstash_line.working(heard.handlers):
        await make_due(qstash_line.database)
        wrong = await call(qstash_line, "/webhooks/qstash/search-runs", raw)
        assert wrong.status_code in {200, 489}, "the job is no run of a search (or was taken meanwhile)"
    gone = json.dumps({"job_id": "00000000-0000-4000-8000-000000000000", "attempt": 0}).encode()
    async with qstash_line.working(heard.handlers):
        assert (await call(qstash_line, JOBS_PATH, gone)).status_code == 200


async def test_an_email_whose_time_has_come_is_called_for_on_its_own_path(qstash_line: Line) -> None:
    letters: list[object] = []

    async def send(context: JobContext, letter: SendEmail) -> JobResult:
        letters.append(letter)
        return Done()

    letter = SendEmail(user_id="anna", email=EmailType.WELCOME, key="k", due=utc_now())
    async with transaction(qstash_line.database, SYSTEM) as tx:
        await publish(tx, SEND_EMAIL, letter, delay=0.5)
    async with qstash_line.working({SEND_EMAIL.name: Registered(SEND_EMAIL, send)}):
        await until(qstash_line.database, "completed", 1)
    assert letters == [letter]
    assert qstash_line.twin.published[0].url.endswith("/webhooks/qstash/emails")


async def test_used_tokens_are_forgotten_when_they_are_long_invalid(
    qstash_line: Line, heard: Heard, admin_url: str
) -> None:
    await publish_words(qstash_line.database, ["a"])
    async with qstash_line.working(heard.handlers):
        await until(qstash_line.database, "completed", 1)
    async with transaction(qstash_line.database, SYSTEM) as tx:
        assert await qstash_queries.prune_tokens(tx, batch=100) == 0
    with psycopg.connect(admin_url) as owner:
        owner.execute("UPDATE clock_offset SET shift = interval '49 hours'")
    async with transaction(qstash_line.database, SYSTEM) as tx:
        assert await qstash_queries.prune_tokens(tx, batch=100) == 1


async def test_a_process_without_the_handler_lets_it_come_again(qstash_line: Line) -> None:
    _, raw = await waiting_job(qstash_line.database)
    await make_due(qstash_line.database)
    async with qstash_line.working({}):
        later = await call(qstash_line, JOBS_PATH, raw)
    assert (later.status_code, later.headers["Retry-After"]) == (503, "15")


# --- news of failures -------------------------------------------------------------------------------


def news(delivery: bytes, *, message: str = "msg_1", retried: int = 3) -> bytes:
    told = {
        "status": 0,
        "retried": retried,
        "maxRetries": 3,
        "sourceMessageId": message,
        "sourceBody": b64encode(delivery).decode(),
    }
    return json.dumps(told).encode()


async def test_news_of_a_failure_counts_once_and_the_job_goes_again(qstash_line: Line, heard: Heard) -> None:
    _, raw = await waiting_job(qstash_line.database)
    async with qstash_line.working(heard.handlers):
        for _ in range(3):
            said = await call(qstash_line, FAILURES_PATH, news(raw))
            assert said.status_code == 200
        assert await column(qstash_line.database, "retry_count") == [1]
        assert await column(qstash_line.database, "status") == ["pending"]
        (error,) = await column(qstash_line.database, "error")
        assert "QStash gave up" in str(error)
        await make_due(qstash_line.database)
        await until(qstash_line.database, "completed", 1)
    assert heard.words == ["x"]


async def test_the_last_failure_is_a_dead_letter_told_to_its_owner(qstash_line: Line, heard: Heard) -> None:
    job_id, raw = await waiting_job(qstash_line.database)
    registry._registered[NOTE.name] = Registered(NOTE, heard, heard.forget)
    try:
        async with qstash_line.working(heard.handlers):
            for number in range(NOTE.max_retries + 1):
                await call(qstash_line, FAILURES_PATH, news(raw, message=f"msg_{number}"))
    finally:
        del registry._registered[NOTE.name]
    assert await column(qstash_line.database, "status") == ["failed"]
    assert heard.given_up == ["x"]
    async with transaction(qstash_line.database, SYSTEM) as tx:
        told = statement("SELECT event_type FROM events WHERE aggregate_id = %(id)s", str)
        assert await tx.many(told, id=job_id) == ["job_failed"]


async def test_news_that_comes_after_the_job_was_done_changes_nothing(
    qstash_line: Line, heard: Heard
) -> None:
    job_id, raw = await waiting_job(qstash_line.database)
    async with qstash_line.working(heard.handlers):
        await make_due(qstash_line.database)
        await until(qstash_line.database, "completed", 1)
        assert (await call(qstash_line, FAILURES_PATH, news(raw))).status_code == 200
    assert job_id
    assert await column(qstash_line.database, "status") == ["completed"]
    assert await column(qstash_line.database, "error") == [None]


async def test_a_dead_letter_that_is_delivered_after_all_is_harmless(qstash_line: Line, heard: Heard) -> None:
    """Somebody says `retry` in QStash's console for what the ledger has long done."""
    qstash_line.twin.key = 3
    await publish_words(qstash_line.database, ["once"])
    async with qstash_line.working(heard.handlers):
        async with asyncio.timeout(20):
            while not qstash_line.twin.dead:
                await asyncio.sleep(0.05)
        qstash_line.twin.key = 0
        await qstash_line.twin.redeliver_dead()
        await until(qstash_line.database, "completed", 1)
    assert heard.words == ["once"]
