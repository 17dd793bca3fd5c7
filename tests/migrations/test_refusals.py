"""Databases and wishes that the migrator refuses: each in one sentence, with nothing changed."""

import psycopg
import pytest

from tastemaker.core.errors import DatabaseUnavailable, InvalidInput
from tastemaker.db.migrate import HEAD, current, migrate
from tastemaker.db.migrations import preflight
from tastemaker.db.migrations.preflight import MigrationRefused


def execute(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def refusal(url: str, *, to: str | None = None) -> str:
    before = _fingerprint(url)
    with pytest.raises((MigrationRefused, InvalidInput)) as refused:
        migrate(url, app_password="made-up", to=to)
    assert _fingerprint(url) == before
    sentence = str(refused.value)
    assert "\n" not in sentence
    return sentence


def test_a_database_of_another_product(empty_url: str) -> None:
    execute(empty_url, "CREATE TABLE orders (id int)", "CREATE TABLE alembic_version (version_num text)")
    assert "holds tables of another product (alembic_version, orders)" in refusal(empty_url)


def test_a_database_of_the_original_product(empty_url: str) -> None:
    execute(empty_url, "CREATE TABLE user_profiles (id int)", "CREATE TABLE scraping_jobs (id int)")
    assert "scraping_jobs, user_profiles" in refusal(empty_url)


def test_many_foreign_tables_are_not_all_listed(empty_url: str) -> None:
    execute(empty_url, *(f"CREATE TABLE t{number} (id int)" for number in range(7)))
    assert "(t0, t1, t2, t3, t4 …)" in refusal(empty_url)


def test_tables_in_other_schemas_and_of_extensions_do_not_matter(empty_url: str) -> None:
    execute(
        empty_url,
        "CREATE SCHEMA elsewhere",
        "CREATE TABLE elsewhere.orders (id int)",
        "CREATE EXTENSION pg_stat_statements SCHEMA public",
    )
    assert migrate(empty_url, app_password=None, to="0000").after == "0000"


def test_a_head_newer_than_the_code(admin_url: str) -> None:
    execute(admin_url, "UPDATE alembic_version SET version_num = '9999'")
    assert "at 9999, which this Tastemaker does not know" in refusal(admin_url)


def test_an_old_server(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "OLDEST_SERVER", 99)
    assert "Tastemaker needs 99 or newer" in refusal(empty_url)


def test_a_read_only_database(empty_url: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(empty_url)["dbname"]
    execute(empty_url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert "only lets us read" in refusal(empty_url)


@pytest.mark.parametrize("goal", ["9999", "head", "13", "0013_sleepy_luckman", "", "x" * 500])
def test_an_unknown_goal(goal: str, empty_url: str) -> None:
    if goal == "":
        assert migrate(empty_url, app_password=None, to="0000").after == "0000"
        return
    sentence = refusal(empty_url, to=goal)
    assert sentence.startswith("There is no migration ")
    assert sentence.endswith(f"the history goes from 0000 to {HEAD}.")
    assert len(sentence) < 150


def test_going_back(admin_url: str) -> None:
    assert "migrations never go back to 0012" in refusal(admin_url, to="0012")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://postgres@127.0.0.1:1/nothing",
        "postgresql:///nothing?host=/nowhere/at/all",
        "postgresql://127.0.0.1:notaport/x",
        "not a url",
    ],
)
def test_no_server(url: str) -> None:
    for ask in (lambda: migrate(url, app_password=None), lambda: current(url)):
        with pytest.raises(DatabaseUnavailable) as refused:
            ask()
        assert "\n" not in str(refused.value)
        assert "Traceback" not in str(refused.value)


def _fingerprint(url: str) -> tuple[object, ...]:
    """Everything of the database and of the cluster that a migrator could have changed."""
    with psycopg.connect(url) as connection:
        found = connection.execute(
            """
            SELECT (SELECT array_agg(c.relname ORDER BY c.oid) FROM pg_class c WHERE c.oid > 16383),
                   (SELECT array_agg((nspname, nspacl)::text ORDER BY nspname) FROM pg_namespace),
                   (SELECT array_agg(extname ORDER BY extname) FROM pg_extension),
                   (SELECT array_agg(a::text ORDER BY rolname) FROM pg_authid a),
                   (SELECT array_agg(s::text ORDER BY s::text) FROM pg_db_role_setting s)
            """
        ).fetchone()
    assert found is not None
    return found
