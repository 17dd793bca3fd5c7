"""What migrations require of a server and a database: roles, memberships, settings, schemas, extensions."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import psycopg
from sqlalchemy import Connection

from tastemaker.db.migrations.preflight import MigrationRefused
from tastemaker.db.migrations.roles import (
    APP,
    DOOR,
    EXTENSIONS_SCHEMA,
    OWNER,
    ROLES,
    TENANT,
    Role,
    role_statements,
)

EXTENSIONS: Final[dict[str, str | None]] = {
    "pg_trgm": None,
    "pg_stat_statements": "pg_stat_statements is missing: slow queries are not counted",
}
"""Each with the weakness of running without it; None means that it is required."""

_DATABASE_SETTING: Final = (
    "SELECT '{setting}' = ANY (s.setconfig) FROM pg_db_role_setting s"
    " JOIN pg_database d ON d.oid = s.setdatabase WHERE s.setrole = 0 AND d.datname = current_database()"
)


_HELD_BY_TENANT: Final = """
SELECT EXISTS (SELECT FROM ({acls}) AS held (acl), aclexplode(held.acl) item
               JOIN pg_roles r ON r.oid = item.grantee
               WHERE r.rolname = 'tastemaker_tenant')
"""

_ROLES_IN_USE: Final = tuple(role.name for role in ROLES if role.name != TENANT)


@dataclass(frozen=True, slots=True)
class Need:
    """One statement, needed unless the query `unless` returns true.

    With a `weakness` the product can run without it, after the statement `otherwise` if there is one.
    A need that is not `of_cluster` can wait until the roles exist.
    """

    sql: str
    unless: str | None = None
    weakness: str | None = None
    otherwise: str | None = None
    of_cluster: bool = True


def needs_of(connection: Connection, app_password: str | None) -> Iterator[Need]:
    """The unmet needs in the order in which they can be met; lazy, so each sees the effect of the last."""
    for role in ROLES:
        yield from _role_needs(connection, role)
    if app_password is not None:
        verifier = _encrypted(connection, app_password)
        yield Need(f"ALTER ROLE {APP} PASSWORD '{verifier}'")
    yield from _membership_needs(connection)
    for need in (*_database_needs(connection), *_schema_needs(), *_extension_needs(connection)):
        yield replace(need, of_cluster=False)
    yield from _needs_of_former_logins(connection)


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
    version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
    how = "SET" if version >= 160_000 else "MEMBER"  # noqa: PLR2004 - PostgreSQL 16 tells the two apart
    me = str(connection.exec_driver_sql("SELECT quote_ident(session_user)").scalar_one())
    yield Need(f"GRANT {OWNER} TO {me}", unless=f"SELECT pg_has_role('{OWNER}', '{how}')")
    yield Need(f"GRANT {DOOR} TO {OWNER}", unless=f"SELECT pg_has_role('{OWNER}', '{DOOR}', '{how}')")


def _database_needs(connection: Connection) -> Iterator[Need]:
    name = connection.exec_driver_sql("SELECT quote_ident(current_database())").scalar_one()
    everybody = ", ".join(_ROLES_IN_USE)
    settings = {"TimeZone": "'UTC'", "search_path": f'"$user", public, {EXTENSIONS_SCHEMA}'}
    for setting, value in settings.items():
        plain = value.strip("'")
        yield Need(
            f"ALTER DATABASE {name} SET {setting} = {value}",
            unless=_DATABASE_SETTING.format(setting=f"{setting}={plain}"),
        )
    yield Need(
        f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {everybody}",
        unless=_everybody_has(
            "has_database_privilege(role, current_database(), wanted)", "CONNECT", "TEMPORARY"
        ),
    )
    yield Need(
        f"GRANT CREATE ON DATABASE {name} TO {OWNER}",
        unless=f"SELECT has_database_privilege('{OWNER}', current_database(), 'CREATE')",
    )


def _schema_needs() -> Iterator[Need]:
    everybody = ", ".join(_ROLES_IN_USE)
    yield Need(
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        unless="SELECT NOT EXISTS (SELECT FROM pg_namespace, aclexplode(nspacl) acl WHERE nspname = 'public'"
        " AND acl.grantee = 0 AND acl.privilege_type = 'CREATE')",
    )
    yield Need(
        f"GRANT USAGE, CREATE ON SCHEMA public TO {OWNER} WITH GRANT OPTION",
        unless=f"SELECT has_schema_privilege('{OWNER}', 'public', 'CREATE WITH GRANT OPTION')",
    )
    yield Need(
        f"CREATE SCHEMA {EXTENSIONS_SCHEMA}",
        unless=f"SELECT to_regnamespace('{EXTENSIONS_SCHEMA}') IS NOT NULL",
    )
    for schema in ("public", EXTENSIONS_SCHEMA):
        yield Need(
            f"GRANT USAGE ON SCHEMA {schema} TO {everybody}",
            unless=_everybody_has(f"has_schema_privilege(role, '{schema}', wanted)", "USAGE"),
        )


def _everybody_has(question: str, *rights: str) -> str:
    roles = ", ".join(f"'{name}'" for name in _ROLES_IN_USE)
    asked = ", ".join(f"'{right}'" for right in rights)
    everything = f"unnest(ARRAY[{roles}]) role, unnest(ARRAY[{asked}]) wanted"
    return f"SELECT bool_and({question}) FROM {everything}"  # noqa: S608 - names of this file


def _extension_needs(connection: Connection) -> Iterator[Need]:
    available = set(connection.exec_driver_sql("SELECT name FROM pg_available_extensions").scalars())
    for name, weakness in EXTENSIONS.items():
        if name not in available and weakness is None:
            raise MigrationRefused(
                f"This server lacks the extension {name}; install PostgreSQL's contrib package on it."
            )
        yield Need(
            f"CREATE EXTENSION {name} SCHEMA {EXTENSIONS_SCHEMA}",
            unless=f"SELECT true FROM pg_extension WHERE extname = '{name}'",  # noqa: S608 - a constant
            weakness=weakness,
        )


def _needs_of_former_logins(connection: Connection) -> Iterator[Need]:
    """Before 0060 a tenant could have an SQL login. Drops the logins, and the rights of their common role."""
    database = connection.exec_driver_sql("SELECT quote_ident(current_database())").scalar_one()
    for kind, objects, acls in (
        ("DATABASE", database, "SELECT datacl FROM pg_database WHERE datname = current_database()"),
        (
            "SCHEMA",
            f"public, {EXTENSIONS_SCHEMA}",
            f"SELECT nspacl FROM pg_namespace WHERE nspname = '{EXTENSIONS_SCHEMA}'",  # noqa: S608 - a constant
        ),
    ):
        if connection.exec_driver_sql(_HELD_BY_TENANT.format(acls=acls)).scalar_one():
            revoked = f"REVOKE ALL ON {kind} {objects} FROM {TENANT}"
            yield Need(revoked, weakness=f"{TENANT} keeps rights that nothing uses")
    if connection.exec_driver_sql("SELECT to_regclass('public.sql_access')").scalar() is None:
        return
    connection.exec_driver_sql(f"SET LOCAL ROLE {OWNER}")
    logins = (
        connection.exec_driver_sql("SELECT quote_ident(role_name) FROM public.sql_access").scalars().all()
    )
    connection.exec_driver_sql("RESET ROLE")
    for login in logins:
        yield Need(f"DROP ROLE IF EXISTS {login}", weakness=f"the login {login} remains, without any right")
