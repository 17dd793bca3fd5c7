"""Through PgBouncer in transaction mode with one server connection: everything works, no claim leaks."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext
from pathlib import Path

import psycopg
import pytest

from tastemaker.core.ids import ExternalUserId
from tastemaker.db import embedded
from tastemaker.db.access import APP_ROLE
from tastemaker.db.claims import SYSTEM, Claim, Tenant
from tastemaker.db.pool import Database, open_database
from tastemaker.db.profiles import PoolProfile
from tastemaker.db.statements import statement
from tastemaker.db.transaction import read_many, transaction
from tests.db.isolation.conftest import Attacked
from tests.db.isolation.planting import ALICE, BOB
from tests.db.isolation.pooler import BINARY, FOLLOWS, MISSING, pgbouncer, pooled, version
from tests.db.isolation.test_crossing import CLAIMS, claiming
from tests.db.isolation.test_sessions import HERS, hers_seen

pytestmark = [pytest.mark.slow, pytest.mark.skipif(BINARY is None, reason=MISSING)]

USERS = statement("SELECT user_id FROM users ORDER BY user_id", str)
USER = statement("SELECT user_id FROM users WHERE user_id = %(user_id)s", str)
COUNT_USERS = statement("SELECT count(*) FROM users", int)
BROKEN = statement("SELECT 1 / 0 AS broken", int)
PID = statement("SELECT pg_backend_pid()", int)
TIME_ZONE = statement("SELECT current_setting('TimeZone')", str)
LOSE = statement("UPDATE users SET industry = 'lost'")
NOTIFY = statement("NOTIFY background_jobs")
WHO: dict[str, Claim] = {ALICE: Tenant(ExternalUserId(ALICE)), BOB: Tenant(ExternalUserId(BOB))}
UNPREPARED = PoolProfile(min_size=1, max_size=8, prepared_statements=False)


@pytest.fixture(scope="module")
def pooler(attacked: Attacked) -> Iterator[Path]:
    with pgbouncer(attacked.server, {APP_ROLE: embedded.app_password(attacked.server.home)}) as folder:
        yield folder


@pytest.fixture
async def database(attacked: Attacked, pooler: Path) -> AsyncIterator[Database]:
    url = pooled(attacked.app_url, pooler)
    async with open_database(url, UNPREPARED, direct_url=attacked.app_url) as opened:
        yield opened


@pytest.fixture
def tables(attacked: Attacked) -> list[tuple[str, str]]:
    columns = attacked.planted.tenant_columns
    return [(t, c) for t, c in columns.items() if t != "user_profiles_backup"]


async def test_one_connection_serves_everybody_their_own(database: Database) -> None:
    async def look(name: str) -> None:
        assert await read_many(database, WHO[name], USERS) == [name]
        async with transaction(database, WHO[name]) as tx:
            assert await tx.many(USERS) == [name]
            assert await tx.many(USERS) == [name]

    async def fail(name: str) -> None:
        with pytest.raises(psycopg.errors.DivisionByZero):
            await read_many(database, WHO[name], BROKEN)
        with pytest.raises(RuntimeError):
            async with transaction(database, WHO[name]) as tx:
                await tx.run(LOSE)
                raise RuntimeError

    async def look_without() -> None:
        async with database.pool.connection() as connection:
            row = await (await connection.execute("SELECT count(*), app_tenant() FROM users")).fetchone()
            assert row == (0, None)

    for _ in range(10):
        await asyncio.gather(*(look(name) for name in WHO), *(fail(name) for name in WHO), look_without())


async def test_all_share_one_server_connection(database: Database) -> None:
    answers = await asyncio.gather(*(read_many(database, SYSTEM, PID) for _ in range(20)))
    assert len({pid for answer in answers for pid in answer}) == 1


async def test_nobody_keeps_the_connection_for_good(database: Database) -> None:
    """Thousands of reads by more callers than connections: each gets its turn."""
    for _ in range(100):
        reads = (read_many(database, WHO[n], USERS) for n in [*WHO] * 15)
        answers = await asyncio.wait_for(asyncio.gather(*reads), 30)
        assert answers == [[ALICE], [BOB]] * 15


async def test_statements_repeat_without_being_prepared(database: Database) -> None:
    for _ in range(12):
        await asyncio.gather(*(read_many(database, WHO[n], USER, user_id=n) for n in WHO))
    async with transaction(database, SYSTEM) as tx:
        for _ in range(12):
            assert await tx.only(COUNT_USERS) == 2


async def test_only_a_newer_pooler_follows_prepared_statements(attacked: Attacked, pooler: Path) -> None:
    async def repeat(database: Database) -> None:
        for _ in range(20):
            await read_many(database, SYSTEM, USERS)

    lost = (psycopg.errors.DuplicatePreparedStatement, psycopg.errors.InvalidSqlStatementName)
    prepared = PoolProfile(min_size=2, max_size=2)
    async with open_database(pooled(attacked.app_url, pooler), prepared) as database:
        with pytest.raises(lost) if version() < FOLLOWS else nullcontext():
            await asyncio.gather(*(repeat(database) for _ in range(4)))


async def test_pipelines_copy_and_savepoints_work(database: Database) -> None:
    async with transaction(database, WHO[BOB]) as tx:
        async with tx.connection.pipeline():
            cursors = [await tx.connection.execute("SELECT user_id FROM users") for _ in range(5)]
        assert [await cursor.fetchall() for cursor in cursors] == [[(BOB,)]] * 5
        async with tx.connection.cursor().copy("COPY (SELECT user_id FROM users) TO STDOUT") as copied:
            assert [row async for row in copied.rows()] == [(BOB,)]
        async with tx.savepoint():
            assert await tx.only(COUNT_USERS) == 1


async def test_listening_goes_past_it(database: Database, attacked: Attacked) -> None:
    assert database.url == attacked.app_url
    async with await psycopg.AsyncConnection.connect(database.url, autocommit=True) as listener:
        await listener.execute("LISTEN background_jobs")
        async with transaction(database, SYSTEM) as tx:
            await tx.run(NOTIFY)
        assert [note.channel async for note in listener.notifies(timeout=10, stop_after=1)] == [
            "background_jobs"
        ]


async def test_utc_holds_when_the_environment_asks_for_another_zone(
    attacked: Attacked, pooler: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGTZ", "America/New_York")
    async with open_database(pooled(attacked.app_url, pooler), UNPREPARED) as database:
        zones = await asyncio.gather(*(read_many(database, SYSTEM, TIME_ZONE) for _ in range(10)))
    assert zones == [["UTC"]] * 10


def test_no_claim_of_one_client_reaches_the_next(
    attacked: Attacked, pooler: Path, tables: list[tuple[str, str]]
) -> None:
    url = pooled(attacked.app_url, pooler)
    with (
        psycopg.connect(url, autocommit=True, prepare_threshold=None) as first,
        psycopg.connect(url, autocommit=True, prepare_threshold=None) as second,
    ):
        for claim in (HERS, '{"role": "tastemaker_system"}'):
            with claiming(first, claim):
                assert hers_seen(first, tables) == {table for table, _ in tables}
            assert hers_seen(second, tables) == set()
            with pytest.raises(psycopg.errors.DivisionByZero), claiming(first, claim):
                first.execute("SELECT 1 / 0")
            assert hers_seen(second, tables) == set()
        for forged in CLAIMS:
            try:
                with claiming(second, forged):
                    assert hers_seen(second, tables) == set(), forged
            except psycopg.errors.InvalidTextRepresentation:
                continue


def test_a_client_that_vanishes_inside_its_transaction_leaves_nothing(
    attacked: Attacked, pooler: Path, tables: list[tuple[str, str]]
) -> None:
    url = pooled(attacked.app_url, pooler)
    for _ in range(3):
        vanishing = psycopg.connect(url, prepare_threshold=None)
        vanishing.execute("SELECT set_config('request.jwt.claims', %s, true)", (HERS,))
        vanishing.pgconn.finish()
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as next_client:
            assert hers_seen(next_client, tables) == set()
