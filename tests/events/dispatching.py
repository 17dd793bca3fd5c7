"""Subscribers that write down what they heard, a dispatcher beside the block, and one as a process.

`python -m tests.events.dispatching URL` runs one until it is killed.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database, open_database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction, transaction
from tastemaker.events.dispatcher import DispatcherSettings, run_dispatcher
from tastemaker.events.names import EventType, Source
from tastemaker.events.payloads import CampaignCreated
from tastemaker.events.recorded import RecordedEvent
from tastemaker.events.service import NewEvent, record_many
from tastemaker.events.subscribers import Handle, Subscriber, Subscribers

QUICK = DispatcherSettings(poll=0.05, stop_within=5.0)
MORTAL = DispatcherSettings(poll=0.05, lease=1.0, deadline=0.8)
"""For those that get killed: what they held is back soon."""

EFFECTS = """
CREATE TABLE effects (event_id uuid, subscriber text, about text);
GRANT SELECT, INSERT ON effects TO tastemaker_app;
"""

HEAR = statement("INSERT INTO effects VALUES (%(id)s, %(name)s, %(about)s)")


def make_effects(admin_url: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(EFFECTS)


async def hear(tx: Transaction, event: RecordedEvent, name: str = "heard") -> None:
    await tx.run(HEAR, id=event.id, name=name, about=event.aggregate_id)


def subscriber(name: str, *types: EventType, handle: Handle | None = None) -> Subscriber:
    async def named(tx: Transaction, event: RecordedEvent) -> None:
        await hear(tx, event, name)

    return Subscriber(name, frozenset(types or (EventType.CAMPAIGN_CREATED,)), handle or named)


def of(*subscribers: Subscriber) -> Subscribers:
    return {each.name: each for each in subscribers}


async def write(database: Database, *about: str) -> None:
    async with transaction(database, SYSTEM) as tx:
        await record_many(tx, [campaign(name) for name in about])


def campaign(about: str) -> NewEvent:
    payload = CampaignCreated(name=about, search_type="keyword")
    return NewEvent(payload=payload, aggregate_id=about, source=Source.USER_ACTION)


async def ask(database: Database, statement: str) -> list[tuple[Any, ...]]:
    async with transaction(database, SYSTEM) as tx:
        return await (await tx.connection.execute(statement.encode())).fetchall()


async def until(database: Database, statement: str, *, within: float = 30) -> None:
    """Until it answers true."""
    async with asyncio.timeout(within):
        while not (await ask(database, f"SELECT ({statement})"))[0][0]:
            await asyncio.sleep(0.03)


@asynccontextmanager
async def dispatching(
    database: Database, subscribers: Subscribers, settings: DispatcherSettings = QUICK
) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    task = asyncio.create_task(
        run_dispatcher(database, stopping=stopping, subscribers=subscribers, settings=settings)
    )
    try:
        yield
    finally:
        stopping.set()
        await task


async def _slow(tx: Transaction, event: RecordedEvent) -> None:
    await hear(tx, event, "slow")
    await asyncio.sleep(0.02)


async def _main(url: str) -> None:
    known = of(subscriber("one"), subscriber("slow", handle=_slow))
    async with open_database(url) as database:
        await run_dispatcher(database, stopping=asyncio.Event(), subscribers=known, settings=MORTAL)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
