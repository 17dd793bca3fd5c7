"""Meets the needs of the migrations, in one transaction that may be repeated at any time.

Roles are shared by the whole cluster, so two databases may prepare them at once. What the connection may not
do is listed as SQL for the administrator; what the product can do without is reported as a weakness.
"""

import time
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tastemaker.db.migrations.needs import Need, needs_of
from tastemaker.db.migrations.preflight import MigrationRefused
from tastemaker.db.migrations.session import sqlstate_of

_ATTEMPTS: Final = 60
_PAUSE_SECONDS: Final = 0.05
_UNKNOWN_ROLE: Final = "42704"
_REFUSED: Final = {"42501", "22023", "0A000", "58P01", _UNKNOWN_ROLE}
"""No right to do it, a setting or an extension that this server lacks, a role that could not be made."""
_LOST_A_RACE: Final = {"40P01", "42710", "23505", "XX000"}
"""Deadlock, duplicate name or key, "tuple concurrently updated": another database prepares the same roles."""


def prepare_privileges(connection: Connection, *, app_password: str | None) -> tuple[str, ...]:
    """Create and correct roles, extensions and rights. Returns the weaknesses that remain.

    Raises MigrationRefused with the SQL to ask for, having changed nothing.
    """
    for attempt in range(_ATTEMPTS):
        try:
            with connection.begin():
                return _prepare(connection, app_password)
        except DBAPIError as error:
            if sqlstate_of(error) not in _LOST_A_RACE or attempt == _ATTEMPTS - 1:
                raise
        time.sleep(_PAUSE_SECONDS)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _prepare(connection: Connection, app_password: str | None) -> tuple[str, ...]:
    unmet: list[Need] = []
    required = False
    for need in needs_of(connection, app_password):
        if need.unless and _answer(connection, need.unless) is True:
            continue
        missing = _missing_right(connection, need.sql)
        if missing is None or (missing == _UNKNOWN_ROLE and unmet and not need.of_cluster):
            continue
        unmet.append(need)
        lived_without = need.otherwise is None or _missing_right(connection, need.otherwise) is None
        required = required or need.weakness is None or not lived_without
    if required:
        asked = [need for need in unmet if need.of_cluster or need.weakness is None]
        raise MigrationRefused(_sentence_for_administrator(connection, asked))
    return tuple(dict.fromkeys(need.weakness for need in unmet if need.weakness))


def _answer(connection: Connection, question: str) -> object:
    """None where the question itself cannot be asked, because it names a role that is not there."""
    savepoint = connection.begin_nested()
    try:
        answer: object = connection.exec_driver_sql(question).scalar()
    except DBAPIError as error:
        savepoint.rollback()
        if sqlstate_of(error) != _UNKNOWN_ROLE:
            raise
        return None
    savepoint.commit()
    return answer


def _missing_right(connection: Connection, sql: str) -> str | None:
    """None when the statement was done, else the code of its refusal."""
    savepoint = connection.begin_nested()
    try:
        connection.exec_driver_sql(sql)
    except DBAPIError as error:
        savepoint.rollback()
        code = sqlstate_of(error)
        if code not in _REFUSED:
            raise
        return code
    savepoint.commit()
    return None


def _sentence_for_administrator(connection: Connection, asked: list[Need]) -> str:
    who = connection.exec_driver_sql("SELECT session_user").scalar_one()
    listed = "".join(f"\n  {_without_secret(need.sql)};" for need in asked)
    return f"The role {who!r} lacks rights; have the server's administrator run this, then repeat:{listed}"


def _without_secret(sql: str) -> str:
    """The administrator fills the password in: psql's `-v app_password=…`."""
    statement, password, _ = sql.partition(" PASSWORD ")
    return f"{statement}{password}:'app_password'" if password else sql
