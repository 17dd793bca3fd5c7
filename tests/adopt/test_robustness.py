"""Looking changes nothing; whoever is killed, at any moment, is gone on with; two never work at once."""

import hashlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from tastemaker.adopt import service
from tastemaker.adopt.original_queries import AdoptionRefused, read_census
from tastemaker.adopt.plan_queries import Options
from tastemaker.adopt.service import adopt, look
from tastemaker.adopt.session_queries import AdoptionRunning, connected, lock_out_others
from tastemaker.adopt.steps import AdoptionFailed
from tastemaker.core.errors import AppError
from tastemaker.db.embedded import Server
from tastemaker.db.migrate import migrate
from tests.adopt.conftest import MakeOriginal
from tests.adopt.original_product import STATES, State, build

MakeDatabase = Callable[[str | None], str]

OURS = [
    "users", "user_subscriptions", "user_billing", "user_usage", "user_system_data", "campaigns",
    "scraping_jobs", "scraping_results", "search_jobs", "search_results", "search_creators", "creators",
    "posts", "events", "event_keys", "background_jobs", "usage_charges", "system_configurations",
]  # fmt: skip

UNSTABLE = {
    "id", "creator_id", "post_id", "run_id", "updated_at", "created_at", "period_start", "usage_reset_date",
    "signup_timestamp", "failed_at", "completed_at", "scheduled_for", "charged_at", "fetched_at",
    "first_seen_at", "seq", "source", "user_id",
}  # fmt: skip
"""What is drawn or dated anew for rows that lack it, so that two adoptions differ."""


def digest(url: str, tables: list[str], *, without: frozenset[str] = frozenset()) -> dict[str, str]:
    """The rows of each table, whatever their order."""
    found = {}
    with psycopg.connect(url) as connection:
        for table in tables:
            rows = connection.execute(
                b"SELECT (to_jsonb(t) - %s::text[])::text FROM " + table.encode() + b" t", (sorted(without),)
            ).fetchall()
            found[table] = hashlib.sha256("\n".join(sorted(row[0] for row in rows)).encode()).hexdigest()
    return found


def catalog(url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            """
            SELECT 'class', c.oid::bigint, n.nspname::text, c.relname::text, c.relacl::text,
                c.relowner::bigint
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_'
            UNION ALL SELECT 'proc', p.oid, n.nspname, p.proname, p.proacl::text, p.proowner
            FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname !~ '^pg_'
            UNION ALL SELECT 'schema', oid, nspname, '', nspacl::text, nspowner
                FROM pg_namespace WHERE nspname !~ '^pg_t'
            ORDER BY 1, 2
            """
        ).fetchall()


@pytest.mark.parametrize("state", STATES)
def test_a_dry_run_changes_nothing(make_original: MakeOriginal, state: str) -> None:
    url = make_original(state)
    with psycopg.connect(url) as connection:
        tables = [
            f"public.{row[0]}"
            for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        ]
    before = digest(url, tables), catalog(url)
    plan = look(url, Options()).plan
    assert plan is not None
    assert (digest(url, tables), catalog(url)) == before


def test_the_plan_says_what_it_found(make_original: MakeOriginal) -> None:
    plan = look(make_original("both"), Options(with_orphans=False, fit_settings=True)).plan
    assert plan is not None
    said = "\n".join(plan.state)
    for words in (
        "user_profiles and in the five tables", "drizzle.__drizzle_migrations is another tool's",
        "user_subscriptions does not hold one row a user", "which lets everybody through",
        "which names user_profiles", "the table creator_lists is not copied",
    ):  # fmt: skip
        assert words in said
    assert [step.name for step in plan.steps[:3]] == ["move", "build", "look"]
    orphans, settings = plan.decisions
    assert (orphans.chosen, orphans.rows, settings.chosen, settings.rows) == ("leave", 3, "fit", 4)
    assert plan.orphans == [{"user_id": "ghost", "campaigns": 1, "searches": 2}]


