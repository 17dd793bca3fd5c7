"""The one place where a command gets its database: started, at the schema's head, open as the local user."""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from logging.handlers import RotatingFileHandler
from typing import Concatenate, ParamSpec, TypeVar

import psycopg

from tastemaker.accounts.current_user import LOCAL_USER, CurrentUser
from tastemaker.accounts.queries import find_current_user
from tastemaker.accounts.service import ensure_local_user, get_current_user
from tastemaker.cli.failures import redacted
from tastemaker.cli.groups import ACTING_FOR
from tastemaker.core.errors import DatabaseUnavailable
from tastemaker.core.ids import new_id
from tastemaker.core.logging import get_logger
from tastemaker.core.private_files import private_folder
from tastemaker.core.settings import Settings, get_settings
from tastemaker.db.access import (
    DatabaseUrls,
    RoleWithoutRights,
    database_access,
    find_schema_version,
    needed_version,
    refuse_half_adopted,
    schema_refusal,
)
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.reasons import reason_of
from tastemaker.db.transaction import transaction
from tastemaker.events.context import caused_by
from tastemaker.runtime import connected

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

LARGEST_LOG = 1_000_000
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@dataclass(frozen=True, slots=True)
class Session:
    """What a command works with. `user`: the local one, or the one that `tastemaker --user` names."""

    settings: Settings
    access: DatabaseUrls
    database: Database
    user: CurrentUser

    @property
    def where(self) -> str:
        return "the embedded database" if self.access.embedded else "the database of DATABASE_URL"


def with_session(
    work: Callable[Concatenate[Session, Parameters], Awaitable[Result]],
) -> Callable[Parameters, Result]:
    """Make a command of `work`, which takes a session before what was typed."""

    @wraps(work)
    def command(*arguments: Parameters.args, **options: Parameters.kwargs) -> Result:
        return in_session(lambda session: work(session, *arguments, **options))

    signature = inspect.signature(work)
    typed = list(signature.parameters.values())[1:]
    command.__signature__ = signature.replace(parameters=typed)  # type: ignore[attr-defined]  # Typer reads it
    return command


def in_session(work: Callable[[Session], Awaitable[Result]]) -> Result:
    """Run a command's work. Raises DatabaseUnavailable."""
    with at_head() as (settings, access):
        return asyncio.run(open_session(settings, access, work))


@contextmanager
def at_head() -> Iterator[tuple[Settings, DatabaseUrls]]:
    """A running database whose schema is this program's."""
    settings = get_settings()
    with database_access(settings) as access, logging_to_file(settings):
        ensure_head(access)
        yield settings, access


def ensure_head(access: DatabaseUrls) -> None:
    """Migrate where the schema is behind and the administrator is known; else say what to do."""
    version = _schema_version(access)
    if refusal := schema_refusal(version, access):
        raise DatabaseUnavailable(refusal)
    if version != needed_version() and access.admin_url is not None:
        _migrate(access.admin_url, access.app_password)


async def open_session(
    settings: Settings, access: DatabaseUrls, work: Callable[[Session], Awaitable[Result]]
) -> Result:
    async with connected(settings, access) as database:
        async with transaction(database, SYSTEM) as tx:
            user = await find_current_user(tx, LOCAL_USER)
            if user is None:
                user = await ensure_local_user(tx)
        if (named := ACTING_FOR.get()) is None:
            return await work(Session(settings, access, database, user))
        other = await _named(database, named)
        with caused_by(correlation_id=str(new_id()), metadata={"actor": user.user_id, "caller": "cli"}):
            return await work(Session(settings, access, database, other))


async def _named(database: Database, reference: str) -> CurrentUser:
    """Raises NotFound, Conflict."""
    from tastemaker.admin.users import find_user

    async with transaction(database, SYSTEM) as tx:
        return await get_current_user(tx, await find_user(tx, reference))


def _schema_version(access: DatabaseUrls) -> str | None:
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
    """Raises HalfAdopted."""
    with psycopg.connect(admin_url, connect_timeout=10, autocommit=True) as connection:
        refuse_half_adopted(connection)
    from tastemaker.cli.screen import say
    from tastemaker.config_store.migrate import migrate_and_declare
    from tastemaker.core.display import counted, seconds

    done = migrate_and_declare(admin_url, app_password=app_password)
    if done.applied:
        what = "Brought the database up to date" if done.before else "Set up the database"
        say(f"{what}: {counted(len(done.applied), 'step')}, {seconds(done.seconds)}.", style="dim")
    for sentence in done.weaker:
        say(sentence, style="yellow")


@contextmanager
def logging_to_file(settings: Settings) -> Iterator[None]:
    """Warnings go to a file in the data directory, without secrets, unless --debug shows them."""
    log = get_logger("tastemaker")
    if log.handlers:
        yield
        return
    handler = _handler(settings)
    before = log.propagate, log.level
    log.propagate = False
    log.setLevel(logging.getLevelNamesMapping().get(settings.log_level.upper(), logging.WARNING))
    log.addHandler(handler)
    library, propagated = logging.getLogger("psycopg"), logging.getLogger("psycopg").propagate
    library.addHandler(handler)
    library.propagate = False  # a pool without its server warns at each try, and would flood a terminal
    try:
        yield
    finally:
        library.removeHandler(handler)
        log.removeHandler(handler)
        handler.close()
        log.propagate, log.level = before
        library.propagate = propagated


def _handler(settings: Settings) -> logging.Handler:
    """Where the directory cannot be written, nothing is logged."""
    try:
        folder = settings.home / "log"
        private_folder(folder)
        handler = RotatingFileHandler(
            folder / "tastemaker.log", maxBytes=LARGEST_LOG, backupCount=1, encoding="utf-8", delay=True
        )
    except OSError:
        return logging.NullHandler()
    handler.setFormatter(_Redacting(LOG_FORMAT))
    return handler


class _Redacting(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))
