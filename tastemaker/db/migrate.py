"""Brings a database to a step of the schema's history, and says where it is.

One migrator works at a time: it holds a lock of the database for as long as its session lives, so a killed
one lets the next go on. Each step and the record of it are one transaction.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tastemaker.core.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory
    from sqlalchemy import Connection

_DIRECTORY: Final = Path(__file__).parent / "migrations"
_NAMES: Final = {path.stem[:4]: path.stem for path in sorted(_DIRECTORY.glob("versions/[0-9]*.py"))}
HEAD: Final = max(_NAMES, default="0000")
"""The number of the last step that this code knows."""

_LOCK_KEY: Final = 0x7461_7374_656D_6B72  # "tastemkr"
_LOCK_POLL_SECONDS: Final = 0.1
_LOCK_WAIT_SECONDS: Final = 900.0
_LOCK_TIMEOUT: Final = "500ms"
_STATEMENT_TIMEOUT: Final = "10min"
_STEP_ATTEMPTS: Final = 30
_STEP_PAUSE_SECONDS: Final = 1.0
_LOCK_NOT_AVAILABLE: Final = "55P03"


class MigrationFailed(DatabaseUnavailable):
    """A step did not succeed and was rolled back; those before it stay."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """`applied` are the names of the steps taken; `weaker` says what this server does not allow."""

    before: str | None
    after: str
    applied: tuple[str, ...]
    seconds: float
    weaker: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """`report` is what a data migration counted and mapped."""

    number: str
    name: str
    applied_at: datetime | None
    report: Mapping[str, Any] | None = None


def migrate(
    admin_url: str,
    *,
    app_password: str | None,
    to: str | None = None,
    on_step: Callable[[str, float], None] | None = None,
) -> Migrated:
    """Take the database to step `to`, or to the head.

    `admin_url` is a direct connection of a superuser or of the database's owner; `app_password` becomes the
    application role's password, None leaves it. `on_step` hears each step's name and its seconds. While
    another migrator works, this one waits and then finds nothing to do. Raises DatabaseUnavailable or
    InvalidInput: one sentence, and nothing changed but the steps that had succeeded.
    """
    from tastemaker.db.migrations import ledger, preflight, privileges

    started = time.monotonic()
    goal = to or HEAD
    with _connected(admin_url) as connection:
        preflight.refuse_unfit_server(connection)
        preflight.refuse_foreign_database(connection)
        preflight.refuse_impossible_goal(connection, known=tuple(_NAMES), goal=goal)
        _lock(connection)
        connection.rollback()
        weaker = privileges.prepare_privileges(connection, app_password=app_password)
        with connection.begin():
            privileges.become_owner(connection)
            ledger.create_ledger(connection)
        before = ledger.version_of(connection)
        preflight.refuse_impossible_goal(connection, known=tuple(_NAMES), goal=goal)
        connection.rollback()
        applied = _apply_all(connection, before=before, goal=goal, on_step=on_step)
    return Migrated(before, goal, applied, time.monotonic() - started, weaker)


def history(admin_url: str) -> tuple[Step, ...]:
    """Every step this code knows, in order, with when this database took it."""
    from tastemaker.db.migrations.ledger import applied_steps, version_of

    with _connected(admin_url) as connection:
        _read_as_owner(connection)
        current, applied = version_of(connection), applied_steps(connection)
    steps = []
    for number, name in _NAMES.items():
        record = applied.get(number) if current and number <= current else None
        steps.append(Step(number, name, record and record.at, record and record.report))
    return tuple(steps)


def current(admin_url: str) -> str | None:
    """The number of the last step this database took; None before the first."""
    from tastemaker.db.migrations.ledger import version_of

    with _connected(admin_url) as connection:
        _read_as_owner(connection)
        return version_of(connection)


@contextmanager
def _connected(admin_url: str) -> Iterator["Connection"]:
    import psycopg
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    url = admin_url.replace("postgresql+psycopg://", "postgresql://", 1)
    options = {"application_name": "tastemaker migrate", "connect_timeout": 10, "prepare_threshold": None}
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url, **options), poolclass=NullPool
    )
    try:
        connection = engine.connect()
    except Exception as error:
        raise DatabaseUnavailable(f"PostgreSQL does not let us in: {_reason(error)}") from None
    with connection:
        yield connection


def _reason(error: BaseException) -> str:
    """The server's own first line, without the statement and its values."""
    original = getattr(error, "orig", None) or error
    primary = getattr(getattr(original, "diag", None), "message_primary", None)
    lines = str(primary or original).strip().splitlines()
    return lines[-1] if lines else type(original).__name__


def _read_as_owner(connection: "Connection") -> None:
    from tastemaker.db.migrations.roles import OWNER

    question = f"SELECT pg_has_role(oid, 'MEMBER') FROM pg_roles WHERE rolname = '{OWNER}'"
    if connection.exec_driver_sql(question).scalar():
        connection.exec_driver_sql(f"SET ROLE {OWNER}")


def _lock(connection: "Connection") -> None:
    """Asked again and again instead of waited for: a waiting statement would hold a snapshot open."""
    deadline = time.monotonic() + _LOCK_WAIT_SECONDS
    while not connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({_LOCK_KEY})").scalar_one():
        connection.rollback()
        if time.monotonic() > deadline:
            raise MigrationFailed(
                "Another migration of this database has been running for 15 minutes; look at it first."
            )
        time.sleep(_LOCK_POLL_SECONDS)


def _apply_all(
    connection: "Connection",
    *,
    before: str | None,
    goal: str,
    on_step: Callable[[str, float], None] | None,
) -> tuple[str, ...]:
    pending = [number for number in _NAMES if (before or "") < number <= goal]
    if not pending:
        return ()
    with connection.begin():
        connection.exec_driver_sql(f"SET lock_timeout = '{_LOCK_TIMEOUT}'")
        connection.exec_driver_sql(f"SET statement_timeout = '{_STATEMENT_TIMEOUT}'")
    script = _script_directory()
    for number in pending:
        started = time.monotonic()
        _apply_patiently(connection, script, number)
        if on_step is not None:
            on_step(_NAMES[number], time.monotonic() - started)
    return tuple(_NAMES[number] for number in pending)


def _script_directory() -> "ScriptDirectory":
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(_DIRECTORY), version_locations=[str(_DIRECTORY / "versions")])


def _apply_patiently(connection: "Connection", script: "ScriptDirectory", number: str) -> None:
    """A step that cannot have its locks at once lets the others through and tries again."""
    from sqlalchemy.exc import DBAPIError

    from tastemaker.db.migrations.privileges import sqlstate_of

    for attempt in range(_STEP_ATTEMPTS):
        try:
            return _apply(connection, script, number)
        except DBAPIError as error:
            if sqlstate_of(error) != _LOCK_NOT_AVAILABLE or attempt == _STEP_ATTEMPTS - 1:
                raise MigrationFailed(
                    f"Migration {_NAMES[number]} failed and was rolled back: {_reason(error)}"
                ) from error
            connection.rollback()
        time.sleep(_STEP_PAUSE_SECONDS)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _apply(connection: "Connection", script: "ScriptDirectory", number: str) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext

    def only_this_step(revision: Any, _: object) -> Sequence[Any]:  # noqa: ANN401 - Alembic's own signature
        return script._upgrade_revs(number, revision)  # noqa: SLF001 - what `alembic upgrade` itself calls

    config = Config(attributes={"connection": connection})
    with EnvironmentContext(config, script, fn=only_this_step, destination_rev=number):
        script.run_env()
