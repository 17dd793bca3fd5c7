"""The inbox's promises: kept once, processed once in effect, nothing secret kept, forgotten in time."""

import asyncio

import psycopg
import pytest

from tastemaker.core.errors import AppError, Conflict, InvalidInput, NotFound
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import InboxStatus
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction, transaction
from tastemaker.inbox import queries, service
from tastemaker.inbox.queries import InboxMessage
from tastemaker.inbox.service import InboxId, InboxSource

RAW = b'{"b": 1, "a": "\xc3\xa9", "b": 2}\r\n\x00\xff'

ANNOUNCE = statement(
    "INSERT INTO background_jobs (job_type, payload)"
    " VALUES ('announced', jsonb_build_array(CAST(%(id)s AS bigint)))"
)


async def _announce(tx: Transaction, message: InboxId) -> None:
    await tx.run(ANNOUNCE, id=message)


TEST = service.declare(InboxSource(name="test", meaning="A test's.", announce=_announce))


async def received(database: Database, message_id: str = "m1", *, verified: bool = True) -> bool:
    async with transaction(database, SYSTEM) as tx:
        return await service.receive(
            tx,
            source=TEST,
            message_id=message_id,
            headers={"Content-Type": "application/json", "Stripe-Signature": "t=1,v1=abc"},
            raw=RAW,
            verified=verified,
        )


async def messages(database: Database) -> list[InboxMessage]:
    async with transaction(database, SYSTEM) as tx:
        entries = await queries.list_messages(tx, status=None, source=None, limit=100)
        return [await service.get_message(tx, entry.id) for entry in entries]


async def announced(database: Database) -> int:
    async with transaction(database, SYSTEM) as tx:
        return await tx.only(statement("SELECT count(*) FROM background_jobs", int))


async def test_a_message_is_kept_once_byte_for_byte_and_announced_with_it(database: Database) -> None:
    assert await received(database)
    assert not await received(database)
    assert await received(database, "m2")
    (_, kept) = await messages(database)
    assert kept.raw == RAW
    assert kept.size == len(RAW)
    assert kept.headers == {"content-type": "application/json"}
    assert kept.status is InboxStatus.RECEIVED
    assert await announced(database) == 2


async def test_twenty_deliveries_at_once_are_one(database: Database) -> None:
    answers = await asyncio.gather(*(received(database) for _ in range(20)))
    assert answers.count(True) == 1
    assert await announced(database) == 1


async def test_the_effect_is_written_once_however_often_it_is_processed(database: Database) -> None:
    await received(database)
    (kept,) = await messages(database)
    effects: list[bytes] = []

    async def handle(tx: Transaction, message: InboxMessage) -> ExternalUserId:
        effects.append(message.raw)
        await asyncio.sleep(0.05)
        return ExternalUserId("alice")

    done = await asyncio.gather(*(service.process(database, kept.id, handle) for _ in range(4)))
    assert sorted(done) == [False, False, False, True]
    assert effects == [RAW]
    (kept,) = await messages(database)
    assert (kept.status, kept.tenant_id, kept.attempts) == (InboxStatus.PROCESSED, "alice", 1)


async def test_a_failure_undoes_the_effect_and_is_noted_without_anybodys_data(database: Database) -> None:
    await received(database)
    (kept,) = await messages(database)

    async def break_down(tx: Transaction, message: InboxMessage) -> None:
        await _announce(tx, message.id)
        raise ValueError("somebody@example.com")

    async def refuse(tx: Transaction, message: InboxMessage) -> None:
        raise AppError("The customer is not known yet.")

    async def fine(tx: Transaction, message: InboxMessage) -> None:
        pass

    with pytest.raises(ValueError, match="somebody"):
        await service.process(database, kept.id, break_down)
    assert await announced(database) == 1, "only the first announcement"
    (kept,) = await messages(database)
    assert (kept.status, kept.error, kept.attempts) == (InboxStatus.FAILED, "ValueError.", 1)
    with pytest.raises(AppError):
        await service.process(database, kept.id, refuse)
    (kept,) = await messages(database)
    assert (kept.error, kept.attempts) == ("The customer is not known yet.", 2)
    assert await service.process(database, kept.id, fine)
    (kept,) = await messages(database)
    assert (kept.status, kept.error, kept.attempts) == (InboxStatus.PROCESSED, None, 3)


