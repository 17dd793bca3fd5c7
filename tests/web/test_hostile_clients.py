"""Clients that keep the server waiting: half-sent headers, idle connections, unread responses, too many."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from inspect import getsource, signature

import httpx
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from tastemaker.web import bounded
from tastemaker.web.bounded import BoundedProtocol
from tastemaker.web.server import serving

HALF = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Half: "
WHOLE = b"GET /small HTTP/1.1\r\nHost: x\r\n\r\n"
WATCH = b"GET /watch HTTP/1.1\r\nHost: x\r\n\r\n"
UPLOAD = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nbegin"

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def site(scope: Scope, receive: Receive, send: Send) -> None:
    """Small answers, a body that is read, a stream with a silence in it, and a flood."""
    if scope["type"] != "http":
        return
    if scope["path"] == "/body":
        while (await receive()).get("more_body", False):
            pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-of", b"the site")]})
    if scope["path"] == "/watch":
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await asyncio.sleep(1.2)
        await send({"type": "http.response.body", "body": b"second", "more_body": True})
    for _ in range(1_000 if scope["path"] == "/flood" else 0):  # more than any buffer between us holds
        await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
        await asyncio.sleep(0)  # to a client that is gone everything is sent at once
    await send({"type": "http.response.body", "body": b"done"})


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("header_seconds", "idle_seconds", "unread_seconds"):
        monkeypatch.setattr(BoundedProtocol, limit, 0.5)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    stopping = asyncio.Event()
    async with serving(site, host="127.0.0.1", port=0, stopping=stopping) as url:
        yield int(url.rpartition(":")[2])
        stopping.set()


@asynccontextmanager
async def connected(port: int, *said: bytes) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in said:
        writer.write(part)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def rest(client: Client, *, within: float = 5) -> bytes:
    """What comes until the server closes."""
    async with asyncio.timeout(within):
        try:
            return await client[0].read()
        except ConnectionError:
            return b""


async def test_half_sent_headers_are_closed_and_hold_up_nobody(url: str) -> None:
    port = int(url.rpartition(":")[2])
    async with AsyncExitStack() as open_clients, httpx.AsyncClient() as other:
        clients = [await open_clients.enter_async_context(connected(port, HALF)) for _ in range(300)]
        assert (await other.get(f"{url}/healthz")).status_code == 200
        answers = await asyncio.gather(*(rest(client) for client in clients))
    assert {answer.split(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 408 Request Timeout"}


async def test_headers_that_come_byte_by_byte_gain_no_time(port: int) -> None:
    async with connected(port, HALF) as client, asyncio.timeout(3):
        while not (client[0].at_eof() or client[1].transport.is_closing()):
            client[1].write(b"x")
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("said", [b"", WHOLE], ids=["silent", "after a request"])
async def test_an_idle_connection_is_closed(port: int, said: bytes) -> None:
    async with connected(port, said) as client:
        assert (await rest(client)).count(b"HTTP/1.1") == (1 if said else 0)


async def test_half_a_second_request_is_closed(port: int) -> None:
    async with connected(port, WHOLE) as client:
        await client[0].readuntil(b"done")
        client[1].write(HALF)
        assert b"408" in await rest(client)


async def test_a_client_that_reads_nothing_is_closed(port: int) -> None:
    async with connected(port, b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n") as client:
        client[1].transport.pause_reading()  # type: ignore[attr-defined]  # of its kind
        await asyncio.sleep(1.5)
        client[1].transport.resume_reading()  # type: ignore[attr-defined]  # of its kind
        await rest(client)


async def test_five_hundred_watchers_are_not_idle(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Client and server share one event loop here, so a busy machine delays the headers too."""
    monkeypatch.setattr(BoundedProtocol, "header_seconds", 60)
    async with AsyncExitStack() as open_clients:
        watchers = [await open_clients.enter_async_context(connected(port, WATCH)) for _ in range(500)]
        answers = await asyncio.gather(*(rest(client, within=30) for client in watchers))
    parts = (b"first", b"second", b"done")
    assert [each for each in answers if not all(part in each for part in parts)] == []


@pytest.mark.parametrize("said", [HALF, UPLOAD], ids=["headers", "body"])
async def test_who_waits_longest_makes_room(port: int, said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MOST_CONNECTIONS", 10)
    monkeypatch.setattr(BoundedProtocol, "header_seconds", 60)
    async with AsyncExitStack() as open_clients:
        waiting = [await open_clients.enter_async_context(connected(port, said)) for _ in range(10)]
        await asyncio.sleep(0.2)
        async with connected(port, WHOLE) as client:
            assert b"done" in await client[0].readuntil(b"done")
        assert await rest(waiting[0]) == b""
        with pytest.raises(TimeoutError):
            await rest(waiting[9], within=0.2)


async def test_where_all_are_answered_a_new_one_is_refused(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "MOST_CONNECTIONS", 5)
    async with AsyncExitStack() as open_clients:
        watchers = [await open_clients.enter_async_context(connected(port, WATCH)) for _ in range(5)]
        for watcher in watchers:
            await watcher[0].readuntil(b"first")
        async with connected(port, WHOLE) as client:
            assert (await rest(client)).startswith(b"HTTP/1.1 503")
        assert b"second" in await rest(watchers[0])


def test_few_files_mean_few_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (256, 256))
    assert bounded.most_connections() == 156
    monkeypatch.setattr("resource.getrlimit", lambda _: (-1, -1))
    assert bounded.most_connections() == bounded.MOST_CONNECTIONS


async def test_uvicorn_has_what_the_protocol_uses() -> None:
    """Its constructor calls the class by keywords, and starts requests by the attribute `app`."""
    assert set(signature(H11Protocol.__init__).parameters) == {
        "self", "config", "server_state", "app_state", "_loop",
    }  # fmt: skip
    config = uvicorn.Config(site, http=BoundedProtocol)
    server = uvicorn.Server(config)
    config.load()
    assert config.http_protocol_class is BoundedProtocol
    made = BoundedProtocol(config=config, server_state=server.server_state, app_state={})
    assert made.connections is server.server_state.connections
    assert made.loop is asyncio.get_running_loop()
    assert "app = self.app" in getsource(H11Protocol.handle_events)
