"""One small made-up corpus for all tests that only read, and a way to call a running sandbox."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tastemaker.sandbox.corpus import generate, replacing
from tastemaker.sandbox.faults import Faults
from tastemaker.sandbox.library import Library
from tastemaker.sandbox.server import serve
from tastemaker.sandbox.store import (
    CreatorRow,
    PostRow,
    build_index,
    create_tables,
    insert_creators,
    insert_posts,
    set_facts,
    writing,
)

CREATORS = 3_000

Running = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
SmallCorpus = Callable[..., Path]
Get = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "made-up.sqlite3"
    generate(path, creators=CREATORS, posts_per_creator=8, seed=7)
    return path


@pytest.fixture(scope="session")
def library(corpus: Path) -> Library:
    return Library(corpus)


@pytest.fixture
def small_corpus(tmp_path: Path) -> SmallCorpus:
    """`small_corpus(creators, posts)`: a corpus of just these rows."""

    def build(creators: Sequence[CreatorRow], posts: Sequence[PostRow] = ()) -> Path:
        path = tmp_path / "small.sqlite3"
        with replacing(path) as unfinished, writing(unfinished) as connection:
            create_tables(connection)
            insert_creators(connection, creators)
            insert_posts(connection, posts)
            set_facts(connection, {"origin": "imported"})
            build_index(connection)
        return path

    return build


@pytest.fixture
def running() -> Running:
    """`async with running(corpus, faults) as client`: a sandbox over loopback and a client to it."""

    @asynccontextmanager
    async def run(corpus: Path, faults: Faults | None = None) -> AsyncIterator[httpx.AsyncClient]:
        async with serve(corpus, faults=faults) as url, httpx.AsyncClient(base_url=url) as client:
            yield client

    return run


@pytest.fixture
async def client(running: Running, corpus: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with running(corpus) as client:
        yield client


@pytest.fixture
def youtube(client: httpx.AsyncClient) -> Get:
    async def get(path: str, **params: Any) -> httpx.Response:  # noqa: ANN401 - whatever a URL takes
        return await client.get(f"/youtube/v3/{path}", params={"part": "snippet", "key": "sandbox"} | params)

    return get


@pytest.fixture
def scrape(client: httpx.AsyncClient) -> Get:
    async def get(path: str, **params: Any) -> httpx.Response:  # noqa: ANN401 - whatever a URL takes
        return await client.get(path, params=params, headers={"x-api-key": "sandbox"})

    return get
