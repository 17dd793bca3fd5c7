from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.db.pool import Database
from tastemaker.sandbox.corpus import generate
from tests.providers.remote import Remote, listening
from tests.searches.scripted import Bench


@pytest.fixture
def bench(database: Database, user: CurrentUser) -> Bench:
    return Bench(database, user)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "small.sqlite"
    generate(path, creators=1500, posts_per_creator=8, seed=7)
    return path


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
