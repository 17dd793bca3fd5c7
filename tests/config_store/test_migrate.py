"""A database that was migrated and never worked with refuses what no process could read."""

from contextlib import nullcontext

import psycopg
import pytest

from tastemaker.config_store.declaration import DECLARED
from tastemaker.config_store.keys import MAX_CONCURRENT_JOBS, USER_BUDGET
from tastemaker.config_store.migrate import migrate_and_declare
from tastemaker.core.errors import InvalidInput
from tastemaker.db.embedded import Server
from tests.conftest import MakeDatabase

WRITE = "UPDATE system_configurations SET value = %s WHERE key = 'standard_job_timeout'"
KNOWN = "SELECT count(*) FROM configuration_keys"


def test_bounds_are_known_once_it_is_migrated(
    server: Server, make_database: MakeDatabase, template: str
) -> None:
    url = server.url(database=make_database(template))
    with psycopg.connect(url, autocommit=True) as connection:
        assert connection.execute(KNOWN).fetchone() == (0,)
        assert migrate_and_declare(url, app_password=None).applied == ()
        assert connection.execute(KNOWN).fetchone() == (len(DECLARED),)
        with pytest.raises(psycopg.errors.CheckViolation, match="out of its bounds"):
            connection.execute(WRITE, ("8d",))
        connection.execute("DELETE FROM configuration_keys WHERE key = 'standard_job_timeout'")
        migrate_and_declare(url, app_password=None)
        with pytest.raises(psycopg.errors.CheckViolation, match="out of its bounds"):
            connection.execute(WRITE, ("8d",))


@pytest.mark.parametrize(("value", "is_kept"), [("1.5", False), ("2", True), ("2.0", True), ("1e1", True)])
def test_what_counts_something_has_no_fraction(
    server: Server, make_database: MakeDatabase, template: str, value: str, *, is_kept: bool
) -> None:
    key = MAX_CONCURRENT_JOBS
    with nullcontext() if is_kept else pytest.raises(InvalidInput, match="a whole number from 1 to 1000"):
        assert key.parse(value) >= 1
    url = server.url(database=make_database(template))
    migrate_and_declare(url, app_password=None)
    write = (
        "INSERT INTO system_configurations (category, key, value, value_type) VALUES (%s, %s, %s, 'number')"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DELETE FROM system_configurations WHERE key = %s", (key.key,))
        refused = pytest.raises(psycopg.errors.CheckViolation, match="is a whole number")
        with nullcontext() if is_kept else refused:
            connection.execute(write, (key.category, key.key, value))
        connection.execute("DELETE FROM system_configurations WHERE key = %s", (USER_BUDGET.key,))
        connection.execute(write, (USER_BUDGET.category, USER_BUDGET.key, "1.5"))


def test_a_step_of_the_past_has_no_bounds_yet(server: Server, make_database: MakeDatabase) -> None:
    url = server.url(database=make_database(None))
    assert migrate_and_declare(url, app_password=None, to="0008").after == "0008"
