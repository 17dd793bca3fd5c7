"""The migrator: one at a time, a step or nothing, and the next one goes on where a killed one stopped."""

import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tastemaker.db.migrate import HEAD, Migrated, current, history, migrate
from tastemaker.db.migrations.roles import ROLES
from tastemaker.db.migrations.session import MigrationFailed

MIGRATOR = textwrap.dedent(
    """
    import sys
    from tastemaker.db.migrate import migrate
    done = migrate(sys.argv[1], app_password=None, on_step=lambda name, _: print(name, flush=True))
    print("applied", len(done.applied), flush=True)
    """
)


def test_an_empty_database_reaches_the_head(empty_url: str) -> None:
    assert current(empty_url) is None
    heard: list[str] = []
    done = migrate(empty_url, app_password="made-up", on_step=lambda name, _: heard.append(name))
    assert (done.before, done.after, done.weaker) == (None, HEAD, ())
    assert list(done.applied) == heard
    assert len(heard) == int(HEAD) + 1
    assert current(empty_url) == HEAD
    assert all(step.applied_at is not None for step in history(empty_url))


def test_it_stops_where_it_is_told_and_goes_on_from_there(empty_url: str) -> None:
    assert migrate(empty_url, app_password=None, to="0002").applied[-1] == "0002_lively_cable"
    steps = history(empty_url)
    assert [step.number for step in steps if step.applied_at] == ["0000", "0001", "0002"]
    assert len(steps) == int(HEAD) + 1
    done = migrate(empty_url, app_password=None, to="0004")
    assert (done.before, done.after, len(done.applied)) == ("0002", "0004", 2)


def test_at_the_head_there_is_nothing_to_do(admin_url: str) -> None:
    done = migrate(admin_url, app_password=None)
    assert (done.before, done.after, done.applied) == (HEAD, HEAD, ())


def test_the_schema_belongs_to_the_owner_role(admin_url: str) -> None:
    with psycopg.connect(admin_url) as connection:
        owners = connection.execute(
            "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
    assert owners == [("tastemaker_owner",)]


def test_times_are_utc_by_database_and_by_role(empty_url: str) -> None:
    migrate(empty_url, app_password=None, to="0000")
    with psycopg.connect(empty_url, options="-c search_path=public") as connection:
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)
        settings = connection.execute(
            "SELECT r.rolname, s.setconfig FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole"
            " WHERE s.setdatabase = 0 AND r.rolname LIKE 'tastemaker%'"
        ).fetchall()
    by_role = dict(settings)
    assert by_role.keys() == {role.name for role in ROLES}
    assert all("TimeZone=UTC" in configured for configured in by_role.values())
    assert {"statement_timeout=30s", "idle_in_transaction_session_timeout=15s"} <= set(
        by_role["tastemaker_app"]
    )


@pytest.mark.slow
def test_of_four_migrators_one_works_and_three_find_nothing_to_do(empty_url: str) -> None:
    running = [_started(empty_url) for _ in range(4)]
    outputs = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0] * 4, outputs
    counts = sorted(int(output.split()[-1]) for output, _ in outputs)
    assert counts == [0, 0, 0, int(HEAD) + 1]


@pytest.mark.slow
@pytest.mark.parametrize("after", [0, 9, 13])
def test_a_migrator_killed_between_steps_is_gone_on_from(empty_url: str, after: int) -> None:
    process = _started(empty_url)
    assert process.stdout is not None
    for _ in range(after):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert migrate(empty_url, app_password=None).after == HEAD
    assert current(empty_url) == HEAD


def test_a_migrator_killed_inside_a_step_leaves_nothing_of_it(empty_url: str) -> None:
    migrate(empty_url, app_password=None, to="0013")
    with psycopg.connect(empty_url, autocommit=True) as admin:
        admin.execute("INSERT INTO user_profiles (user_id) SELECT 'u' || i FROM generate_series(1, 50) i")
        admin.execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_sleep(0.05); RETURN NEW; END $$"
        )
        admin.execute("CREATE TRIGGER slow BEFORE INSERT ON user_usage FOR EACH ROW EXECUTE FUNCTION slow()")
        process = _started(empty_url)
        _wait_until(admin, "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%INSERT INTO user_usage%'")
        process.send_signal(signal.SIGKILL)
        process.communicate()
        done = migrate(empty_url, app_password=None)
        assert (done.before, done.after) == ("0013", HEAD)
        assert admin.execute("SELECT count(*) FROM users").fetchone() == (50,)


def test_a_server_that_drops_the_connection_is_one_sentence(empty_url: str) -> None:
    def drop_after(name: str, _: float) -> None:
        if name.startswith("0005"):
            with psycopg.connect(empty_url, autocommit=True) as admin:
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'tastemaker migrate' AND datname = current_database()"
                )

    with pytest.raises(MigrationFailed) as failure:
        migrate(empty_url, app_password=None, on_step=drop_after)
    assert str(failure.value).startswith("Migration 0006_job_progress failed and was rolled back: ")
    assert "\n" not in str(failure.value)
    assert migrate(empty_url, app_password=None).before == "0005"


def test_a_reader_is_waited_for_and_does_not_hold_up_other_readers(empty_url: str) -> None:
    migrate(empty_url, app_password=None, to="0000")
    with psycopg.connect(empty_url) as reader, psycopg.connect(empty_url, autocommit=True) as other:
        reader.execute("SELECT count(*) FROM scraping_jobs")
        with _in_background(lambda: migrate(empty_url, app_password=None, to="0001")) as result:
            _wait_until(
                other, "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'scraping_jobs'::regclass"
            )
            other.execute("SET statement_timeout = '1s'")
            assert other.execute("SELECT count(*) FROM scraping_jobs").fetchone() == (0,)
            reader.rollback()
    assert [done.applied for done in result] == [("0001_run_and_region",)]


def _started(url: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", MIGRATOR, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _wait_until(connection: psycopg.Connection, question: str) -> None:
    waiting = "DO $w$ BEGIN FOR i IN 1..1000 LOOP IF EXISTS ({}) THEN RETURN; END IF;"
    waiting += " PERFORM pg_stat_clear_snapshot(), pg_sleep(0.01); END LOOP; RAISE 'never happened'; END $w$"
    connection.execute(waiting.format(question).encode())


@contextmanager
def _in_background(work: Callable[[], Migrated]) -> Iterator[list[Migrated]]:
    results: list[Migrated] = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    try:
        yield results
    finally:
        thread.join(timeout=60)
