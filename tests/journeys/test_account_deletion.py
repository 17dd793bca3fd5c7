"""Deleting a user: nothing of theirs is left and nothing of others' touched, whatever dies half-way."""

import asyncio
from functools import partial
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from tastemaker.accounts.api_keys import create_key
from tastemaker.accounts.current_user import CurrentUser
from tastemaker.core.errors import AppError, NotFound
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import ApiScope
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import in_transaction, transaction
from tastemaker.journeys import account_deletion_queries
from tastemaker.journeys.account_deletion import delete_user, erase_some_of
from tests.searches.rows import many, one
from tests.searches.scripted import Bench, ScriptedProvider, pages_of, working
from tests.web.test_campaigns import somebody

OWNED = """
    SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND a.attname IN ('tenant_id', 'user_id') AND a.atttypid IN ('text'::regtype, 'varchar'::regtype)
      AND NOT a.attisdropped"""
FIND = sql.SQL("SELECT 1 FROM {} WHERE {} = %s")
STAYS = {"events", "event_keys"}
"""The log stays, without what the user wrote."""
BACKED_UP = """
    INSERT INTO user_profiles_backup
    SELECT (jsonb_populate_record(NULL::user_profiles_backup, CAST(%s AS jsonb))).*
"""


def left_of(admin_url: str, user_id: str) -> set[str]:
    """Tables with a row of the user's, found by the catalog: a new one is looked into by itself."""
    with psycopg.connect(admin_url) as owner:
        columns = owner.execute(OWNED).fetchall()
        assert len({table for table, _ in columns}) > 20
        return {
            table
            for table, column in columns
            if owner.execute(FIND.format(sql.Identifier(table), sql.Identifier(column)), [user_id]).fetchone()
        }


async def delete(database: Database, user_id: str) -> None:
    await in_transaction(database, SYSTEM, partial(delete_user, user_id=ExternalUserId(user_id)))


async def with_belongings(database: Database, name: str) -> CurrentUser:
    """A user with searches that have ended, and a key."""
    user = await somebody(database, name)
    async with transaction(database, user.claim) as tx:
        await create_key(tx, user, name="mine", scopes=[ApiScope.CAMPAIGNS_READ])
    bench = Bench(database, user)
    async with working(database, ScriptedProvider(pages_of(10, 30))):
        await bench.finish(await bench.start("chess", "makeup", target=25))
    return user


async def test_everything_goes_and_nobody_elses(
    database: Database, admin_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_deletion_queries, "BATCH", 7)
    await with_belongings(database, "leaver")
    await with_belongings(database, "stayer")
    with psycopg.connect(admin_url) as owner:
        for name in ("leaver", "stayer"):
            profile = {"id": str(uuid4()), "user_id": name, "backed_up_at": "2026-01-01"}
            owner.execute(BACKED_UP, [Jsonb(profile)])
    stays = left_of(admin_url, "stayer")
    spent = await one(database, "SELECT sum(calls) FROM provider_calls")
    await delete(database, "leaver")
    while await erase_some_of(database, ExternalUserId("leaver")):
        pass
    assert left_of(admin_url, "leaver") <= STAYS
    assert left_of(admin_url, "stayer") == stays
    assert await one(database, "SELECT sum(calls) FROM provider_calls") == spent, "the books stay"
    written = "SELECT event_data::text FROM events WHERE tenant_id = 'leaver'"
    assert not any("chess" in str(told) or '"test"' in str(told) for told in await many(database, written))
    assert await one(database, "SELECT count(*) FROM events WHERE event_type = 'user_deleted'") == 1
    with pytest.raises(NotFound):
        await delete(database, "leaver")


async def test_a_running_search_ends_and_a_dead_deletion_goes_on(database: Database, admin_url: str) -> None:
    """The one who asked dies after the first transaction: a worker does the rest."""
    from tastemaker.journeys.account_deletion import erase_user  # noqa: F401, PLC0415 - registers itself

    user = await somebody(database, "leaver")
    bench = Bench(database, user)
    async with working(database, ScriptedProvider(pages_of(5, 100_000), delay=0.05)):
        search = await bench.start("garden", target=50_000)
        while (await bench.reload(search)).stored < 5:
            await asyncio.sleep(0.02)
        await delete(database, "leaver")
        pages = await one(database, "SELECT sum(pages) FROM scraping_runs")
        assert await one(database, "SELECT status FROM scraping_jobs") == "cancelled"
        await asyncio.sleep(0.3)
        assert await one(database, "SELECT coalesce(sum(pages), 0) FROM scraping_runs") in {pages, 0}
    while await erase_some_of(database, ExternalUserId("leaver")):
        pass
    assert left_of(admin_url, "leaver") <= STAYS


async def test_what_is_added_half_way_goes_too_and_afterwards_nothing_can_be(
    database: Database, admin_url: str
) -> None:
    user = await with_belongings(database, "leaver")
    await delete(database, "leaver")
    assert await erase_some_of(database, ExternalUserId("leaver"))
    bench = Bench(database, user)
    late = await bench.start("late", target=5)
    assert late.status.is_open
    while await erase_some_of(database, ExternalUserId("leaver")):
        pass
    assert left_of(admin_url, "leaver") <= STAYS
    with pytest.raises(AppError):
        await bench.start("too late", target=5)
    async with transaction(database, SYSTEM) as tx:
        assert await tx.many(statement("SELECT user_id FROM users WHERE user_id = 'leaver'", str)) == []
