"""Optional SQL access for a tenant: a login of its own, bound to its rows, with limits.

Whose rows it sees follows from the login (`sql_access`), never from a setting; what it may do is granted to
`tastemaker_tenant`, whose member it is. A session can undo its own time limits, so `end_overlong` has to be
called every few seconds while anybody has such access: `tastemaker db access watch` does.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql

from tastemaker.core.errors import DatabaseUnavailable, NotFound
from tastemaker.core.ids import ExternalUserId, new_id, new_token
from tastemaker.db.claims import SYSTEM, claims_json
from tastemaker.db.migrations.roles import APP, COMPAT, DOOR, OWNER, TENANT

CONNECTION_LIMIT: Final = 2
SETTINGS: Final = {
    "statement_timeout": "10s",
    "idle_in_transaction_session_timeout": "10s",
    "idle_session_timeout": "5min",
    "lock_timeout": "2s",
    "work_mem": "4MB",
    "max_parallel_workers_per_gather": "0",
    "TimeZone": "UTC",
    "search_path": "public",
}
"""What a session begins with. It can change these for itself."""

HARD_SETTINGS: Final = {"temp_file_limit": "256MB"}
"""What it cannot change; only a superuser can set them."""

_FORBIDDEN_FAMILIES: Final = (
    r"pg\_advisory%", r"pg\_try\_advisory%", r"pg\_notify", r"pg\_sleep%",
    r"lo\_%", "lowrite", "loread", r"pg\_export\_snapshot",
)  # fmt: skip
"""Functions of the server by name: locks nobody watches, floods of wake-ups, files past `temp_file_limit`.

An underscore is a letter here: `lo_%` alone would take `lower()` from everybody.
"""

_FUNCTIONS: Final = """
    SELECT p.oid::regprocedure::text FROM pg_proc p
    WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname LIKE ANY (%s)
      AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) WHERE grantee = 0)
"""

_STILL_OPEN: Final = """
    SELECT has_database_privilege(%s, current_database(), 'TEMPORARY'),
           (SELECT bool_or(has_function_privilege(%s, p.oid, 'EXECUTE')) FROM pg_proc p
            WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname LIKE ANY (%s))
"""

_OVERLONG: Final = """
    SELECT pg_terminate_backend(a.pid)
    FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
    WHERE a.datname = current_database() AND NOT r.rolsuper AND pg_has_role(r.oid, %(tenant)s, 'MEMBER')
      AND extract(epoch FROM clock_timestamp() - CASE a.state WHEN 'idle' THEN a.state_change
                                                 ELSE least(a.query_start, a.xact_start) END) > %(seconds)s
      AND (a.state <> 'idle' OR EXISTS (
          SELECT FROM pg_locks held WHERE held.pid = a.pid AND held.locktype = 'advisory' AND held.granted))
"""


@dataclass(frozen=True, slots=True)
class Credentials:
    """For the tenant, once: the password is kept nowhere. `weaker` says which limits the server refused."""

    role: str
    password: str
    weaker: tuple[str, ...] = ()


class AccessRefused(DatabaseUnavailable):
    """The connection is not one that can make or remove logins."""


def grant_sql_access(admin_url: str, user_id: ExternalUserId) -> Credentials:
    """A login that sees that user's rows. Again for the same user: the same login, a new password.

    Raises NotFound, DatabaseUnavailable.
    """
    password = new_token(24)
    with _connected(admin_url) as connection, connection.transaction():
        _refuse_unknown_user(connection, user_id)
        role = _role_of(connection, user_id)
        if role is None:
            role = f"{TENANT.removesuffix('tenant')}sql_{new_id().hex}"
            _make_role(connection, role, user_id)
        _set_password(connection, role, password)
        weaker = tuple(_limit(connection, role))
    return Credentials(role, password, weaker)


def revoke_sql_access(admin_url: str, user_id: ExternalUserId) -> bool:
    """End the login's sessions and remove it; before its user is deleted. False: the user had none."""
    with _connected(admin_url) as connection, connection.transaction():
        role = _role_of(connection, user_id)
        if role is None:
            return False
        name = sql.Identifier(role)
        connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(name))
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (role,)
        )
        _allowed(connection, sql.SQL("DROP OWNED BY {}").format(name))
        connection.execute(sql.SQL("DROP ROLE {}").format(name))
        _as_owner(connection, "DELETE FROM sql_access WHERE role_name = %s", (role,))
    return True


def end_overlong(admin_url: str, seconds: float) -> int:
    """End sessions of tenants whose statement or transaction is older, or that sit on an advisory lock.

    How many were ended. A statement that ends in time is never touched, however often it comes.
    """
    with _connected(admin_url) as connection:
        return len(connection.execute(_OVERLONG, {"tenant": TENANT, "seconds": seconds}).fetchall())


