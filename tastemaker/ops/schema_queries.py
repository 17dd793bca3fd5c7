"""At which step of its history the database is, and which this program needs: asked without the migrator."""

from pathlib import Path

import psycopg

from tastemaker.core.errors import DatabaseUnavailable
from tastemaker.db import migrations
from tastemaker.db.access import APP_ROLE

SCHEMA_VERSION = "SELECT version_num FROM public.alembic_version"


class RoleWithoutRights(DatabaseUnavailable):
    """The database lets this role in, and then shows it nothing."""


def needed_version() -> str:
    """The last step that this program knows: the same as `tastemaker.db.migrate.HEAD`, told by file names."""
    return max(path.stem[:4] for path in Path(migrations.__path__[0], "versions").glob("[0-9]*.py"))


def find_schema_version(url: str) -> str | None:
    """None before the first migration.

    Raises psycopg.OperationalError when nobody answers or lets us in, RoleWithoutRights.
    """
    with psycopg.connect(url, connect_timeout=10, autocommit=True) as connection:
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
