"""A migrator that dies before any statement of any step leaves a database that the next one takes on."""

import subprocess
import sys
import textwrap
from collections.abc import Callable

import psycopg
import pytest

from tastemaker.db.embedded import Server
from tastemaker.db.migrate import HEAD, current
from tests.migrations import catalog_rights
from tests.migrations.catalog import schema_of
from tests.migrations.catalog_rights import lines_of

DYING = textwrap.dedent(
    """
    import os, sys
    from sqlalchemy import Engine, event
    from tastemaker.db.migrate import current, migrate

    def die_before(place):
        said = []

        @event.listens_for(Engine, "before_cursor_execute")
        def count(connection, cursor, statement, *_):
            if said or "tastemaker.migrating" in statement:
                said.append(statement)
            if len(said) > place:
                os._exit(9)

    place, at, deaths = 1, current(sys.argv[1]), 0
    while True:
        child = os.fork()
        if child == 0:
            die_before(place)
            migrate(sys.argv[1], app_password=None)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status == 0:
            break
        deaths += 1
        reached = current(sys.argv[1])
        place, at = (1, reached) if reached != at else (place + 1, at)
    print(deaths)
    """
)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_before_every_statement_it_converges(
    empty_url: str, server: Server, template: str, make_database: Callable[[str | None], str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DYING, empty_url], capture_output=True, text=True, check=True, timeout=600
    )
    assert int(done.stdout) > 3 * int(HEAD)
    assert current(empty_url) == HEAD
    with (
        psycopg.connect(empty_url, autocommit=True) as interrupted,
        psycopg.connect(server.url(database=make_database(template)), autocommit=True) as undisturbed,
    ):
        assert schema_of(interrupted) == schema_of(undisturbed)
        for question in (catalog_rights.GRANTS, catalog_rights.POLICIES, catalog_rights.FUNCTIONS):
            assert lines_of(interrupted, question) == lines_of(undisturbed, question)
