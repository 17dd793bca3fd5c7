"""Appending events against the driver's executemany into the same two tables, in the same run.

Batches are one transaction of 1,000 events, singles one transaction each. The bare ways write the rows that
ours does, keys and events, as the application's role. The last rows leave out what our tables have beside
their indexes: triggers and row-level security.
"""

import asyncio
import itertools
from typing import Any, Final

import psycopg

from bench.measuring import Way, arguments, database, server, show, timed
from tastemaker.core.ids import new_id
from tastemaker.db.claims import SYSTEM, claims_json
from tastemaker.db.pool import Database, open_database
from tastemaker.db.profiles import PoolProfile
from tastemaker.db.transaction import transaction
from tastemaker.events.names import Source
from tastemaker.events.payloads import SearchFinished
from tastemaker.events.service import NewEvent, record, record_many

BATCH: Final = 1000
CLAIM: Final = "SELECT set_config('request.jwt.claims', %s, true)"
PAYLOAD: Final = SearchFinished(status="completed", outcome="full", stored=100, pages=5)

KEYS: Final = """
    INSERT INTO {prefix}event_keys (idempotency_key, event_id, "timestamp") VALUES (%(key)s, %(id)s, now())
    ON CONFLICT DO NOTHING
"""
EVENTS: Final = """
    INSERT INTO {prefix}events (id, aggregate_id, aggregate_type, event_type, event_data, idempotency_key,
                                source_system, correlation_id, causation_id, tenant_id)
    VALUES (%(id)s, %(about)s, 'job', 'search_finished', %(data)s, %(key)s, 'system_automation', %(about)s,
            NULL, %(tenant)s)
"""
COPIES: Final = """
    CREATE TABLE bare_events (LIKE events INCLUDING ALL);
    CREATE TABLE bare_event_keys (LIKE event_keys INCLUDING ALL);
    GRANT SELECT, INSERT ON bare_events, bare_event_keys TO tastemaker_app;
"""


def _copies(connection: psycopg.Connection) -> None:
    connection.execute(COPIES)


def _rows(count: int) -> list[dict[str, Any]]:
    data = PAYLOAD.model_dump_json()
    return [
        {
            "id": new_id(),
            "about": (about := str(new_id())),
            "key": f"system_automation_{about}_search_finished",
            "data": data,
            "tenant": "bench",
        }
        for _ in range(count)
    ]


def _news(count: int) -> list[NewEvent]:
    return [
        NewEvent(
            payload=PAYLOAD,
            aggregate_id=(about := str(new_id())),
            correlation_id=about,
            source=Source.SYSTEM_AUTOMATION,
        )
        for _ in range(count)
    ]


def _bare(connection: psycopg.AsyncConnection[Any], count: int, prefix: str = "") -> Way:
    keys, events = KEYS.format(prefix=prefix).encode(), EVENTS.format(prefix=prefix).encode()

    async def way() -> None:
        rows = _rows(count)
        await connection.execute(CLAIM, (claims_json(SYSTEM),))
        async with connection.cursor() as cursor:
            await cursor.executemany(keys, rows)
            await cursor.executemany(events, rows)
        await connection.commit()

    return way


def _ours(opened: Database, count: int) -> Way:
    async def many() -> None:
        async with transaction(opened, SYSTEM) as tx:
            await record_many(tx, _news(count))

    async def one() -> None:
        async with transaction(opened, SYSTEM) as tx:
            about = str(new_id())
            await record(
                tx, PAYLOAD, aggregate_id=about, source=Source.SYSTEM_AUTOMATION, correlation_id=about
            )

    return one if count == 1 else many


def _loops(ways: dict[str, Way], times: int) -> dict[str, Way]:
    def loop(way: Way) -> Way:
        async def repeated() -> None:
            for _ in itertools.repeat(None, times):
                await way()

        return repeated

    return {name: loop(way) for name, way in ways.items()}


async def main() -> None:
    options = arguments(__doc__, rounds=10)
    with server(options.postgres_bin) as running:
        urls = database(running, "bench_events", _copies)
        async with (
            open_database(urls.app, PoolProfile(min_size=1, max_size=1)) as ours,
            await psycopg.AsyncConnection.connect(urls.app) as bare,
        ):
            for title, count, repeats in (("batches of 1,000", BATCH, 1), ("singles, 50 in turn", 1, 1)):
                ways = {
                    "bare executemany, the same two tables": _bare(bare, count),
                    "ours": _ours(ours, count),
                    "bare, copies without triggers and policies": _bare(bare, count, "bare_"),
                }
                took = await timed(
                    ways if count > 1 else _loops(ways, 50), rounds=options.rounds, repeats=repeats, warm_up=3
                )
                show(title, took)


if __name__ == "__main__":
    asyncio.run(main())