def test_decisions_are_carried_out(make_original: MakeOriginal) -> None:
    url = make_original("both")
    report = adopt(url, app_password=None, options=Options(with_orphans=False, fit_settings=True)).report
    assert report["rejected"]["campaigns"] == {"its owner has no user": 1}
    assert report["orphans"] == []
    with psycopg.connect(url) as connection:
        value = connection.execute(
            "SELECT value FROM system_configurations WHERE key = 'max_api_calls_tiktok'"
        ).fetchone()
        assert value == ("1000",)
        assert connection.execute("SELECT FROM users WHERE user_id = 'ghost'").fetchone() is None


@pytest.fixture(scope="module")
def undisturbed(make_original: MakeOriginal) -> dict[str, str]:
    url = make_original("both")
    adopt(url, app_password=None, options=Options())
    return digest(url, OURS, without=frozenset(UNSTABLE))


@pytest.mark.slow  # it takes the longer the slower the machine: the fast proof is the next test
@pytest.mark.parametrize("seed", range(6))
def test_killed_at_any_moment_it_converges(
    make_original: MakeOriginal, undisturbed: dict[str, str], seed: int
) -> None:
    url, dice, kills, result = make_original("both"), random.Random(seed), 0, None  # noqa: S311 - a seed to repeat it
    while result is None:
        over = threading.Event()
        delay = dice.uniform(0, 0.7) + 0.15 * kills
        killer = threading.Thread(target=_terminate_after, args=(url, delay, over))
        killer.start()
        try:
            result = adopt(url, app_password=None, options=Options())
        except (psycopg.Error, AppError, AdoptionFailed):
            kills += 1
            assert kills < 40
        except Exception as error:
            if "terminating connection" not in str(error) and "connection" not in str(error):
                raise
            kills += 1
        finally:
            over.set()
            killer.join()
    assert kills > 0
    assert digest(url, OURS, without=frozenset(UNSTABLE)) == undisturbed
    assert {name: step["written"] for name, step in result.report["steps"].items() if "written" in step}[
        "events"
    ] == 4


def _terminate_after(url: str, seconds: float, over: threading.Event) -> None:
    """Ends the adopter's sessions as a crash would, at whatever statement they are."""
    if over.wait(seconds):
        return
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'tastemaker %'"
        )


def test_between_any_two_steps_it_goes_on(make_original: MakeOriginal, undisturbed: dict[str, str]) -> None:
    url, told = make_original("both"), 0

    def stop_at(number: int) -> Callable[[str, int, int], None]:
        def tell(_name: str, _place: int, _total: int) -> None:
            nonlocal told
            told += 1
            if told == number:
                raise KeyboardInterrupt

        return tell

    for number in (1, 2, 20, 3, 5, 8):
        told = 0
        with suppress(KeyboardInterrupt):
            adopt(url, app_password=None, options=Options(), on_progress=stop_at(number))
        assert look(url, Options()).unfinished is not None
    adopt(url, app_password=None, options=Options())
    assert digest(url, OURS, without=frozenset(UNSTABLE)) == undisturbed


def test_of_two_adopters_one_works(make_original: MakeOriginal, monkeypatch: pytest.MonkeyPatch) -> None:
    url = make_original("both")
    monkeypatch.setattr("tastemaker.adopt.session_queries._PATIENCE_SECONDS", 0.0)
    with connected(url, read_only=False) as other:
        lock_out_others(other)
        with pytest.raises(AdoptionRunning, match="Another adoption of this database is running"):
            adopt(url, app_password=None, options=Options())
    assert look(url, Options()).plan is not None


