"""One database with enough rows for every proof."""

from collections.abc import Callable

import psycopg
import pytest

from tastemaker.db.access import APP_ROLE
from tastemaker.db.embedded import Server
from tests.proofs.rows import load_results, load_system_rows, load_users


@pytest.fixture(scope="session")
def proven_database(server: Server, template: str, make_database: Callable[[str | None], str]) -> str:
    name = make_database(template)
    with psycopg.connect(server.url(database=name), autocommit=True) as connection:
        load_users(connection, 30_000)
        load_results(connection, jobs=6_000, pages=1_600, each=10)
        load_system_rows(connection, 20_000)
    return name


@pytest.fixture
def proven_urls(server: Server, proven_database: str) -> tuple[str, str]:
    """The administrator's and the application's."""
    return server.url(database=proven_database), server.url(database=proven_database, role=APP_ROLE)
