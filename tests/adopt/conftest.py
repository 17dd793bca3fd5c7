"""Original databases built and filled, and one adopted database for each state, shared by what only reads."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tastemaker.adopt.plan_queries import AdoptionPlan, Options
from tastemaker.adopt.service import Adopted, adopt, look
from tastemaker.db.embedded import Server
from tests.adopt.hostile_rows import fill
from tests.adopt.original_product import STATES, build

MakeOriginal = Callable[[str], str]


@dataclass(frozen=True)
class AdoptedDatabase:
    state: str
    url: str
    plan: AdoptionPlan
    result: Adopted


@pytest.fixture(scope="session")
def make_original(server: Server, make_database: Callable[[str | None], str]) -> MakeOriginal:
    """Makes the URL of a filled original database in one of the states."""
    templates: dict[str, str] = {}

    def make(state: str) -> str:
        if state not in templates:
            templates[state] = make_database(None)
            with psycopg.connect(server.url(database=templates[state]), autocommit=True) as connection:
                build(connection, STATES[state])
                fill(connection, STATES[state])
        return server.url(database=make_database(templates[state]))

    return make


@pytest.fixture(scope="session", params=STATES)
def adopted(request: pytest.FixtureRequest, make_original: MakeOriginal) -> AdoptedDatabase:
    """An adopted database of each state. Only to be read."""
    url = make_original(request.param)
    plan = look(url, Options()).plan
    assert plan is not None
    return AdoptedDatabase(request.param, url, plan, adopt(url, app_password=None, options=Options()))


@pytest.fixture
def rows(adopted: AdoptedDatabase) -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """Asks the adopted database as its administrator."""
    with psycopg.connect(adopted.url, autocommit=True, row_factory=dict_row) as connection:
        connection.execute("SET default_transaction_read_only = on")
        yield lambda query, *values: connection.execute(query.encode(), values or None).fetchall()
