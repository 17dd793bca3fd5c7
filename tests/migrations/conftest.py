"""Databases at chosen steps of the history, each made once and cloned."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from tastemaker.db.embedded import Server
from tastemaker.db.migrate import migrate

MakeAt = Callable[[str], str]


@pytest.fixture(scope="session")
def make_at(server: Server, make_database: Callable[[str | None], str]) -> MakeAt:
    """Makes the URL of a fresh database at a step, as the administrator."""
    templates: dict[str, str] = {}

    def make(number: str) -> str:
        if number not in templates:
            name = make_database(None)
            migrate(server.url(database=name), app_password=None, to=number)
            templates[number] = name
        return server.url(database=make_database(templates[number]))

    return make


@pytest.fixture
def empty_url(server: Server, make_database: Callable[[str | None], str]) -> str:
    """A database without anything in it, as the administrator."""
    return server.url(database=make_database(None))


@pytest.fixture(scope="module")
def head_connection(
    server: Server, template: str, make_database: Callable[[str | None], str]
) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server.url(database=make_database(template)), autocommit=True) as connection:
        yield connection


@pytest.fixture
def at_head(head_connection: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """An administrator's connection to a database at head, in a transaction that is rolled back."""
    with head_connection.transaction(force_rollback=True):
        yield head_connection
