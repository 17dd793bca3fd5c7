"""The application on a real socket, over a fresh database, and a program with a key that calls it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tastemaker.accounts import api_keys
from tastemaker.accounts.current_user import CurrentUser
from tastemaker.asgi import create_app
from tastemaker.config_store.declaration import ConfigKey
from tastemaker.config_store.hot_reload import Configuration
from tastemaker.core.platforms import Platform
from tastemaker.core.settings import Settings
from tastemaker.db.enums import ApiScope
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tastemaker.jobs.worker import run_worker
from tastemaker.jobs.worker_state import WorkerSettings
from tastemaker.providers.http import make_client
from tastemaker.providers.registry import Registry, sandbox_providers
from tastemaker.sandbox.corpus import generate
from tastemaker.sandbox.server import serve
from tastemaker.searches.installation import Installation
from tastemaker.searches.tasks import Sources, search_handlers
from tastemaker.web.rate_limit import RateLimit
from tastemaker.web.server import serving
from tastemaker.web.services import Services


def app_over(
    database: Database,
    *,
    live: frozenset[Platform] = frozenset(),
    config: Mapping[ConfigKey[Any], Any] | None = None,
    installation: Installation | None = None,
) -> FastAPI:
    services = Services(database, RateLimit(Configuration.of_defaults(config)), live)
    return create_app(services, None, installation or Installation(Settings(), Registry(())))


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """On a free loopback port, until the block ends; its base URL."""
    stopping = asyncio.Event()
    async with serving(app, host="127.0.0.1", port=0, stopping=stopping) as url:
        yield url
        stopping.set()


@dataclass(frozen=True)
class Program:
    """Calls the interface with a key; without one where `key` is empty."""

    http: httpx.AsyncClient

    async def get(self, path: str, **query: Any) -> httpx.Response:  # noqa: ANN401 - whatever a URL holds
        return await self.http.get(path, params=query)

    async def post(self, path: str, body: object = None, *, key: str | None = None) -> httpx.Response:
        return await self.http.post(path, json=body, headers={"Idempotency-Key": key} if key else {})

    async def campaign(self, name: str = "Chess") -> str:
        made = await self.post("/api/v1/campaigns", {"name": name})
        assert made.status_code == 201, made.text
        return str(made.json()["id"])


async def make_key(database: Database, user: CurrentUser, *scopes: ApiScope) -> str:
    async with transaction(database, user.claim) as tx:
        every = [scope for scope in ApiScope if user.is_admin or scope is not ApiScope.ADMIN]
        made = await api_keys.create_key(tx, user, name="A test", scopes=scopes or every)
    return made.secret


@pytest.fixture
async def url(database: Database) -> AsyncIterator[str]:
    async with served(app_over(database)) as url:
        yield url


MakeProgram = Callable[[str], Program]


@pytest.fixture
async def program_with(url: str) -> AsyncIterator[MakeProgram]:
    """A program with the given key."""
    opened: list[httpx.AsyncClient] = []

    def make(key: str) -> Program:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        opened.append(httpx.AsyncClient(base_url=url, headers=headers, timeout=30))
        return Program(opened[-1])

    yield make
    for client in opened:
        await client.aclose()


@pytest.fixture
async def program(program_with: MakeProgram, database: Database, user: CurrentUser) -> Program:
    """The local user's program, good for everything."""
    return program_with(await make_key(database, user))


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "small.sqlite"
    generate(path, creators=1500, posts_per_creator=8, seed=7)
    return path


@asynccontextmanager
async def working(database: Database, corpus: Path) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    async with serve(corpus) as base_url, make_client() as http:
        sources = Sources(http=http, providers={"sandbox": sandbox_providers(base_url)})
        settings = WorkerSettings(poll=0.1)
        worker = asyncio.create_task(
            run_worker(database, search_handlers(sources), stopping=stopping, settings=settings)
        )
        try:
            yield
        finally:
            stopping.set()
            await worker


async def wanted(program: Program, **changed: object) -> dict[str, Any]:
    return {
        "campaign_id": await program.campaign(),
        "keywords": ["makeup"],
        "platforms": ["tiktok"],
        "target": 30,
        **changed,
    }
