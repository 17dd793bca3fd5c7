"""The steps and running them: each in its own transaction, with retries for its locks."""

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tastemaker.core.clock import monotonic
from tastemaker.db.migrations.session import MigrationFailed, reason_of, sqlstate_of

_DIRECTORY: Final = Path(__file__).parent
NAMES: Final = {path.stem[:4]: path.stem for path in sorted(_DIRECTORY.glob("versions/[0-9]*.py"))}
"""Every step by its number, in order."""

_LOCK_TIMEOUT: Final = "500ms"
_STATEMENT_TIMEOUT: Final = "10min"
_ATTEMPTS: Final = 30
_PAUSE_SECONDS: Final = 1.0
_LOCK_NOT_AVAILABLE: Final = "55P03"
_ALEMBIC: Final = threading.Lock()
"""Alembic keeps its context in module globals, so two threads of one process must take turns."""


def take_steps(
    connection: Connection, numbers: Iterable[str], *, on_step: Callable[[str, float], None] | None
) -> tuple[str, ...]:
    """Their names, all taken. Raises MigrationFailed; the steps before the failed one stay."""
    with connection.begin():
        connection.exec_driver_sql(f"SET lock_timeout = '{_LOCK_TIMEOUT}'")
        connection.exec_driver_sql(f"SET statement_timeout = '{_STATEMENT_TIMEOUT}'")
        connection.exec_driver_sql("SET tastemaker.migrating = 'on'")
    script = ScriptDirectory(str(_DIRECTORY), version_locations=[str(_DIRECTORY / "versions")])
    taken = []
    for number in numbers:
        started = monotonic()
        _take_patiently(connection, script, number)
        taken.append(NAMES[number])
        if on_step is not None:
            on_step(NAMES[number], monotonic() - started)
    return tuple(taken)


def _take_patiently(connection: Connection, script: ScriptDirectory, number: str) -> None:
    """A step that does not get its locks at once is rolled back, so that others continue, and retried."""
    for attempt in range(_ATTEMPTS):
        try:
            return _take(connection, script, number)
        except DBAPIError as error:
            if sqlstate_of(error) != _LOCK_NOT_AVAILABLE or attempt == _ATTEMPTS - 1:
                raise MigrationFailed(
                    f"Migration {NAMES[number]} failed and was rolled back: {reason_of(error)}"
                ) from error
        time.sleep(_PAUSE_SECONDS)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _take(connection: Connection, script: ScriptDirectory, number: str) -> None:
    def this_step(revision: Any, _: object) -> list[Any]:  # noqa: ANN401 - Alembic's own signature
        return list(script._upgrade_revs(number, revision))  # noqa: SLF001 - what `alembic upgrade` calls

    config = Config(attributes={"connection": connection})
    with _ALEMBIC, EnvironmentContext(config, script, fn=this_step, destination_rev=number):
        script.run_env()
