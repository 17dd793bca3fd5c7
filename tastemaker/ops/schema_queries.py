"""At which step of its history the database is, and which this program needs: asked without the migrator."""

from pathlib import Path

import psycopg

from tastemaker.db import migrations

SCHEMA_VERSION = "SELECT version_num FROM alembic_version"


def needed_version() -> str:
    """The last step that this program knows: the same as `tastemaker.db.migrate.HEAD`, told by file names."""
    return max(path.stem[:4] for path in Path(migrations.__path__[0], "versions").glob("[0-9]*.py"))


def find_schema_version(url: str) -> str | None:
    """None before the first migration. Raises psycopg.OperationalError when nobody answers or lets us in."""
    with psycopg.connect(url, connect_timeout=10, autocommit=True) as connection:
        try:
            row = connection.execute(SCHEMA_VERSION).fetchone()
        except psycopg.errors.UndefinedTable:
            return None
    return row[0] if row else None