@contextmanager
def _connected(admin_url: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    try:
        with psycopg.connect(
            admin_url, autocommit=True, connect_timeout=10, prepare_threshold=None
        ) as connection:
            yield connection
    except psycopg.errors.InsufficientPrivilege as error:
        raise AccessRefused(
            f"DATABASE_ADMIN_URL's role may not do this: {error.diag.message_primary}."
        ) from None
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(f"PostgreSQL does not let us in: {str(error).splitlines()[-1]}") from None


def _as_owner(
    connection: psycopg.Connection[tuple[Any, ...]], statement: LiteralString, parameters: tuple[object, ...]
) -> list[tuple[Any, ...]]:
    """Under the system's claim, in the transaction that is open; then the administrator again."""
    connection.execute("SELECT set_config('request.jwt.claims', %s, true)", (claims_json(SYSTEM),))
    connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(OWNER)))
    connection.execute("SET LOCAL search_path = public")
    cursor = connection.execute(statement, parameters)
    rows = cursor.fetchall() if cursor.description else []
    connection.execute("RESET ROLE")
    return rows


def _refuse_unknown_user(connection: psycopg.Connection[tuple[Any, ...]], user_id: ExternalUserId) -> None:
    if not _as_owner(connection, "SELECT 1 FROM users WHERE user_id = %s", (user_id,)):
        raise NotFound("There is no such user.")


def _role_of(connection: psycopg.Connection[tuple[Any, ...]], user_id: ExternalUserId) -> str | None:
    rows = _as_owner(connection, "SELECT role_name FROM sql_access WHERE tenant_id = %s", (user_id,))
    return str(rows[0][0]) if rows else None


def _make_role(connection: psycopg.Connection[tuple[Any, ...]], role: str, user_id: ExternalUserId) -> None:
    created = "CREATE ROLE {} LOGIN INHERIT CONNECTION LIMIT {} IN ROLE {}"
    connection.execute(
        sql.SQL(created).format(sql.Identifier(role), sql.Literal(CONNECTION_LIMIT), sql.Identifier(TENANT))
    )
    _as_owner(connection, "INSERT INTO sql_access (role_name, tenant_id) VALUES (%s, %s)", (role, user_id))


def _set_password(connection: psycopg.Connection[tuple[Any, ...]], role: str, password: str) -> None:
    """Encrypted here, so that the plain one reaches no log of the server."""
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    connection.execute(
        sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier))
    )


def _limit(connection: psycopg.Connection[tuple[Any, ...]], role: str) -> Iterator[str]:
    """Every limit that the server lets us set; yields what it does not."""
    set_to = sql.SQL("ALTER ROLE {} SET {} = {}")
    for name, value in SETTINGS.items():
        connection.execute(set_to.format(sql.Identifier(role), sql.Identifier(name), sql.Literal(value)))
    for name, value in HARD_SETTINGS.items():
        setting = set_to.format(sql.Identifier(role), sql.Identifier(name), sql.Literal(value))
        if not _allowed(connection, setting):
            yield f"{name} cannot be set: a tenant's query can fill the disk with temporary files"
    for statement in (*_database_statements(connection), *_function_statements(connection)):
        _allowed(connection, statement)  # without the right it may also only be a warning: ask what is so
    temporary, functions = connection.execute(
        _STILL_OPEN, (role, role, list(_FORBIDDEN_FAMILIES))
    ).fetchall()[0]
    if temporary:
        yield "temporary tables cannot be refused to tenants"
    if functions:
        yield "advisory locks, large objects, pg_notify and pg_sleep stay open to tenants"


def _allowed(connection: psycopg.Connection[tuple[Any, ...]], statement: sql.Composed) -> bool:
    try:
        with connection.transaction():
            connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def _database_statements(connection: psycopg.Connection[tuple[Any, ...]]) -> Iterator[sql.Composed]:
    """Temporary tables are everybody's by default: now they are ours by name and nobody else's."""
    database = sql.Identifier(connection.info.dbname)
    yield sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, sql.Identifier(TENANT))
    yield sql.SQL("GRANT TEMPORARY ON DATABASE {} TO {}").format(database, _ours())
    yield sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC, {}").format(database, sql.Identifier(TENANT))


def _function_statements(connection: psycopg.Connection[tuple[Any, ...]]) -> Iterator[sql.Composed]:
    for (signature,) in connection.execute(_FUNCTIONS, (list(_FORBIDDEN_FAMILIES),)).fetchall():
        function = sql.SQL(signature)
        yield sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(function, _ours())
        yield sql.SQL("REVOKE EXECUTE ON FUNCTION {} FROM PUBLIC").format(function)


def _ours() -> sql.Composed:
    names = (OWNER, APP, DOOR, COMPAT, "tastemaker_readonly", "tastemaker_backup")
    return sql.SQL(", ").join(sql.Identifier(name) for name in names)