def test_tables_that_are_busy_are_left_alone(
    make_original: MakeOriginal, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = make_original("both")
    monkeypatch.setattr(service, "_ATTEMPTS", 2)
    with psycopg.connect(url) as reader:
        reader.execute("SELECT FROM campaigns")
        with pytest.raises(AdoptionFailed, match="keep the tables busy"):
            adopt(url, app_password=None, options=Options())
    assert look(url, Options()).plan is not None


@pytest.fixture
def empty(server: Server, make_database: MakeDatabase) -> Iterator[tuple[str, psycopg.Connection[Any]]]:
    url = server.url(database=make_database(None))
    with psycopg.connect(url, autocommit=True) as connection:
        yield url, connection


@pytest.mark.parametrize(
    ("before", "sentence"),
    [
        ("SELECT 1", "holds no tables"),
        ("CREATE TABLE posts (id int)", "has no table scraping_jobs, only posts"),
        ("ALTER TABLE users RENAME TO people", "has no table users or user_profiles"),
        ("ALTER TABLE scraping_jobs DROP COLUMN platform", "it lacks platform"),
        (
            "ALTER TABLE scraping_jobs ALTER region DROP DEFAULT, ALTER region TYPE integer USING 1",
            "has the type integer; adoption expects text",
        ),
    ],
)
def test_what_is_not_the_original_is_refused_in_one_sentence(
    empty: tuple[str, psycopg.Connection[Any]], before: str, sentence: str
) -> None:
    url, connection = empty
    if "ALTER" in before:
        build(connection, State(profiles=False, extras=False))
    connection.execute(before.encode())
    seen = catalog(url)
    for attempt in (lambda: look(url, Options()), lambda: adopt(url, app_password=None, options=Options())):
        with pytest.raises(AdoptionRefused, match=sentence):
            attempt()
    assert catalog(url) == seen


def test_our_own_database_is_refused(empty: tuple[str, psycopg.Connection[Any]]) -> None:
    migrate(empty[0], app_password=None)
    with pytest.raises(AdoptionRefused, match="Tastemaker's own"):
        look(empty[0], Options())


def test_tables_of_another_owner_are_refused(
    empty: tuple[str, psycopg.Connection[Any]], server: Server
) -> None:
    url, connection = empty
    build(connection, State(profiles=False, extras=False))
    name = f"poor_{time.monotonic_ns()}"
    connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'poor' CREATEROLE".encode())
    connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}".encode())
    poor = psycopg.conninfo.make_conninfo(url, user=name, password="poor")
    with pytest.raises(AdoptionRefused, match="does not own"):
        adopt(poor, app_password=None, options=Options())


def test_a_routine_of_another_owner_is_refused(empty: tuple[str, psycopg.Connection[Any]]) -> None:
    url, connection = empty
    build(connection, State(profiles=False, extras=False))
    name = f"owner_{time.monotonic_ns()}"
    connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'o' CREATEROLE".encode())
    for table in ("users", "scraping_jobs"):
        connection.execute(f"ALTER TABLE {table} OWNER TO {name}".encode())
    connection.execute("CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    with psycopg.connect(psycopg.conninfo.make_conninfo(url, user=name, password="o")) as poor:
        assert "mine()" in read_census(poor).not_owned


def test_who_else_may_make_objects_beside_ours_is_named(empty: tuple[str, psycopg.Connection[Any]]) -> None:
    url, connection = empty
    build(connection, State(profiles=False, extras=False))
    name = f"maker_{time.monotonic_ns()}"
    connection.execute(f"CREATE ROLE {name}".encode())
    connection.execute(f"GRANT CREATE ON SCHEMA public TO {name}".encode())
    plan = look(url, Options()).plan
    assert plan is not None
    assert f"the role {name} may make objects in public" in "\n".join(plan.state)
    connection.execute(f"REVOKE CREATE ON SCHEMA public FROM {name}".encode())
    assert read_census(connection).makers == ()


def test_a_taken_name_is_not_used_again(empty: tuple[str, psycopg.Connection[Any]]) -> None:
    url, connection = empty
    build(connection, State(profiles=False, extras=False))
    plan = look(url, Options()).plan
    assert plan is not None
    connection.execute(f"CREATE SCHEMA {plan.schema}".encode())
    again = look(url, Options()).plan
    assert again is not None
    assert again.schema == f"{plan.schema}_2"
