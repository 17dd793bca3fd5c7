from collections.abc import AsyncIterator
from dataclasses import dataclass

import psycopg
import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.db.pool import Database
from tests.providers.remote import Remote, listening
from tests.searches.scripted import Bench


@pytest.fixture
def bench(database: Database, user: CurrentUser) -> Bench:
    return Bench(database, user)


@pytest.fixture
async def remote() -> AsyncIterator[Remote]:
    async with listening() as server:
        yield server


@dataclass
class Clock:
    """The database's, moved by its owner."""

    url: str
    ahead: float = 0

    def forward(self, seconds: float) -> None:
        self.ahead += seconds
        with psycopg.connect(self.url, autocommit=True) as owner:
            owner.execute("UPDATE clock_offset SET shift = make_interval(secs => %s)", (self.ahead,))


@pytest.fixture
def shift(admin_url: str) -> Clock:
    return Clock(admin_url)
