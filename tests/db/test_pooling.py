"""Connections: how many, for how long, under which limits, and in UTC wherever the client thinks it is."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from tastemaker.core.errors import DatabaseUnavailable, InvalidInput
from tastemaker.core.settings import Settings, get_settings
from tastemaker.db import embedded
from tastemaker.db.access import APP_ROLE, database_access
from tastemaker.db.claims import SYSTEM
from tastemaker.db.migrate import migrate
from tastemaker.db.pool import Database, NoConnectionFree, Pool, lend, open_database
from tastemaker.db.profiles import (
    BUDGET,
    LISTENING,
    LOCAL,
    RESERVED_FOR_SUPERUSERS,
    SERVER_CONNECTIONS,
    SERVERLESS,
    PoolProfile,
    pool_profile,
    processes_within_budget,
)
from tastemaker.db.statements import statement
from tastemaker.db.transaction import read_many, read_one, transaction
from tastemaker.worker import run_worker_process

LISTENERS = """
    SELECT query FROM pg_stat_activity
    WHERE datname = current_database() AND query ~* '^LISTEN' AND pid <> pg_backend_pid()
"""
ONE = statement("SELECT 1", int)
SLEEP = statement("SELECT pg_sleep(%(seconds)s)")
INSERT_USER = statement(
    "INSERT INTO users (user_id, created_at) VALUES ('alice', timezone('UTC', %(given)s::timestamptz))"
)
INSERT_CREATOR = statement("""
    INSERT INTO creators (platform, stable_id, source, policy, fetched_at, first_seen_at)
    VALUES ('TikTok', '1', 'x', 'x', %(given)s, %(given)s)
""")
CREATED_AT = statement("SELECT created_at FROM users", datetime)
NEW_YORK = "America/New_York"
AN_INSTANT = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
"""In the night in which Europe's clocks change."""


def test_the_profiles_are_the_specified_ones() -> None:
    assert PoolProfile(max_size=10, max_idle=120, max_lifetime=7200, connect_timeout=30) == LOCAL
    assert (
        PoolProfile(min_size=0, max_size=5, max_idle=30, max_lifetime=3600, connect_timeout=10) == SERVERLESS
    )


def test_the_environment_chooses_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pool_profile(Settings()) == LOCAL
    monkeypatch.setenv("TASTEMAKER_POOL_PROFILE", "serverless")
    monkeypatch.setenv("TASTEMAKER_PREPARED_STATEMENTS", "off")
    assert pool_profile(Settings(), wait=2) == replace(SERVERLESS, wait=2, prepared_statements=False)
    monkeypatch.setenv("TASTEMAKER_POOL_PROFILE", "enormous")
    get_settings.cache_clear()
    with pytest.raises(InvalidInput, match="TASTEMAKER_POOL_PROFILE"):
        get_settings()
    get_settings.cache_clear()


def test_the_budget_leaves_room_for_people() -> None:
    usable = SERVER_CONNECTIONS - RESERVED_FOR_SUPERUSERS
    assert usable == 57
    assert sum(BUDGET.values()) <= 50
    processes = {
        use: (processes_within_budget(LOCAL, use), processes_within_budget(SERVERLESS, use))
        for use in ("web", "workers")
    }
    assert processes == {"web": (1, 2), "workers": (2, 4)}
    assert 2 * LISTENING["web"] + 2 * LISTENING["workers"] == BUDGET["listen"]


async def test_a_worker_process_listens_by_as_many_connections_as_the_budget_says(
    database: Database, admin_url: str
) -> None:
    stopping = asyncio.Event()
    process = asyncio.create_task(run_worker_process(database, {}, {}, stopping=stopping))
    listening: list[tuple[str]] = []
    async with await psycopg.AsyncConnection.connect(admin_url, autocommit=True) as admin:
        async with asyncio.timeout(20):
            while len(listening) < LISTENING["workers"]:
                await asyncio.sleep(0.05)
                listening = await (await admin.execute(LISTENERS)).fetchall()
        await asyncio.sleep(0.3)
        assert len(await (await admin.execute(LISTENERS)).fetchall()) == LISTENING["workers"]
    stopping.set()
    await process


