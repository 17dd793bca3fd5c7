"""Which database, as which role, and at which step of its schema: embedded, or where DATABASE_URL points."""

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr

from tastemaker.core.errors import DatabaseUnavailable
from tastemaker.core.settings import Settings
from tastemaker.db import embedded, migrations
from tastemaker.db.reasons import reason_of

APP_ROLE = "tastemaker_app"
SCHEMA_VERSION = "SELECT version_num FROM public.alembic_version"


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """`app_url` is for everything, `admin_url` for migrations only; None if it is not configured.

    `app_password` is the password that the application's role must get; None if the operator set it.
    `direct_url` is `app_url` past a pooler; None if it is not configured.
    """

    app_url: str = field(repr=False)
    admin_url: str | None = field(repr=False)
    app_password: str | None = field(repr=False)
    embedded: bool
    direct_url: str | None = None


HALF_ADOPTED: Final = "Its adoption is not finished."
"""In the comment on the schema that holds the original while it is being adopted, for everybody to read."""

FIND_HALF_ADOPTED: Final = f"""
SELECT nspname FROM pg_catalog.pg_namespace
WHERE nspname ~ '^legacy_[0-9]' AND pg_catalog.obj_description(oid, 'pg_namespace') LIKE '%{HALF_ADOPTED}'
"""  # noqa: S608 - a constant of this module


class HalfAdopted(DatabaseUnavailable):
    """An adoption of this database has begun and is not finished."""


class RoleWithoutRights(DatabaseUnavailable):
    """The role may connect, but has no rights in the database."""


@contextmanager
def database_access(settings: Settings) -> Iterator[DatabaseUrls]:
    """Keeps the embedded server running while the block lasts. Raises DatabaseUnavailable."""
    if settings.database_url is not None:
        yield _external(settings)
        return
    with embedded.running(settings.home, bin_dir=settings.postgres_bin) as server:
        yield DatabaseUrls(
            app_url=server.url(role=APP_ROLE),
            admin_url=server.url(role="postgres"),
            app_password=embedded.app_password(settings.home),
            embedded=True,
        )


def needed_version() -> str:
    """The last step that this program knows, by file names: `tastemaker.db.migrate.HEAD` without Alembic."""
    return max(path.stem[:4] for path in Path(migrations.__path__[0], "versions").glob("[0-9]*.py"))


def refuse_half_adopted(connection: psycopg.Connection[Any]) -> None:
    """Raises HalfAdopted."""
    row = connection.execute(FIND_HALF_ADOPTED.encode()).fetchone()
    if row is not None:
        raise HalfAdopted(
            f"This database is half adopted; the original is in the schema {row[0]}. Run "
            "`tastemaker db adopt DATABASE_URL` again to continue, or with --back to put the original back."
        )


def schema_refusal(version: str | None, access: DatabaseUrls) -> str | None:
    """Why no command works on the schema as it is; None where it is this program's or can be migrated."""
    head = needed_version()
    if version is not None and version > head:
        return (
            f"The database is at step {version} of its history; this program knows {head} as the last. "
            "Install a newer Tastemaker."
        )
    if version != head and access.admin_url is None:
        have = f"is at step {version}" if version else "has no schema yet"
        return (
            f"The database {have}, this program needs step {head}. Set DATABASE_ADMIN_URL and run "
            "`tastemaker db migrate`."
        )
    return None


def find_schema_version(url: str) -> str | None:
    """None before the first migration.

    Raises psycopg.OperationalError when nobody answers or lets us in, RoleWithoutRights, HalfAdopted.
    """
    with psycopg.connect(url, connect_timeout=10, autocommit=True) as connection:
        refuse_half_adopted(connection)
        try:
            row = connection.execute(SCHEMA_VERSION).fetchone()
        except psycopg.errors.UndefinedTable:
            return None
        except psycopg.errors.InsufficientPrivilege:
            raise RoleWithoutRights(
                f"The role {connection.info.user} has no rights in this database. Set DATABASE_URL to a "
                f"login of the role {APP_ROLE}; if it is one, `tastemaker db migrate` gives it its rights."
            ) from None
    return row[0] if row else None


def _external(settings: Settings) -> DatabaseUrls:
    if settings.database_url is None:
        raise DatabaseUnavailable("DATABASE_URL is not set.")
    url, direct = settings.database_url.get_secret_value(), _secret(settings.database_direct_url)
    if settings.database_admin_url is not None:
        _refuse_other_login(url)
        admin = settings.database_admin_url.get_secret_value()
        return DatabaseUrls(url, admin, app_password=_password(url), embedded=False, direct_url=direct)
    if not _is_privileged(url):
        _refuse_other_login(url)
        return DatabaseUrls(url, None, app_password=None, embedded=False, direct_url=direct)
    password = _derived_password(url)
    return DatabaseUrls(
        _with_role(url, APP_ROLE, password),
        direct or url,
        app_password=password,
        embedded=False,
        direct_url=_with_role(direct, APP_ROLE, password) if direct else None,
    )


def _refuse_other_login(url: str) -> None:
    """Grants and policies are made for one role. Supabase's pooler wants its name as `role.project`."""
    login = _parts(url).get("user")
    if login is not None and str(login).partition(".")[0] != APP_ROLE:
        raise DatabaseUnavailable(
            f"DATABASE_URL logs in as {login}, but the application has its rights as {APP_ROLE} only. "
            "Give DATABASE_URL its name and password; docs/operating/connections.md shows how to make it."
        )


def _secret(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value is not None else None


def _is_privileged(url: str) -> bool:
    """Whether the role has rights that only migrations need; the application then uses another."""
    try:
        with psycopg.connect(url, connect_timeout=10, autocommit=True) as connection:
            row = connection.execute(
                "SELECT rolsuper OR rolbypassrls OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
    except psycopg.Error as error:
        raise DatabaseUnavailable(f"DATABASE_URL cannot be reached: {reason_of(error)}") from None
    return bool(row and row[0])


def _derived_password(url: str) -> str:
    """The same on every machine that has the administrator's URL. It does not reveal that password."""
    secret = _password(url)
    if not secret:
        raise DatabaseUnavailable(
            "DATABASE_URL names an administrator without a password. Set DATABASE_ADMIN_URL to it and "
            f"DATABASE_URL to a login of the role {APP_ROLE}."
        )
    return hmac.new(secret.encode(), APP_ROLE.encode(), hashlib.sha256).hexdigest()


def _password(url: str) -> str | None:
    password = _parts(url).get("password")
    return str(password) if password else None


def _with_role(url: str, role: str, password: str) -> str:
    return make_conninfo(url, user=role, password=password)


def _parts(url: str) -> dict[str, Any]:
    try:
        return dict(conninfo_to_dict(url))
    except psycopg.ProgrammingError:
        raise DatabaseUnavailable("DATABASE_URL is not a PostgreSQL URL.") from None
