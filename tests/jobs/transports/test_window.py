"""How many messages are out at a time, whose, and what announcing costs when many wait."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import psycopg
import pytest

from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import transaction
from tastemaker.jobs.transports import qstash_queries
from tests.jobs.notes import column, until
from tests.jobs.transports.lines import CALM, Line
from tests.jobs.transports.test_conformance import Heard, assert_promises

CALLBACKS = {"note": "background-jobs"}

PLANT = statement("""
    INSERT INTO background_jobs (job_type, payload, priority, scheduled_for, tenant_id)
    SELECT 'note', '{"word": "x"}', 100, app_now() - make_interval(secs => %(age)s), %(tenant)s
    FROM generate_series(1, %(count)s)
""")


async def plant(database: Database, count: int, *, tenant: str, age: float = 0.0) -> None:
    async with transaction(database, SYSTEM) as tx:
        await tx.run(PLANT, count=count, tenant=tenant, age=age)


async def announce(database: Database, *, window: int) -> int:
    async with transaction(database, SYSTEM) as tx:
        return await qstash_queries.announce(tx, CALLBACKS, window=window)


@pytest.fixture
def heard() -> Heard:
    return Heard()


async def test_so_many_are_out_and_everybodys_first(database: Database) -> None:
    await plant(database, 200, tenant="many", age=60)
    await plant(database, 3, tenant="few")
    assert await announce(database, window=20) == 21
    assert await announce(database, window=20) == 0, "they have not begun yet"
    async with transaction(database, SYSTEM) as tx:
        tenants = await tx.many(statement("SELECT tenant_id FROM outbox_messages", str))
        assert Counter(tenants) == {"few": 1, "many": 20}
        await tx.run(
            statement("UPDATE background_jobs SET status = 'completed' WHERE id IN ("
                 "SELECT CAST(body ->> 'job_id' AS uuid) FROM outbox_messages LIMIT 5)")
        )  # fmt: skip
    assert await announce(database, window=20) >= 5


async def test_what_waits_its_turn_is_not_taken_for_lost(database: Database) -> None:
    await plant(database, 100, tenant="many", age=3600)
    assert await announce(database, window=10) == 10
    async with transaction(database, SYSTEM) as tx:
        assert await qstash_queries.redrive(tx, ["note"], after=30, window=10) == 0, "they are not sent yet"
        await tx.run(statement("UPDATE outbox_messages SET status = 'sent'"))
        assert await qstash_queries.redrive(tx, ["note"], after=30, window=10) == 10
    assert await announce(database, window=100) == 100, "the ten have new messages, the others their first"


@pytest.mark.slow
async def test_more_than_fit_all_run(qstash_line: Line, heard: Heard) -> None:
    await plant(qstash_line.database, 70, tenant="many")
    async with qstash_line.working(heard.handlers, settings=replace(CALM, concurrency=10)):
        await until(qstash_line.database, "completed", 70, within=60)
    assert len(heard.words) == 70
    assert max(await column(qstash_line.database, "attempt"), key=str) == 1
    await assert_promises(qstash_line.database)


@pytest.mark.parametrize(
    ("platform", "attempt", "pause"),
    [("TikTok", 0, 0), ("TikTok", 3, 2), ("Instagram", 3, 30), ("YouTube", 3, 0)],
)
async def test_a_run_that_goes_on_is_paused_as_the_operator_says(
    database: Database, platform: str, attempt: int, pause: int
) -> None:
    async with transaction(database, SYSTEM) as tx:
        await tx.run(
            statement("INSERT INTO background_jobs (job_type, payload, attempt)"
                 " VALUES ('continue_run', jsonb_build_object('platform', CAST(%(platform)s AS text)),"
                 " %(attempt)s)"),
            platform=platform,
            attempt=attempt,
        )  # fmt: skip
        pauses = {"TikTok": 2.0, "Instagram": 30.0}
        await qstash_queries.announce(tx, {"continue_run": "search-runs"}, window=5, pauses=pauses)
        waits = await tx.many(statement("SELECT available_at - created_at FROM outbox_messages", timedelta))
        assert waits == [timedelta(seconds=pause)]


async def test_announcing_looks_at_so_many_and_no_more(database: Database, admin_url: str) -> None:
    await plant(database, 40_000, tenant="many")
    with psycopg.connect(admin_url, autocommit=True) as owner:
        owner.execute("ANALYZE background_jobs")
    question = statement("EXPLAIN (ANALYZE, FORMAT JSON) " + qstash_queries.ANNOUNCE.sql, list)
    asked = {
        "callbacks": orjson.dumps(CALLBACKS).decode(),
        "job_types": ["note"],
        "window": 50,
        "pauses": "{}",
    }
    async with transaction(database, SYSTEM) as tx:
        plan = await tx.only(question, **asked)
    assert most_rows(plan[0]["Plan"]) < 2 * qstash_queries.LONGEST_LINE


def most_rows(node: dict[str, Any]) -> float:
    """Of any step, with what it threw away."""
    own = node.get("Actual Rows", 0) * node.get("Actual Loops", 1) + node.get("Rows Removed by Filter", 0)
    return max([own, *(most_rows(child) for child in node.get("Plans", []))])