def test_the_way_past_a_pooler(admin_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://pooler.example.com:6543/postgres")
    monkeypatch.setenv("DATABASE_DIRECT_URL", "postgresql://direct.example.com/postgres")
    monkeypatch.setenv("DATABASE_ADMIN_URL", "postgresql://admin@direct.example.com/postgres")
    with database_access(Settings()) as access:
        assert access.direct_url == "postgresql://direct.example.com/postgres"
        assert access.admin_url == "postgresql://admin@direct.example.com/postgres"
    monkeypatch.delenv("DATABASE_ADMIN_URL")
    monkeypatch.setenv("DATABASE_URL", admin_url)
    monkeypatch.setenv("DATABASE_DIRECT_URL", admin_url)
    with database_access(Settings()) as access:
        assert access.admin_url == admin_url
        assert access.direct_url is not None
        assert psycopg.conninfo.conninfo_to_dict(access.direct_url)["user"] == APP_ROLE


async def test_listening_goes_past_the_pooler(app_url: str) -> None:
    async with open_database(app_url, direct_url="postgresql://direct.example.com/x") as database:
        assert database.url == "postgresql://direct.example.com/x"


async def test_a_pool_without_its_server_does_not_flood_the_log(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """In every process that opens a database, whoever set up its logging."""
    library = logging.getLogger("psycopg.pool")
    for number in range(100):
        library.warning("error connecting in %r: attempt %d", "a pool of this test", number)
    library.warning("something else")
    assert [record.message for record in caplog.records if record.name == library.name] == [
        "error connecting in 'a pool of this test': attempt 0",
        "something else",
    ]


async def test_who_waits_too_long_is_told_so(app_url: str) -> None:
    async with open_database(app_url, PoolProfile(max_size=1, wait=0.2)) as database:
        async with database.pool.connection():
            with pytest.raises(NoConnectionFree, match="in use"):
                async with transaction(database, SYSTEM) as tx:
                    await tx.run(ONE)
            with pytest.raises(NoConnectionFree, match="in use"):
                await read_many(database, SYSTEM, ONE)
        assert await read_many(database, SYSTEM, ONE) == [1]


async def test_a_pool_never_grows_past_its_size(app_url: str) -> None:
    async with open_database(app_url, PoolProfile(max_size=3)) as database:
        busy = [read_many(database, SYSTEM, SLEEP, seconds=0.05) for _ in range(12)]
        await asyncio.gather(*busy)
        assert database.pool.get_stats()["pool_size"] <= 3


async def test_every_session_has_its_limits(database: Database) -> None:
    names = (
        "statement_timeout", "idle_in_transaction_session_timeout", "client_connection_check_interval",
        "TimeZone",
    )  # fmt: skip
    async with transaction(database, SYSTEM) as tx:
        values = [await tx.one(statement(f"SHOW {name}", str)) for name in names]
    assert values == ["30s", "15s", "1s", "UTC"]


def test_each_role_has_its_limits(admin_url: str) -> None:
    with psycopg.connect(admin_url) as connection:
        rows = connection.execute(
            "SELECT r.rolname, s.setconfig FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole"
            " WHERE s.setdatabase = 0"
        ).fetchall()
    limits = {role: dict(setting.split("=", 1) for setting in settings) for role, settings in rows}
    assert limits["tastemaker_readonly"]["statement_timeout"] == "60s"
    assert limits["tastemaker_readonly"]["idle_in_transaction_session_timeout"] == "60s"
    assert limits["tastemaker_readonly"]["default_transaction_read_only"] == "on"
    assert limits["tastemaker_backup"]["statement_timeout"] == "0"
    assert {settings["TimeZone"] for settings in limits.values()} == {"UTC"}


@pytest.fixture
async def abroad(app_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """A client whose environment asks for another zone, which wins over the role's setting."""
    monkeypatch.setenv("PGTZ", NEW_YORK)
    with psycopg.connect(app_url) as plain:
        assert plain.execute("SHOW timezone").fetchone() == (NEW_YORK,)
    async with open_database(app_url, PoolProfile(min_size=1, max_size=1)) as database:
        yield database


async def test_our_sessions_are_in_utc_wherever_they_start(abroad: Database) -> None:
    async with transaction(abroad, SYSTEM) as tx:
        assert await tx.one(statement("SHOW timezone", str)) == "UTC"
        await tx.run(statement("INSERT INTO users (user_id) VALUES ('alice')"))
        drift = statement("SELECT created_at - (now() AT TIME ZONE 'UTC') AS drift FROM users", timedelta)
        assert await tx.one(drift) == timedelta(0)


@pytest.mark.parametrize("zone", ["UTC", NEW_YORK, "Asia/Kathmandu", "Pacific/Kiritimati"])
@pytest.mark.parametrize("reader_zone", ["UTC", "Asia/Tokyo"])
async def test_an_instant_is_the_same_from_every_zone(
    zone: str, reader_zone: str, database: Database
) -> None:
    """Both kinds of column, written and read by sessions that were moved to some zone."""
    given = AN_INSTANT.astimezone(timezone(timedelta(hours=-7)))
    async with transaction(database, SYSTEM) as tx:
        await tx.run(statement(f"SET LOCAL timezone = '{zone}'"))
        await tx.run(INSERT_USER, given=given)
        await tx.run(INSERT_CREATOR, given=given)
    async with transaction(database, SYSTEM) as tx:
        await tx.run(statement(f"SET LOCAL timezone = '{reader_zone}'"))
        assert await tx.one(CREATED_AT) == AN_INSTANT
        assert await tx.one(statement("SELECT fetched_at FROM creators", datetime)) == AN_INSTANT
        changed = await tx.only(statement("SELECT updated_at FROM users", datetime))
    assert changed.tzinfo is UTC
    assert await read_one(database, SYSTEM, CREATED_AT) == AN_INSTANT


@pytest.mark.slow
async def test_idle_connections_are_closed(app_url: str) -> None:
    async with open_database(app_url, PoolProfile(min_size=0, max_size=4, max_idle=1)) as database:
        busy = [read_many(database, SYSTEM, SLEEP, seconds=0.2) for _ in range(4)]
        await asyncio.gather(*busy)
        assert database.pool.get_stats()["pool_size"] >= 2
        for _ in range(100):
            if database.pool.get_stats()["pool_size"] == 0:
                break
            await asyncio.sleep(0.1)
        assert database.pool.get_stats()["pool_size"] == 0


@pytest.mark.slow
async def test_a_statement_whose_client_is_gone_ends(app_url: str, admin_url: str) -> None:
    leaving = await psycopg.AsyncConnection.connect(app_url, autocommit=True)
    pid = leaving.info.backend_pid
    leaving.pgconn.send_query(b"SELECT pg_sleep(20)")
    leaving.pgconn.flush()
    await asyncio.sleep(0.3)
    leaving.pgconn.finish()
    async with await psycopg.AsyncConnection.connect(admin_url, autocommit=True) as owner:
        for _ in range(40):
            there = await owner.execute("SELECT FROM pg_stat_activity WHERE pid = %s", (pid,))
            if await there.fetchone() is None:
                return
            await asyncio.sleep(0.1)
    pytest.fail("the statement goes on, four seconds after its client left")


async def test_a_server_that_is_gone_is_not_called_busy() -> None:
    pool: Pool = AsyncConnectionPool("postgresql://nobody@127.0.0.1:1/x", min_size=1, timeout=0.2, open=False)
    await pool.open()
    try:
        with pytest.raises(DatabaseUnavailable, match=r"out of reach: .*refused") as raised:
            async with lend(Database("", pool, prepares=True)):
                pass
    finally:
        await pool.close()
    assert not isinstance(raised.value, NoConnectionFree)


@pytest.mark.slow
async def test_the_whole_budget_fits_sixty_connections(tmp_path: Path) -> None:
    """Every pool full, and a person still gets in."""
    limited = {"max_connections": str(SERVER_CONNECTIONS), "fsync": "off"}
    chosen = os.environ.get("TASTEMAKER_POSTGRES_BIN")
    with embedded.running(tmp_path, bin_dir=Path(chosen) if chosen else None, settings=limited) as small:
        migrate(small.url(), app_password=embedded.app_password(tmp_path))
        url = small.url(role=APP_ROLE)
        async with AsyncExitStack() as opened:
            for use in ("web", "workers"):
                for _ in range(processes_within_budget(LOCAL, use)):
                    database = await opened.enter_async_context(open_database(url, replace(LOCAL, wait=1)))
                    for _ in range(LOCAL.max_size):
                        await opened.enter_async_context(database.pool.connection())
                    with pytest.raises(NoConnectionFree):
                        await read_many(database, SYSTEM, ONE)
            for use in ("listen", "operations", "migrations"):
                for _ in range(BUDGET[use]):
                    await opened.enter_async_context(await psycopg.AsyncConnection.connect(url))
            async with await psycopg.AsyncConnection.connect(small.url()) as person:
                counted = await person.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE usename = %s", (APP_ROLE,)
                )
                assert await counted.fetchone() == (sum(BUDGET.values()),)


async def test_connections_that_the_server_closed_are_replaced(app_url: str, admin_url: str) -> None:
    """As after a restart: more of them than the pool may hold, and still somebody gets one."""
    async with (
        open_database(app_url, replace(LOCAL, max_size=2, wait=5)) as database,
        await psycopg.AsyncConnection.connect(admin_url, autocommit=True) as admin,
    ):
        for _ in range(6):
            with pytest.raises(psycopg.Error):
                async with transaction(database, SYSTEM) as tx:
                    pid = await tx.one(statement("SELECT pg_backend_pid()", int))
                    await admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
                    await tx.run(ONE)
        async with transaction(database, SYSTEM) as tx:
            assert await tx.one(ONE) == 1


async def test_who_waits_in_vain_opens_at_most_one_connection(
    app_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty wait for the only connection, in two waves: a probe at a time, however many they are."""
    connect, under_way, opened = psycopg.AsyncConnection.connect, [0], list[int]()

    async def counted(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - psycopg's own
        under_way[0] += 1
        opened.append(under_way[0])
        try:
            return await connect(*args, **kwargs)
        finally:
            under_way[0] -= 1

    async with (
        open_database(app_url, PoolProfile(max_size=1, wait=0.2)) as database,
        database.pool.connection(),
    ):
        monkeypatch.setattr(psycopg.AsyncConnection, "connect", counted)
        for _ in range(2):
            waiting = [read_many(database, SYSTEM, ONE) for _ in range(30)]
            refusals = await asyncio.gather(*waiting, return_exceptions=True)
            assert {type(refusal) for refusal in refusals} == {NoConnectionFree}
        monkeypatch.undo()
    assert (max(opened), len(opened) <= 2) == (1, True)
