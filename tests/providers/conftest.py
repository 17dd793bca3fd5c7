from collections.abc import AsyncIterator

import httpx
import pytest

from tastemaker.providers.http import make_client
from tests.providers.remote import Remote, listening


@pytest.fixture
async def remote() -> AsyncIterator[Remote]:
    """A provider on loopback; `remote.script` decides what it answers."""
    async with listening() as server:
        yield server


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with make_client() as client:
        yield client
