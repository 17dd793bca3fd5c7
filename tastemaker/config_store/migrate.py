"""Migrates the database and declares the bounds of the configuration keys, before any process starts."""

from collections.abc import Callable

from tastemaker.config_store import keys as _declarations  # noqa: F401 - declares every key
from tastemaker.config_store.declaration import DECLARED
from tastemaker.config_store.queries import DECLARE, declaration_of
from tastemaker.db.claims import SYSTEM
from tastemaker.db.migrate import HEAD, Migrated, as_owner, migrate


def migrate_and_declare(
    admin_url: str,
    *,
    app_password: str | None,
    to: str | None = None,
    on_step: Callable[[str, float], None] | None = None,
) -> Migrated:
    """`migrate`, and at the head the keys that this code reads, also where no step was to be taken."""
    done = migrate(admin_url, app_password=app_password, to=to, on_step=on_step)
    if done.after == HEAD:
        with as_owner(admin_url, SYSTEM) as connection:
            connection.exec_driver_sql(DECLARE.sql, [declaration_of(key) for key in DECLARED.values()])
    return done
