"""Whoever has thousands waiting delays nobody else, among jobs of the same priority."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import psycopg
import pytest

from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import Done, JobContext, JobResult
from tastemaker.jobs.worker_state import WorkerSettings
from tests.jobs.notes import NOTE, Note, until, working

if TYPE_CHECKING:
    from tastemaker.core.ids import ExternalUserId


async def put(database: Database, tenant: str | None, count: int, *, priority: int | None = None) -> None:
    async with transaction(database, SYSTEM) as tx:
        for _ in range(count):
            note = Note(word=tenant or "nobody")
            await publish(tx, NOTE, note, tenant_id=cast("ExternalUserId", tenant), priority=priority)


@asynccontextmanager
async def noting(database: Database, *, concurrency: int) -> AsyncIterator[list[str]]:
    """Whose jobs were run, in the order in which they began."""
    order: list[str] = []

    async def handle(_: JobContext, note: Note) -> JobResult:
        order.append(note.word)
        await asyncio.sleep(0.02)
        return Done()

    settings = WorkerSettings(poll=0.05, concurrency=concurrency, stop_within=1.0)
    async with working(database, handle, settings=settings):
        yield order


async def turn_of(order: list[str], name: str) -> int:
    async with asyncio.timeout(20):
        while name not in order:
            await asyncio.sleep(0.005)
    return order.index(name)


@pytest.mark.parametrize("late", ["zoe", "adam", None])
async def test_thousands_of_one_tenant_do_not_keep_another_waiting(
    database: Database, late: str | None
) -> None:
    for tenant in ("anna", "bert", "carl"):
        await put(database, tenant, 60)
    async with noting(database, concurrency=6) as order:
        while len(order) < 20:
            await asyncio.sleep(0.005)
        await put(database, late, 1)
        before = len(order)
        waited = await turn_of(order, late or "nobody") - before
        await until(database, "completed", 181, within=30)
    assert waited <= 24, "the hundred and more that waited before it do not go first"
    shares = Counter(order[12:100])
    assert min(shares[name] for name in ("anna", "bert", "carl")) >= 12, (
        "nor does one of the three wait for the others"
    )


@pytest.mark.parametrize("places", [1, 2])
async def test_a_worker_of_few_places_goes_round_too(database: Database, places: int) -> None:
    for tenant in ("anna", "bert", "carl"):
        await put(database, tenant, 40)
    async with noting(database, concurrency=places) as order:
        async with asyncio.timeout(30):
            while len(order) < 60:
                await asyncio.sleep(0.005)
    shares = Counter(order[:60])
    assert min(shares[name] for name in ("anna", "bert", "carl")) >= 15, shares


async def test_those_who_only_have_something_later_do_not_stop_the_round(
    database: Database, admin_url: str
) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute("""
            INSERT INTO background_jobs (job_type, payload, scheduled_for, waits_for, tenant_id)
            SELECT 'note', '{"word": "later"}', now() + interval '1 day', 'time', 'c' || number
            FROM generate_series(1, 1500) AS number
        """)
    await put(database, "anna", 60)
    async with noting(database, concurrency=4) as order:
        while len(order) < 10:
            await asyncio.sleep(0.005)
        await put(database, "zoe", 1)
        before = len(order)
        assert await turn_of(order, "zoe") - before <= 16


async def test_fairness_is_among_equals_and_priority_holds(database: Database) -> None:
    await put(database, "anna", 40, priority=10)
    await put(database, "zoe", 10, priority=90)
    async with noting(database, concurrency=4) as order:
        await until(database, "completed", 50, within=30)
    assert order[:36] == ["anna"] * 36, "the last of hers are claimed together with the first of the others"
