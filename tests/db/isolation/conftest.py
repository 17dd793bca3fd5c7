"""One database with a row of Alice's and of Bob's in every table, and Bob's ways into it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.access import APP_ROLE
from tastemaker.db.embedded import Server
from tastemaker.db.tenant_access import Credentials, grant_sql_access, revoke_sql_access
from tests.db.isolation.planting import BOB, Connection, Planted, plant


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

    def url_of(self, credentials: Credentials) -> str:
        return psycopg.conninfo.make_conninfo(
            self.admin_url, user=credentials.role, password=credentials.password
        )


@pytest.fixture(scope="session")
def attacked(server: Server, template: str, make_database: Callable[[str | None], str]) -> Attacked:
    name = make_database(template)
    with psycopg.connect(server.url(database=name)) as owner:
        planted = plant(owner)
        owner.execute("DELETE FROM sql_access")
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


@pytest.fixture(scope="session")
def bobs_login(attacked: Attacked) -> Iterator[Credentials]:
    credentials = grant_sql_access(attacked.admin_url, ExternalUserId(BOB))
    yield credentials
    revoke_sql_access(attacked.admin_url, ExternalUserId(BOB))


@pytest.fixture
def bobs_sql(attacked: Attacked, bobs_login: Credentials) -> Iterator[Connection]:
    """Bob's own SQL session."""
    with psycopg.connect(attacked.url_of(bobs_login), autocommit=True) as connection:
        yield connection
