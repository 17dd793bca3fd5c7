"""Migrates a database to a step of its schema, and reports at which step it is.

One migrator works at a time. It holds an advisory lock for as long as its session lives, so the next one can
continue after a kill. Each step and the record of it are one transaction.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from tastemaker.core.clock import monotonic
from tastemaker.db.claims import Claim, claims_json
from tastemaker.db.migrations import ledger, preflight, session
from tastemaker.db.migrations.privileges import prepare_privileges
from tastemaker.db.migrations.steps import NAMES, take_steps
from tastemaker.db.transaction import CLAIM

HEAD: Final = max(NAMES)
"""The number of the last step that this code knows."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """`applied` are the names of the steps taken; `weaker` says what this server does not allow."""

    before: str | None
    after: str
    applied: tuple[str, ...]
    seconds: float
    weaker: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MigrationStep:
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
    started = monotonic()
    goal = to or HEAD
    with session.connected(admin_url) as connection:
        preflight.refuse_unfit_server(connection)
        connection.rollback()
        session.lock_out_others(connection)
        preflight.refuse_foreign_database(connection)
        before = ledger.version_of(connection)
        preflight.refuse_impossible_goal(before, known=tuple(NAMES), goal=goal)
        connection.rollback()
        weaker = prepare_privileges(connection, app_password=app_password)
        with connection.begin():
            session.become_owner(connection)
            ledger.create_ledger(connection)
        pending = [number for number in NAMES if (before or "") < number <= goal]
        applied = take_steps(connection, pending, on_step=on_step)
    return Migrated(before, goal, applied, monotonic() - started, weaker)


@contextmanager
def as_owner(admin_url: str, claim: Claim) -> Iterator[Connection]:
    """One transaction of the schema's owner, whom row-level security binds too, on behalf of `claim`."""
    with session.connected(admin_url) as connection, connection.begin():
        session.become_owner(connection)
        connection.exec_driver_sql(CLAIM, {"claims": claims_json(claim)})
        yield connection


def history(admin_url: str) -> tuple[MigrationStep, ...]:
    """Every step this code knows, in order, with when this database took it."""
    with session.connected(admin_url) as connection:
        session.become_owner_to_read(connection)
        applied = ledger.applied_steps(connection)
    steps = []
    for number, name in NAMES.items():
        record = applied.get(number, ledger.NOT_APPLIED)
        steps.append(MigrationStep(number, name, record.at, record.report))
    return tuple(steps)


def current(admin_url: str) -> str | None:
    """The number of the last step this database took; None before the first."""
    with session.connected(admin_url) as connection:
        session.become_owner_to_read(connection)
        return ledger.version_of(connection)
