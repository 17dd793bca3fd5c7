"""The outbox's promises, one by one, on a real server as the application's role."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tastemaker.core.errors import Conflict, InvalidInput, NotFound
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM, Tenant
from tastemaker.db.enums import OutboxStatus
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import transaction
from tastemaker.outbox import channels, queries, service
from tastemaker.outbox.channels import MaybeSent, NotSent, OutboxId, Outcome, Refused, Sent
from tastemaker.outbox.relay import RelaySettings
from tests.conftest import AddUsers
from tests.outbox.relaying import (
    AGAIN,
    ONCE,
    QUICK,
    Postman,
    column,
    make_due,
    put_keys,
    relaying,
    told,
    until,
)


@pytest.fixture(autouse=True)
def _nothing_heard_yet() -> Iterator[None]:
    told.clear()
    yield
    told.clear()


async def test_a_message_leaves_when_its_transaction_commits_and_not_otherwise(database: Database) -> None:
    postman = Postman()
    with pytest.raises(RuntimeError, match="changed my mind"):
        async with transaction(database, SYSTEM) as tx:
            await service.put(tx, channel=ONCE, body={}, dedupe_key="lost")
            raise RuntimeError("changed my mind")
    async with relaying(database, ONCE, postman):
        async with transaction(database, SYSTEM) as tx:
            await service.put(tx, channel=ONCE, body={}, dedupe_key="kept")
            await asyncio.sleep(0.2)
            assert postman.taken == []
        await until(database, "sent", 1)
    assert postman.keys == ["kept"]
    assert await column(database, "external_id") == ["x"]
    assert told == [("kept", OutboxStatus.SENT)]


async def test_one_of_a_key_is_written_for_good(database: Database) -> None:
    first = await put_keys(database, ONCE, ["a", "a"])
    assert first[0] is not None
    assert first[1] is None
    postman = Postman()
    async with relaying(database, ONCE, postman):
        await until(database, "sent", 1)
        assert await put_keys(database, ONCE, ["a"]) == [None]
        assert await put_keys(database, AGAIN, ["a"]) != [None], "each channel has its own keys"
    assert postman.keys == ["a"]


async def test_many_relays_send_each_message_once(database: Database) -> None:
    postman = Postman()
    await put_keys(database, ONCE, [str(number) for number in range(60)])
    async with (
        relaying(database, ONCE, postman),
        relaying(database, ONCE, postman),
        relaying(database, ONCE, postman),
    ):
        await until(database, "sent", 60)
    assert sorted(postman.keys, key=int) == [str(number) for number in range(60)]


async def test_no_transaction_is_open_while_it_is_sent(database: Database) -> None:
    seen: list[int] = []
    looked = asyncio.Event()

    async def look() -> Outcome:
        seen.append(int((await column(database, _OPEN))[0]))
        looked.set()
        return Sent()

    await put_keys(database, ONCE, ["a"])
    async with relaying(database, ONCE, Postman(look), settings=replace(QUICK, poll=60)):
        await asyncio.wait_for(looked.wait(), 30)  # who asked the database meanwhile would see himself
        await until(database, "sent", 1)
    assert seen == [0]


_OPEN = (
    "(SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND state LIKE 'idle in transaction%%' AND pid <> pg_backend_pid())"
)


async def test_a_put_wakes_a_sleeping_relay(database: Database) -> None:
    async with relaying(database, ONCE, Postman(), settings=replace(QUICK, poll=60)):
        await asyncio.sleep(0.3)
        await put_keys(database, ONCE, ["a"])
        await until(database, "sent", 1, within=10)


async def test_what_surely_failed_goes_again_later_and_is_given_up_in_the_end(database: Database) -> None:
    postman = Postman(NotSent("Busy."))
    await put_keys(database, ONCE, ["a"])
    async with relaying(database, ONCE, postman):
        for attempt in (1, 2):
            async with asyncio.timeout(10):
                while len(postman.taken) < attempt or (await column(database, "status")) != ["pending"]:
                    await asyncio.sleep(0.02)
            assert (await column(database, "available_at > app_now() + interval '0.4 s'")) == [True]
            await make_due(database)
        await until(database, "failed", 1)
    assert [message.attempt for message in postman.taken] == [1, 2, 3]
    assert await column(database, "error") == ["Busy."]
    assert told == [("a", OutboxStatus.FAILED)]


async def test_what_is_refused_is_not_tried_again(database: Database) -> None:
    postman = Postman(Refused("No such mailbox."))
    await put_keys(database, AGAIN, ["a"])
    async with relaying(database, AGAIN, postman):
        await until(database, "failed", 1)
        await make_due(database)
        await asyncio.sleep(0.2)
    assert len(postman.taken) == 1


@pytest.mark.parametrize("trouble", [MaybeSent("Lost."), ValueError("a person's data")])
async def test_doubt_ends_unknown_where_twice_is_worse_than_never(
    database: Database, trouble: Outcome | Exception
) -> None:
    postman = Postman(trouble)
    await put_keys(database, ONCE, ["a"])
    async with relaying(database, ONCE, postman):
        await until(database, "unknown", 1)
        await make_due(database)
        await asyncio.sleep(0.2)
    assert len(postman.taken) == 1
    assert "a person's data" not in (await column(database, "error"))[0]


async def test_doubt_goes_again_with_the_same_key_where_the_receiver_deduplicates(database: Database) -> None:
    postman = Postman(MaybeSent("Lost."), Sent("y"))
    await put_keys(database, AGAIN, ["a"])
    async with relaying(database, AGAIN, postman):
        async with asyncio.timeout(10):
            while len(postman.taken) < 2:
                await make_due(database)
                await asyncio.sleep(0.05)
        await until(database, "sent", 1)
    assert postman.keys == ["a", "a"]


@pytest.mark.parametrize(("channel", "expected"), [(ONCE, "unknown"), (AGAIN, "pending")])
async def test_what_a_dead_relay_held(database: Database, channel: channels.Channel, expected: str) -> None:
    await put_keys(database, channel, ["a"])
    async with transaction(database, SYSTEM) as tx:
        assert len(await queries.claim(tx, channel, batch=5, lease=-1)) == 1
    async with transaction(database, SYSTEM) as tx:
        (message,) = await queries.rescue(tx, channel)
    assert message.status == expected
    async with transaction(database, SYSTEM) as tx:
        assert not await queries.settle(tx, message, OutboxStatus.FAILED), "it is nobody's any more"
        assert await queries.settle(tx, message, OutboxStatus.SENT), "what is known is believed, late too"


async def test_a_late_answer_of_an_older_attempt_changes_nothing(database: Database) -> None:
    await put_keys(database, AGAIN, ["a"])
    async with transaction(database, SYSTEM) as tx:
        (frozen,) = await queries.claim(tx, AGAIN, batch=1, lease=-1)
        await queries.rescue(tx, AGAIN)
        (present,) = await queries.claim(tx, AGAIN, batch=1, lease=60)
        assert not await queries.settle(tx, frozen, OutboxStatus.SENT)
        assert await queries.settle(tx, present, OutboxStatus.SENT)


async def test_a_relay_that_was_frozen_past_its_deadline_sends_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    jumps = iter([0.0, 1000.0])
    monkeypatch.setattr("tastemaker.outbox.relay.monotonic", lambda: next(jumps, 1000.0))
    postman = Postman()
    await put_keys(database, ONCE, ["a"])
    async with relaying(database, ONCE, postman):
        async with asyncio.timeout(10):
            while (await column(database, "error")) == [None]:
                await asyncio.sleep(0.02)
        assert postman.taken == []
        assert await column(database, "status") == ["pending"]


async def test_a_relay_that_is_stopped_waits_and_says_what_it_does_not_know(database: Database) -> None:
    release = asyncio.Event()

    async def short() -> Outcome:
        await asyncio.sleep(0.2)
        return Sent()

    async def endless() -> Outcome:
        await release.wait()
        return Sent()

    await put_keys(database, ONCE, ["a", "b"])
    postman = Postman(short, endless)
    async with relaying(database, ONCE, postman, settings=RelaySettings(poll=0.05, stop_within=0.6)):
        async with asyncio.timeout(10):
            while len(postman.taken) < 2:
                await asyncio.sleep(0.01)
    assert sorted(await column(database, "status")) == ["sent", "unknown"]


async def test_a_sender_that_does_not_end_is_ended(database: Database) -> None:
    async def endless() -> Outcome:
        await asyncio.sleep(3600)
        return Sent()

    await put_keys(database, ONCE, ["a"])
    async with relaying(database, ONCE, Postman(endless)):
        await until(database, "unknown", 1)


async def test_tenants_do_not_see_each_others_messages(database: Database, add_users: AddUsers) -> None:
    add_users("alice", "bob")
    alice, bob = Tenant(ExternalUserId("alice")), Tenant(ExternalUserId("bob"))
    async with transaction(database, alice) as tx:
        assert await service.put(tx, channel=ONCE, body={}, dedupe_key="hers")
    async with transaction(database, bob) as tx:
        assert await queries.list_messages(tx, status=None, channel=None, limit=10) == []
    async with transaction(database, SYSTEM) as tx:
        (seen,) = await queries.list_messages(tx, status=None, channel=None, limit=10)
    assert seen.tenant_id == "alice"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"large": "x" * 300_000}, "at most"),
        ({"large": "x" * 20_000_000}, "at most"),
        ({"nul": "a\0b"}, "NUL"),
        ({"surrogate": "\ud800"}, "JSON"),
        ({"object": object()}, "JSON"),
    ],
)
async def test_bodies_that_cannot_be_stored_are_refused(
    database: Database, body: dict[str, object], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        async with transaction(database, SYSTEM) as tx:
            await service.put(tx, channel=ONCE, body=body, dedupe_key="a")
    assert await column(database, "id") == []


async def test_the_operator_decides_about_what_is_unknown(database: Database) -> None:
    first, second, third = [OutboxId(one or 0) for one in await put_keys(database, ONCE, ["a", "b", "c"])]
    async with relaying(database, ONCE, Postman(MaybeSent("Lost."))):
        await until(database, "unknown", 3)
    told.clear()
    async with transaction(database, SYSTEM) as tx:
        assert (await service.resolve(tx, first, was_sent=True)).status is OutboxStatus.SENT
        assert (await service.resolve(tx, second, was_sent=False)).status is OutboxStatus.FAILED
        with pytest.raises(Conflict, match="nothing to decide"):
            await service.resolve(tx, first, was_sent=False)
        with pytest.raises(Conflict, match="twice"):
            await service.retry(tx, third)
        await service.retry(tx, third, may_double=True)
        await service.retry(tx, second)
        with pytest.raises(Conflict, match="is sent"):
            await service.retry(tx, first)
        with pytest.raises(NotFound):
            await service.retry(tx, OutboxId(10**9))
    assert told == [("a", OutboxStatus.SENT), ("b", OutboxStatus.FAILED)]
    postman = Postman()
    async with relaying(database, ONCE, postman):
        await until(database, "sent", 3)
    assert sorted(postman.keys) == ["b", "c"]


async def test_what_waits_can_be_taken_back(database: Database) -> None:
    await put_keys(database, ONCE, ["a", "b"])
    async with transaction(database, SYSTEM) as tx:
        assert await service.take_back(tx, ONCE, ["a", "gone"], reason="No need.") == {"a"}
    postman = Postman()
    async with relaying(database, ONCE, postman):
        await until(database, "sent", 1)
    assert postman.keys == ["b"]
    assert sorted(await column(database, "status")) == ["cancelled", "sent"]


async def test_what_is_over_is_kept_for_its_time_and_what_is_undecided_for_longer(
    database: Database, admin_url: str
) -> None:
    await put_keys(database, ONCE, ["sent"])
    async with relaying(database, ONCE, Postman()):
        await until(database, "sent", 1)
    await put_keys(database, ONCE, ["unknown"])
    async with relaying(database, ONCE, Postman(MaybeSent("Lost."))):
        await until(database, "unknown", 1)
    async with transaction(database, SYSTEM) as tx:
        assert await service.prune(tx, days=1) == 0
        await tx.run(_AGE)
        assert await service.prune(tx, days=1) == 1
    assert await column(database, "status") == ["unknown"]


_AGE = statement("UPDATE outbox_messages SET created_at = created_at - interval '2 days'")


def test_a_channels_name_is_its_own() -> None:
    with pytest.raises(ValueError, match="test_once"):
        channels.declare(replace(ONCE, meaning="Another."))
    with pytest.raises(InvalidInput, match="test_again"):
        channels.channel_named("nowhere")
