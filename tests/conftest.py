"""One real server per test process, one migrated template, a fresh clone for every test that asks."""

import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.accounts.service import ensure_local_user
from tastemaker.db import embedded
from tastemaker.db.access import APP_ROLE
from tastemaker.db.claims import SYSTEM
from tastemaker.db.embedded import Server
from tastemaker.db.migrate import migrate
from tastemaker.db.pool import Database, open_database
from tastemaker.db.transaction import transaction

FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
TEMPLATE = "template_tastemaker"
QUICK = "tastemaker-test-"
"""How folders of tests begin; the number of their process follows."""

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
ENOUGH_MEMORY = 3 << 30
"""Free bytes that a folder in memory needs, so that no machine is brought to its knees."""

FIRST_WITH_ITERATIONS = 160_000

Administrator = psycopg.Connection[tuple[Any, ...]]
MakeDatabase = Callable[[str | None], str]
AddUsers = Callable[..., None]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real creator tables beside the checkout."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared creator data does not lie beside this checkout")
    return folder


@pytest.fixture(scope="session")
def quick_place() -> Path:
    """Where temporary folders of databases belong: in memory where there is enough of it.

    A clone is five hundred files: 18 ms there, 96 ms on a disk.
    """
    try:
        spacious = shutil.disk_usage(MEMORY).free > ENOUGH_MEMORY and os.access(MEMORY, os.W_OK)
        runs_programs = not os.statvfs(MEMORY).f_flag & getattr(os, "ST_NOEXEC", 0)
    except OSError:
        return Path(tempfile.gettempdir())
    return MEMORY if spacious and runs_programs else Path(tempfile.gettempdir())


@pytest.fixture(scope="session")
def quick_folder(quick_place: Path) -> Iterator[Path]:
    """This process's own; what a killed one left there is thrown away, for it would stay in memory."""
    for left in quick_place.glob(f"{QUICK}[0-9]*"):
        owner = left.name.removeprefix(QUICK).partition("-")[0]
        if not Path("/proc", owner).exists():
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{QUICK}{os.getpid()}-", dir=quick_place) as name:
        yield Path(name)


@pytest.fixture(scope="session")
def server(quick_folder: Path) -> Iterator[Server]:
    """The embedded server, from TASTEMAKER_POSTGRES_BIN's binaries where that is set."""
    chosen = os.environ.get("TASTEMAKER_POSTGRES_BIN")
    home = quick_folder / "server"
    home.mkdir()
    with embedded.running(home, bin_dir=Path(chosen) if chosen else None, settings=FAST) as running:
        yield running


@pytest.fixture(scope="session")
def administrator(server: Server) -> Iterator[Administrator]:
    """A superuser's connection that stays, for three statements of each test.

    With one iteration of SCRAM for 4096, which each connection pays on both sides (from PostgreSQL 16 on).
    """
    with psycopg.connect(server.url(database="postgres"), autocommit=True) as connection:
        if connection.info.server_version >= FIRST_WITH_ITERATIONS:
            password = sql.Literal(connection.info.password)
            connection.execute("SET scram_iterations = 1")
            connection.execute(sql.SQL("ALTER ROLE CURRENT_USER PASSWORD {}").format(password))
        yield connection


@pytest.fixture(scope="session")
def template(server: Server, administrator: Administrator) -> str:
    """A database at head, to be cloned."""
    administrator.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    migrate(server.url(database=TEMPLATE), app_password=embedded.app_password(server.home))
    return TEMPLATE


@pytest.fixture(scope="session")
def make_database(server: Server, administrator: Administrator) -> MakeDatabase:
    """Makes a database, a clone of the given template or an empty one; the name is new."""
    numbers = itertools.count(1)

    def make(template: str | None) -> str:
        name = f"test_{next(numbers)}"
        administrator.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(template or "template0")
            )
        )
        administrator.execute(_known_password(server))
        return name

    return make


@pytest.fixture
def database_name(administrator: Administrator, template: str, make_database: MakeDatabase) -> Iterator[str]:
    """A fresh database at head, dropped afterwards."""
    name = make_database(template)
    yield name
    with suppress(psycopg.Error):
        administrator.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def admin_url(server: Server, database_name: str) -> str:
    return server.url(database=database_name)


@pytest.fixture
def app_url(server: Server, database_name: str) -> str:
    return server.url(database=database_name, role=APP_ROLE)


@pytest.fixture
async def database(app_url: str) -> AsyncIterator[Database]:
    """A fresh database at head, as the application sees it."""
    async with open_database(app_url) as opened:
        yield opened


@pytest.fixture
async def user(database: Database) -> CurrentUser:
    """The local user, on the plan without limits."""
    async with transaction(database, SYSTEM) as tx:
        return await ensure_local_user(tx)


@pytest.fixture
def add_users(admin_url: str) -> AddUsers:
    """Users without a plan or anything else: a claim for a user who does not exist is refused."""

    def add(*user_ids: str) -> None:
        with psycopg.connect(admin_url, autocommit=True) as connection:
            connection.execute("INSERT INTO users (user_id) SELECT unnest(%s::text[])", (list(user_ids),))

    return add


def _known_password(server: Server) -> sql.Composed:
    """Roles belong to the whole server: a test of the migrator may have given this one another password."""
    statement = sql.SQL(
        "DO $$ BEGIN IF to_regrole({literal}) IS NOT NULL THEN"
        " ALTER ROLE {role} PASSWORD {password}; END IF; END $$"
    )
    return statement.format(
        literal=sql.Literal(APP_ROLE),
        role=sql.Identifier(APP_ROLE),
        password=sql.Literal(embedded.app_password(server.home)),
    )
