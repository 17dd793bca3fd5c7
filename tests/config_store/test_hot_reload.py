"""A change is in every process soon, whichever way it was made; what cannot be read is in none."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest

from tastemaker.config_store.hot_reload import Configuration, live_configuration, load_configuration
from tastemaker.config_store.keys import STANDARD_JOB_TIMEOUT, YOUTUBE_CONTACTS_CONFIRMED
from tastemaker.config_store.queries import list_changes
from tastemaker.config_store.service import find_key, list_settings, list_unused, set_value, unset_value
from tastemaker.core.errors import InvalidInput, NotFound
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM, Tenant
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tests.conftest import AddUsers

NAME = STANDARD_JOB_TIMEOUT.name
WRITE = """
    INSERT INTO system_configurations (category, key, value, value_type) VALUES (%s, %s, %s, %s)
    ON CONFLICT (category, key) DO UPDATE SET value = excluded.value
"""

CHANGE = "UPDATE system_configurations SET value = %s, value_type = %s WHERE key = 'standard_job_timeout'"


def write(admin_url: str, category: str, key: str, value: str, kind: str) -> None:
    """As an operator with psql does."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(WRITE, (category, key, value, kind))


async def soon(holds: Callable[[], bool], *, within: float = 10.0) -> None:
    async with asyncio.timeout(within):
        while not holds():
            await asyncio.sleep(0.01)


async def change(database: Database, value: str) -> None:
    async with transaction(database, SYSTEM) as tx:
        await set_value(tx, NAME, value, actor="anna")


async def test_without_a_database_every_key_has_its_default() -> None:
    config = Configuration.of_defaults({YOUTUBE_CONTACTS_CONFIRMED: True})
    assert config[STANDARD_JOB_TIMEOUT] == timedelta(hours=1)
    assert config[YOUTUBE_CONTACTS_CONFIRMED] is True


async def test_a_change_reaches_a_process_that_listens(database: Database, admin_url: str) -> None:
    async with live_configuration(database, poll_seconds=3600) as config:
        await asyncio.sleep(0.3)  # the LISTEN connection stands
        before = config.snapshot()
        await change(database, "25m")
        await soon(lambda: config[STANDARD_JOB_TIMEOUT] == timedelta(minutes=25))
        assert before[STANDARD_JOB_TIMEOUT] == timedelta(hours=1), "a snapshot stays as it was"
        write(admin_url, "timeouts", "standard_job_timeout", "30m", "duration")
        await soon(lambda: config[STANDARD_JOB_TIMEOUT] == timedelta(minutes=30))
        async with transaction(database, SYSTEM) as tx:
            await unset_value(tx, NAME, actor="anna")
        await soon(lambda: config[STANDARD_JOB_TIMEOUT] == timedelta(hours=1))


async def test_a_change_reaches_a_process_that_cannot_listen(database: Database) -> None:
    deaf = Database("postgresql://nobody@127.0.0.1:1/nothing", database.pool, prepares=True)
    async with live_configuration(deaf, poll_seconds=0.05) as config:
        await change(database, "25m")
        await soon(lambda: config[STANDARD_JOB_TIMEOUT] == timedelta(minutes=25))


async def test_a_process_keeps_its_values_while_the_database_is_away(
    database: Database, admin_url: str
) -> None:
    await change(database, "25m")
    async with live_configuration(database, poll_seconds=0.05) as config:
        with psycopg.connect(admin_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        assert config[STANDARD_JOB_TIMEOUT] == timedelta(minutes=25)
        write(admin_url, "timeouts", "standard_job_timeout", "26m", "duration")
        await soon(lambda: config[STANDARD_JOB_TIMEOUT] == timedelta(minutes=26))


async def test_a_key_that_needs_a_restart_stays_until_there_is_one(
    database: Database, admin_url: str
) -> None:
    async with live_configuration(database, poll_seconds=3600) as config:
        write(admin_url, "providers", "youtube_contacts_confirmed", "true", "boolean")
        write(admin_url, "timeouts", "standard_job_timeout", "30m", "duration")
        await soon(lambda: config[STANDARD_JOB_TIMEOUT] == timedelta(minutes=30))
        assert config[YOUTUBE_CONTACTS_CONFIRMED] is False
    assert (await load_configuration(database))[YOUTUBE_CONTACTS_CONFIRMED] is True


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("soon", "duration"),
        ("1.5h", "duration"),
        ("5s", "duration"),
        ("8d", "duration"),
        ("90", "number"),
        ("", "duration"),
    ],
)
async def test_plain_sql_cannot_write_what_could_not_be_read(
    database: Database, admin_url: str, value: str, kind: str
) -> None:
    async with live_configuration(database, poll_seconds=3600) as config:
        with (
            pytest.raises(psycopg.errors.CheckViolation, match="standard_job_timeout"),
            psycopg.connect(admin_url, autocommit=True) as connection,
        ):
            connection.execute(CHANGE, (value, kind))
        assert config[STANDARD_JOB_TIMEOUT] == timedelta(hours=1)


async def test_a_row_of_nobodys_has_to_be_of_its_type_too(admin_url: str) -> None:
    for value, kind in (
        ("maybe", "boolean"),
        ("many", "number"),
        ("1e9999", "number"),
        ("5 parsecs", "duration"),
        ("two\nlines", "string"),
        ("x" * 501, "string"),
    ):
        with pytest.raises(psycopg.errors.CheckViolation):
            write(admin_url, "mine", "own", value, kind)
    write(admin_url, "mine", "own", "0.1", "number")
    write(admin_url, "mine", "name", "Ünï, with 'marks'", "string")