async def test_a_replay_announces_it_again_and_it_is_processed_again(database: Database) -> None:
    await received(database)
    (kept,) = await messages(database)

    async def fine(tx: Transaction, message: InboxMessage) -> None:
        pass

    assert await service.process(database, kept.id, fine)
    async with transaction(database, SYSTEM) as tx:
        again = await service.replay(tx, kept.id)
        with pytest.raises(NotFound):
            await service.replay(tx, InboxId(10**9))
    assert again.status is InboxStatus.RECEIVED
    assert await announced(database) == 2
    assert await service.process(database, kept.id, fine)


async def test_what_was_not_verified_has_no_effect(database: Database) -> None:
    await received(database, verified=False)
    (kept,) = await messages(database)

    async def never(tx: Transaction, message: InboxMessage) -> None:
        raise AssertionError("it was handled")

    with pytest.raises(Conflict, match="not verified"):
        await service.process(database, kept.id, never)
    async with transaction(database, SYSTEM) as tx:
        with pytest.raises(Conflict, match="not verified"):
            await service.replay(tx, kept.id)


def test_no_secret_of_a_request_is_kept() -> None:
    kept = service.without_secrets(
        {
            "Authorization": "Bearer abc",
            "Cookie": "session=1",
            "X-Api-Key": "k",
            "Svix-Signature": "v1,x",
            "Upstash-Signature": "jwt",
            "X-Csrf-Token": "t",
            "Svix-Id": "msg_1",
            "User-Agent": "evil\r\nX-Injected: 1",
            "X-Long": "x" * 5000,
            **{f"X-{number}": "1" for number in range(200)},
        }
    )
    assert kept["svix-id"] == "msg_1"
    assert kept["user-agent"] == "evil X-Injected: 1"
    assert len(kept["x-long"]) == 1024
    assert len(kept) == 64
    assert not any("abc" in value or "session" in value for value in kept.values())


@pytest.mark.parametrize(
    ("message_id", "raw", "said"),
    [("m", b"x" * (1024 * 1024 + 1), "at most"), ("m", b"x" * 20_000_000, "at most"), ("", b"", "id"),
     ("x" * 401, b"", "id"), ("a\0b", b"", "id")],
)  # fmt: skip
async def test_what_nobody_would_send_is_refused(
    database: Database, message_id: str, raw: bytes, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        async with transaction(database, SYSTEM) as tx:
            await service.receive(tx, source=TEST, message_id=message_id, headers={}, raw=raw, verified=True)
    assert await messages(database) == []


async def test_what_came_in_cannot_be_altered(database: Database) -> None:
    await received(database)
    with pytest.raises(psycopg.Error, match="permission denied"):
        async with transaction(database, SYSTEM) as tx:
            await tx.run(statement("UPDATE inbox_messages SET raw = 'x'"))


async def test_messages_are_forgotten_after_35_days(database: Database, admin_url: str) -> None:
    await received(database)
    await _move_clock(admin_url, "34 days 23 hours")
    async with transaction(database, SYSTEM) as tx:
        assert await service.prune(tx) == 0
    await _move_clock(admin_url, "35 days 1 hour")
    async with transaction(database, SYSTEM) as tx:
        assert await service.prune(tx) == 1
    assert await messages(database) == []


async def _move_clock(admin_url: str, by: str) -> None:
    import psycopg  # noqa: PLC0415 - the clock is moved by its owner, outside the application

    async with await psycopg.AsyncConnection.connect(admin_url, autocommit=True) as owner:
        await owner.execute(
            "INSERT INTO clock_offset (shift) VALUES (%s::interval)"
            " ON CONFLICT (singleton) DO UPDATE SET shift = EXCLUDED.shift",
            (by,),
        )
