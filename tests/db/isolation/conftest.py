"""One database with a row of Alice's and of Bob's in every table, and connections to it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest

from tastemaker.db.access import APP_ROLE
from tastemaker.db.embedded import Server
from tests.db.isolation.planting import Connection, Planted, plant


@dataclass(frozen=True)
class Attacked:
    server: Server
    name: str
    planted: Planted

    @property
    def admin_url(self) -> str:
        return self.server.url(database=self.name)

    @property
    def app_url(self) -> str:
        return self.server.url(database=self.name, role=APP_ROLE)


@pytest.fixture(scope="session")
def attacked(server: Server, template: str, make_database: Callable[[str | None], str]) -> Attacked:
    name = make_database(template)
    with psycopg.connect(server.url(database=name)) as owner:
        planted = plant(owner)
    return Attacked(server, name, planted)


@pytest.fixture
def owner(attacked: Attacked) -> Iterator[Connection]:
    """A superuser: sees what is really there."""
    with psycopg.connect(attacked.admin_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def app(attacked: Attacked) -> Iterator[Connection]:
    """The application's role, in no transaction and without a claim."""
    with psycopg.connect(attacked.app_url, autocommit=True) as connection:
        yield connection
