"""The sandbox's server: routes, keys and faults. The answers are made by the packages of the services."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tastemaker.core.errors import AppError, InvalidInput
from tastemaker.sandbox import graph, scrapecreators, youtube
from tastemaker.sandbox.call import VALID_KEY, Answer, Call, Refusal
from tastemaker.sandbox.faults import Faults, Switchboard, Turn, parse_faults
from tastemaker.sandbox.library import Library
from tastemaker.sandbox.trouble import json_response, refused, spoiled
from tastemaker.sandbox.vendors import GRAPH, SCRAPECREATORS, YOUTUBE, Vendor

Endpoint = Callable[[Request], Awaitable[Response]]

_ANSWERS: dict[str, tuple[Vendor, Answer]] = {
    **{path: (YOUTUBE, answer) for path, answer in youtube.ANSWERS.items()},
    **{path: (SCRAPECREATORS, answer) for path, answer in scrapecreators.ANSWERS.items()},
    **{path: (GRAPH, answer) for path, answer in graph.ANSWERS.items()},
}
_STARTING_SECONDS = 10
_TICK_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What a running sandbox consists of: `app.state.sandbox`."""

    library: Library
    switchboard: Switchboard


def create_sandbox(corpus: Path, faults: Faults | None = None) -> Starlette:
    """The ASGI application over the corpus file; all providers' paths side by side."""
    routes = [Route(path, _endpoint(vendor, answer)) for path, (vendor, answer) in _ANSWERS.items()]
    routes += [Route("/_sandbox/calls", _calls), Route("/_sandbox/faults", _set_faults, methods=["POST"])]
    app = Starlette(routes=routes)
    app.state.sandbox = Sandbox(Library(corpus), Switchboard(faults or Faults()))
    return app


@asynccontextmanager
async def serve(corpus: Path, *, faults: Faults | None = None) -> AsyncIterator[str]:
    """The sandbox on a free loopback port, in the running loop; yields its base URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio only where `proto` is set
        server = _Server(
            uvicorn.Config(
                create_sandbox(corpus, faults),
                log_config=None,
                log_level="critical",
                access_log=False,
                lifespan="off",
                ws="none",
                timeout_graceful_shutdown=1,
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await _started(server, serving)
            host, port = listener.getsockname()
            yield f"http://{host}:{port}"
        finally:
            server.leave()
            await serving


class _Server(uvicorn.Server):
    """Inside somebody else's process: signals are not ours to catch, and it ends as soon as it is told."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        self.should_exit = True
        self._leaving.set()

    async def main_loop(self) -> None:
        while not await self.on_tick(counter=0):  # which keeps the clock of its answers
            with suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), _TICK_SECONDS)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _started(server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    async with asyncio.timeout(_STARTING_SECONDS):
        while not server.started:
            if serving.done():
                serving.result()
                raise SandboxStopped("The sandbox stopped while it was starting.")
            await asyncio.sleep(0.002)


class SandboxStopped(AppError):
    """The server ended before it was ready."""

    status = 503


def _endpoint(vendor: Vendor, answer: Answer) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        sandbox: Sandbox = request.app.state.sandbox
        faults, turn = sandbox.switchboard.next_turn(request.url.path)
        if faults.latency:
            await asyncio.sleep(faults.latency)
        if vendor.read_key(request) != VALID_KEY:
            return json_response(vendor.key_refused())
        call = Call(sandbox.library, dict(request.query_params), faults, turn.number)
        refusal = refused(turn, faults, vendor)
        if refusal is not None:
            return refusal
        return await run_in_threadpool(_answered, answer, call, turn)

    return endpoint


def _answered(answer: Answer, call: Call, turn: Turn) -> Response:
    try:
        body = answer(call)
    except Refusal as refusal:
        return json_response(refusal)
    return spoiled(turn, body) or Response(orjson.dumps(body), media_type="application/json")


async def _calls(request: Request) -> Response:
    """How often each path was called since the start."""
    sandbox: Sandbox = request.app.state.sandbox
    calls = sandbox.switchboard.calls
    body = {"total": calls.total(), "calls": dict(sorted(calls.items()))}
    return Response(orjson.dumps(body), media_type="application/json")


async def _set_faults(request: Request) -> Response:
    """Replaces all switches by those in the body; the others go off."""
    if request.client is None or not ip_address(request.client.host).is_loopback:
        return Response(b"Only from this machine.", 403)
    sandbox: Sandbox = request.app.state.sandbox
    try:
        faults = parse_faults(await request.body())
    except InvalidInput as error:
        return Response(str(error).encode(), error.status)
    sandbox.switchboard.set_faults(faults)
    return Response(orjson.dumps(faults), media_type="application/json")
