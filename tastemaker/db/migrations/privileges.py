"""What the history needs from a privileged connection: roles, their settings, extensions, rights on `public`.

Roles are names of the whole cluster: ours are prefixed, and two databases may prepare them at once.
Everything here is one transaction and may be repeated at any time. What the connection may not do is listed
as SQL for the administrator; what the product can live without is reported as a weakness instead.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tastemaker.db.migrations.preflight import MigrationRefused
from tastemaker.db.migrations.roles import APP, DOOR, EXTENSIONS_SCHEMA, OWNER, ROLES, Role, role_statements
from tastemaker.db.migrations.session import sqlstate_of

_ATTEMPTS: Final = 60
_PAUSE_SECONDS: Final = 0.05
_REFUSED: Final = {"42501", "22023"}
"""Without the right, or on a platform that does not know the setting."""
_LOST_A_RACE: Final = {"40P01", "42710", "23505", "XX000"}
"""Deadlock, duplicate name or key, "tuple concurrently updated": another database prepares the same roles."""


@dataclass(frozen=True, slots=True)
class Need:
    """One statement. With a `weakness`, the product runs without it, weaker in that way."""

    sql: str
    weakness: str | None = None
    otherwise: str | None = None


def prepare_privileges(connection: Connection, *, app_password: str | None) -> tuple[str, ...]:
    """Bring roles, extensions and rights to where they must be. Returns what stays weaker.

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
    refused: list[Need] = []
    weaker: list[str] = []
    for need in _needs(connection, app_password):
        if _granted(connection, need.sql):
            continue
        if need.otherwise and _granted(connection, need.otherwise):
            weaker.append(need.weakness or need.sql)
        elif need.weakness and not need.otherwise:
            weaker.append(need.weakness)
        else:
            refused.append(need)
    if refused:
        raise MigrationRefused(_sentence_for_administrator(connection, refused))
    return tuple(weaker)


def _granted(connection: Connection, sql: str) -> bool:
    savepoint = connection.begin_nested()
    try:
        connection.exec_driver_sql(sql)
    except DBAPIError as error:
        savepoint.rollback()
        if sqlstate_of(error) not in _REFUSED:
            raise
        return False
    savepoint.commit()
    return True


def _sentence_for_administrator(connection: Connection, refused: list[Need]) -> str:
    who = connection.exec_driver_sql("SELECT session_user").scalar_one()
    listed = "".join(f"\n  {_without_secret(need.sql)};" for need in refused)
    return f"The role {who!r} lacks rights; have the server's administrator run this, then repeat:{listed}"


def _without_secret(sql: str) -> str:
    statement, password, _ = sql.partition(" PASSWORD ")
    return f"{statement}{password}'…'" if password else sql


def _needs(connection: Connection, app_password: str | None) -> Iterator[Need]:
    """What is not yet so, in the order in which it can be done; asked lazily, so each sees the one before."""
    for role in ROLES:
        yield from _role_needs(connection, role)
    if app_password is not None:
        verifier = _encrypted(connection, app_password)
        yield Need(f"ALTER ROLE {APP} PASSWORD '{verifier}'")
    yield from _membership_needs(connection)
    yield from _database_needs(connection)
    yield from _extension_needs(connection)


def _role_needs(connection: Connection, role: Role) -> Iterator[Need]:
    for sql in role_statements(connection, role):
        if " BYPASSRLS" in sql:
            yield Need(
                sql,
                weakness=f"{role.name} cannot bypass row-level security; what it reads needs policies",
                otherwise=sql.replace(" BYPASSRLS", "") if sql.startswith("CREATE") else "SELECT 1",
            )
        elif "client_connection_check_interval" in sql:
            yield Need(sql, weakness="a statement whose client has gone runs to its end")
        else:
            yield Need(sql)


def _encrypted(connection: Connection, password: str) -> str:
    """The password as the server stores it, so that the plain one reaches no log."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("the connection is not psycopg's")
    return driver.pgconn.encrypt_password(password.encode(), APP.encode(), b"scram-sha-256").decode()


def _membership_needs(connection: Connection) -> Iterator[Need]:
    can_become = "SELECT pg_has_role('{member}', '{role}', '{how}')"
    version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
    how = "SET" if version >= 160_000 else "MEMBER"  # noqa: PLR2004 - PostgreSQL 16 tells the two apart
    me = connection.exec_driver_sql("SELECT session_user").scalar_one()
    for role, member in ((OWNER, str(me)), (DOOR, OWNER)):
        question = can_become.format(member=member.replace("'", "''"), role=role, how=how)
        if not connection.exec_driver_sql(question).scalar_one():
            quoted = '"' + member.replace('"', '""') + '"'
            yield Need(f"GRANT {role} TO {quoted}")


def _database_needs(connection: Connection) -> Iterator[Need]:
    name = connection.exec_driver_sql("SELECT quote_ident(current_database())").scalar_one()
    yield Need(f"ALTER DATABASE {name} SET timezone = 'UTC'")
    yield Need(f'ALTER DATABASE {name} SET search_path = "$user", public, {EXTENSIONS_SCHEMA}')
    everybody = ", ".join(role.name for role in ROLES)
    yield Need(f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {everybody}")
    yield Need(f"GRANT CREATE ON DATABASE {name} TO {OWNER}")
    yield Need("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    yield Need(f"GRANT USAGE ON SCHEMA public TO {everybody}")
    yield Need(f"GRANT USAGE, CREATE ON SCHEMA public TO {OWNER} WITH GRANT OPTION")
    yield Need(f"CREATE SCHEMA IF NOT EXISTS {EXTENSIONS_SCHEMA}")
    yield Need(f"GRANT USAGE ON SCHEMA {EXTENSIONS_SCHEMA} TO {everybody}")


def _extension_needs(connection: Connection) -> Iterator[Need]:
    weaknesses = {
        "pg_trgm": None,
        "unaccent": "unaccent is missing: searches do not ignore accents",
        "pg_stat_statements": "pg_stat_statements is missing: slow queries are not counted",
    }
    rows = connection.exec_driver_sql(
        "SELECT name, installed_version IS NOT NULL FROM pg_available_extensions"
    )
    available: dict[str, bool] = dict(tuple(row) for row in rows)
    for name, weakness in weaknesses.items():
        if name not in available and weakness is None:
            raise MigrationRefused(
                f"This server lacks the extension {name}; install PostgreSQL's contrib package on it."
            )
        if available.get(name, True):
            continue
        yield Need(f"CREATE EXTENSION IF NOT EXISTS {name} SCHEMA {EXTENSIONS_SCHEMA}", weakness=weakness)