async def test_what_got_in_all_the_same_is_logged_and_the_last_good_value_stays(
    database: Database, admin_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with live_configuration(database, poll_seconds=0.05) as config:
        await change(database, "25m")
        await soon(lambda: config[STANDARD_JOB_TIMEOUT] == timedelta(minutes=25))
        with psycopg.connect(admin_url, autocommit=True) as connection:
            connection.execute("ALTER TABLE system_configurations DISABLE TRIGGER refuse_unreadable")
        write(admin_url, "timeouts", "standard_job_timeout", "1s", "duration")
        await soon(lambda: "'1s' is not" in caplog.text)
        await asyncio.sleep(0.3)  # some more polls
        assert caplog.text.count("'1s' is not") == 1
        assert config[STANDARD_JOB_TIMEOUT] == timedelta(minutes=25)
    async with transaction(database, SYSTEM) as tx:
        (setting,) = [one for one in await list_settings(tx) if one.key is STANDARD_JOB_TIMEOUT]
    assert setting.trouble is not None


async def test_each_change_is_one_event_with_who_did_it(database: Database, admin_url: str) -> None:
    await change(database, "25m")
    await change(database, "25m")
    write(admin_url, "timeouts", "standard_job_timeout", "26m", "duration")
    async with transaction(database, SYSTEM) as tx:
        await unset_value(tx, NAME, actor="anna")
        changes = await list_changes(tx, NAME, limit=10)
    assert [(one.old, one.new, one.actor) for one in changes] == [
        ("26m", None, "anna"),
        ("25m", "26m", "postgres"),
        ("60m", "25m", "anna"),
    ]


async def test_a_renamed_row_is_one_key_removed_and_one_made(database: Database, admin_url: str) -> None:
    await change(database, "25m")
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE system_configurations SET key = 'no_longer_read' WHERE key = 'standard_job_timeout'"
        )
        connection.execute(
            "UPDATE system_configurations SET key = 'still_unread', value = '26m'"
            " WHERE key = 'no_longer_read'"
        )
    async with transaction(database, SYSTEM) as tx:
        changes = await list_changes(tx, None, limit=4)
    assert {(one.name, one.old, one.new, one.actor) for one in changes} == {
        ("timeouts.standard_job_timeout", "25m", None, "postgres"),
        ("timeouts.no_longer_read", None, "25m", "postgres"),
        ("timeouts.no_longer_read", "25m", None, "postgres"),
        ("timeouts.still_unread", None, "26m", "postgres"),
    }


async def test_rows_do_not_go_without_an_event(database: Database, admin_url: str) -> None:
    await change(database, "25m")
    with (
        psycopg.connect(admin_url, autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="row by row"),
    ):
        connection.execute("TRUNCATE system_configurations")


async def test_rows_that_nothing_reads_are_not_shipped(database: Database) -> None:
    async with transaction(database, SYSTEM) as tx:
        unused = {one.name for one in await list_unused(tx)}
    assert unused == {"database.user_tables_normalized"}, "the record that the specification asks for"


@pytest.mark.parametrize(("role", "is_kept"), [("tastemaker_owner", True), ("tastemaker_app", False)])
async def test_only_an_adoption_keeps_what_is_out_of_bounds_and_only_it_is_silent(
    database: Database,
    admin_url: str,
    role: str,
    is_kept: bool,  # noqa: FBT001 - a row of the table above
) -> None:
    async with live_configuration(database, poll_seconds=3600):
        pass  # the bounds are known from here on
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(f"SET ROLE {role}")
        connection.execute(
            """SELECT set_config('request.jwt.claims', '{"role": "tastemaker_system"}', false)"""
        )
        connection.execute("SET tastemaker.carrying_over = 'on'")
        if is_kept:
            connection.execute(CHANGE, ("5s", "duration"))
        else:
            with pytest.raises(psycopg.errors.CheckViolation):
                connection.execute(CHANGE, ("5s", "duration"))
            connection.execute(CHANGE, ("25m", "duration"))
    async with transaction(database, SYSTEM) as tx:
        assert len(await list_changes(tx, NAME, limit=10)) == (0 if is_kept else 1)


async def test_a_tenant_writes_nothing(database: Database, add_users: AddUsers) -> None:
    add_users("anna")
    with pytest.raises(psycopg.ProgrammingError, match="row-level security"):
        async with transaction(database, Tenant(ExternalUserId("anna"))) as tx:
            await set_value(tx, YOUTUBE_CONTACTS_CONFIRMED.name, "true", actor="anna")


async def test_an_unknown_key_is_refused_with_the_nearest(database: Database) -> None:
    with pytest.raises(NotFound, match=r"Did you mean timeouts\.standard_job_timeout"):
        find_key("timeouts.standart_job_timeout")
    async with transaction(database, SYSTEM) as tx:
        with pytest.raises(InvalidInput, match="default already"):
            await unset_value(tx, YOUTUBE_CONTACTS_CONFIRMED.name, actor="anna")


async def test_rows_that_nothing_reads_are_listed_and_can_go(database: Database, admin_url: str) -> None:
    write(admin_url, "polling", "ui_refresh_delay", "2000", "number")
    async with transaction(database, SYSTEM) as tx:
        before = {one.name for one in await list_unused(tx)}
        assert await unset_value(tx, "polling.ui_refresh_delay", actor="anna") is None
        after = {one.name for one in await list_unused(tx)}
    assert before - after == {"polling.ui_refresh_delay"}
