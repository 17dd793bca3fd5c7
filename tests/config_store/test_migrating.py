"""A database that was migrated and never worked with refuses what no process could read."""

import psycopg
import pytest

from tastemaker.config_store.declaring import DECLARED
from tastemaker.config_store.migrating import migrate_and_declare
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


def test_a_step_of_the_past_has_no_bounds_yet(server: Server, make_database: MakeDatabase) -> None:
    url = server.url(database=make_database(None))
    assert migrate_and_declare(url, app_password=None, to="0008").after == "0008"
