from collections.abc import AsyncIterator

import pytest

from tastemaker.config_store.hot_reload import Configuration
from tastemaker.config_store.keys import DEFAULT_RETRY_DELAY
from tastemaker.db.pool import Database
from tests.jobs.transports.lines import TRANSPORTS, Line, line_over


@pytest.fixture(
    params=[pytest.param(name, marks=pytest.mark.slow) if name == "qstash" else name for name in TRANSPORTS]
)
async def line(database: Database, request: pytest.FixtureRequest) -> AsyncIterator[Line]:
    """Each transport in turn, the one with a server in between in the slow set."""
    async with line_over(database, request.param) as ready:
        ready.config = quick_retries()
        yield ready


@pytest.fixture
async def qstash_line(database: Database) -> AsyncIterator[Line]:
    async with line_over(database, "qstash") as ready:
        ready.config = quick_retries()
        yield ready


def quick_retries() -> Configuration:
    return Configuration.of_defaults({DEFAULT_RETRY_DELAY: DEFAULT_RETRY_DELAY.parse("50ms")})
