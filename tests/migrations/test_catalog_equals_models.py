"""The migrated database is the one that the models declare."""

from collections.abc import Callable

import psycopg
import pytest
import sqlalchemy as sa

from tastemaker.db.embedded import Server
from tastemaker.db.migrate import migrate
from tastemaker.db.models import Base
from tests.migrations.catalog import copy_functions, schema_of, without_comment


@pytest.fixture(scope="module")
def migrated(server: Server, template: str, make_database: Callable[[str | None], str]) -> set[str]:
    with psycopg.connect(server.url(database=make_database(template)), autocommit=True) as connection:
        return schema_of(connection)


@pytest.fixture(scope="module")
def declared(server: Server, template: str, make_database: Callable[[str | None], str]) -> set[str]:
    url = server.url(database=make_database(None))
    source_url = server.url(database=make_database(template))
    with psycopg.connect(url, autocommit=True) as target, psycopg.connect(source_url) as source:
        target.execute("CREATE SCHEMA extensions")
        target.execute("CREATE EXTENSION pg_trgm SCHEMA extensions")
        target.execute("SET search_path = public, extensions")
        copy_functions(source, target)
        engine = sa.create_engine(
            "postgresql+psycopg://",
            creator=lambda: target,
            poolclass=sa.StaticPool,
            isolation_level="AUTOCOMMIT",
        )
        Base.metadata.create_all(engine)
        return schema_of(target)


def test_nothing_is_in_the_database_that_no_model_declares(migrated: set[str], declared: set[str]) -> None:
    assert sorted(migrated - declared) == []


def test_nothing_is_declared_that_the_database_lacks(migrated: set[str], declared: set[str]) -> None:
    assert sorted(declared - migrated) == []


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE users ADD COLUMN nickname text",
        "ALTER TABLE users ALTER COLUMN email SET NOT NULL",
        "ALTER TABLE users ALTER COLUMN is_admin SET DEFAULT true",
        "ALTER TABLE search_results ALTER COLUMN platform TYPE varchar(21)",
        "ALTER TABLE campaigns DROP CONSTRAINT ck_campaigns_status",
        "DROP INDEX idx_users_email",
        "DROP INDEX idx_users_admin; CREATE INDEX idx_users_admin ON users (is_admin)",
        """
        ALTER TABLE user_usage DROP CONSTRAINT user_usage_user_id_fkey,
            ADD CONSTRAINT user_usage_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
        """,
    ],
)
def test_a_planted_difference_is_seen(change: str, at_head: psycopg.Connection, migrated: set[str]) -> None:
    at_head.execute(change.encode())
    assert schema_of(at_head) != migrated


def test_everything_says_what_it_is(at_head: psycopg.Connection) -> None:
    assert without_comment(at_head) == []


@pytest.mark.parametrize(
    ("silent", "name"),
    [
        ("COMMENT ON SCHEMA reports IS NULL", "reports"),
        ("COMMENT ON TABLE users IS NULL", "users"),
        ("COMMENT ON VIEW compat.user_profiles IS NULL", "compat.user_profiles"),
        ("COMMENT ON COLUMN users.email IS NULL", "users.email"),
        ("COMMENT ON FUNCTION app_now() IS NULL", "app_now()"),
    ],
)
def test_what_says_nothing_is_seen(silent: str, name: str, at_head: psycopg.Connection) -> None:
    at_head.execute(silent.encode())
    assert without_comment(at_head) == [name]


def test_the_history_runs_twice_to_the_same_schema(empty_url: str, migrated: set[str]) -> None:
    migrate(empty_url, app_password=None)
    with psycopg.connect(empty_url, autocommit=True) as connection:
        assert schema_of(connection) == migrated


def test_every_updated_at_is_kept_by_a_trigger(at_head: psycopg.Connection) -> None:
    unkept = at_head.execute(
        """
        SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attname = 'updated_at'
          AND c.relname <> 'user_profiles_backup'
          AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'touch_updated_at')
        """
    ).fetchall()
    assert unkept == []


def test_every_function_has_its_search_path_fixed(at_head: psycopg.Connection) -> None:
    loose = at_head.execute(
        """
        SELECT p.proname FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace
          AND NOT coalesce(p.proconfig::text LIKE '%search_path=%', false)
        """
    ).fetchall()
    assert loose == []
