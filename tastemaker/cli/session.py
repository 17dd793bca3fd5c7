"""The one place where a command gets its database: started, at the schema's head, open as the local user."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import psycopg

from tastemaker.cli.log_file import logging_to_file
from tastemaker.core.errors import DatabaseUnavailable
from tastemaker.core.settings import Settings, get_settings
from tastemaker.db.access import (
    Access,
    RoleWithoutRights,
    database_access,
    find_schema_version,
    needed_version,
)
from tastemaker.db.reasons import reason_of

if TYPE_CHECKING:
    from tastemaker.accounts.current_user import CurrentUser
    from tastemaker.db.engine import Database

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Session:
    """What a command works with. `where` says in a few words which database it is."""

    settings: Settings
    access: Access
    database: "Database"
    user: "CurrentUser"

    @property
    def where(self) -> str:
        return "the embedded database" if self.access.embedded else "the database of DATABASE_URL"


def in_session(work: Callable[[Session], Awaitable[Result]]) -> Result:
    """Run a command's work. Raises DatabaseUnavailable."""
    with at_head() as (settings, access):
        return asyncio.run(open_session(settings, access, work))


@contextmanager
def at_head() -> Iterator[tuple[Settings, Access]]:
    """A running database whose schema is this program's."""
    settings = get_settings()
    with database_access(settings) as access, logging_to_file(settings):
        ensure_head(access)
        yield settings, access


def ensure_head(access: Access) -> None:
    """Migrate where the schema is behind and the administrator is known; else say what to do."""
    version, head = _schema_version(access), needed_version()
    if version == head:
        return
    if version is not None and version > head:
        raise DatabaseUnavailable(
            f"The database is at step {version} of its history; this program knows {head} as the last. "
            "Install a newer Tastemaker."
        )
    if access.admin_url is None:
        have = f"is at step {version}" if version else "has no schema yet"
        raise DatabaseUnavailable(
            f"The database {have}, this program needs step {head}. Set DATABASE_ADMIN_URL and run "
            "`tastemaker db migrate`."
        )
    _migrate(access.admin_url, access.app_password)


async def open_session(
    settings: Settings, access: Access, work: Callable[[Session], Awaitable[Result]]
) -> Result:
    from tastemaker.accounts.current_user import LOCAL_USER
    from tastemaker.accounts.service import ensure_local_user
    from tastemaker.db.claims import Tenant
    from tastemaker.db.engine import session_scope
    from tastemaker.runtime import connected

    async with connected(settings, access) as database:
        async with session_scope(database, Tenant(LOCAL_USER)) as session:
            user = await ensure_local_user(session)
        return await work(Session(settings, access, database, user))


def _schema_version(access: Access) -> str | None:
    """None also where the application's role is not there yet, which only the migrations make."""
    try:
        return find_schema_version(access.app_url)
    except psycopg.OperationalError as error:
        if access.admin_url is not None:
            return None
        raise DatabaseUnavailable(f"PostgreSQL does not let us in: {reason_of(error)}") from None
    except RoleWithoutRights:
        if access.admin_url is not None:
            return None
        raise


def _migrate(admin_url: str, app_password: str | None) -> None:
    from tastemaker.cli.numbers import counted, seconds
    from tastemaker.cli.screen import say
    from tastemaker.config_store.migrate import migrate_and_declare

    done = migrate_and_declare(admin_url, app_password=app_password)
    if done.applied:
        what = "Brought the database up to date" if done.before else "Set up the database"
        say(f"{what}: {counted(len(done.applied), 'step')}, {seconds(done.seconds)}.", style="dim")
    for sentence in done.weaker:
        say(sentence, style="yellow")
