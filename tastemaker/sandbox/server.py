"""The sandbox's server: routes, keys and faults. The packages of the vendors make the answers."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tastemaker.core.clock import utc_now
from tastemaker.core.errors import InvalidInput
from tastemaker.core.http_server import running
from tastemaker.sandbox import graph, pictures, scrapecreators, youtube
from tastemaker.sandbox.call import VALID_KEY, Body, Handler, Refusal, SandboxCall
from tastemaker.sandbox.faults import Fault, FaultInjector, FaultOutcome, Faults, parse_faults
from tastemaker.sandbox.library import Library
from tastemaker.sandbox.scrapecreators import envelope

Endpoint = Callable[[Request], Awaitable[Response]]

_LOGIN_PAGE = b"<!doctype html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    read_key: Callable[[Request], str | None]
    key_refused: Callable[[], Refusal]
    rate_limited: Callable[[], Refusal]
    used_up: Callable[[], Refusal]
    server_error: Callable[[int], Refusal]


def _query_or_header_key(request: Request) -> str | None:
    return request.query_params.get("key") or request.headers.get("x-goog-api-key")


def _header_key(request: Request) -> str | None:
    return request.headers.get("x-api-key")


def _token(request: Request) -> str | None:
    return request.query_params.get("access_token")


YOUTUBE = Vendor(
    read_key=_query_or_header_key,
    key_refused=youtube.key_invalid,
    rate_limited=youtube.rate_limited,
    used_up=youtube.quota_exceeded,
    server_error=youtube.server_error,
)
SCRAPECREATORS = Vendor(
    read_key=_header_key,
    key_refused=envelope.unauthorized,
    rate_limited=envelope.rate_limited,
    used_up=envelope.out_of_credits,
    server_error=envelope.server_error,
)
GRAPH = Vendor(
    read_key=_token,
    key_refused=graph.token_refused,
    rate_limited=graph.rate_limited,
    used_up=graph.used_up,
    server_error=graph.server_error,
)

_HANDLERS: dict[str, tuple[Vendor, Handler]] = {
    **{path: (YOUTUBE, answer) for path, answer in youtube.HANDLERS.items()},
    **{path: (SCRAPECREATORS, answer) for path, answer in scrapecreators.HANDLERS.items()},
    **{path: (GRAPH, answer) for path, answer in graph.HANDLERS.items()},
}


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What a running sandbox consists of: `app.state.sandbox`."""

    library: Library
    injector: FaultInjector


def create_sandbox(corpus: Path, faults: Faults | None = None) -> Starlette:
    """The ASGI application over the corpus file; all providers' paths side by side."""
    routes = [Route(path, _endpoint(vendor, answer)) for path, (vendor, answer) in _HANDLERS.items()]
    routes += [Route("/_sandbox/calls", _calls), Route("/_sandbox/faults", _set_faults, methods=["POST"])]
    routes.append(Route("/{path:path}", _picture))
    app = Starlette(routes=routes)
    app.state.sandbox = Sandbox(Library(corpus), FaultInjector(faults or Faults()))
    return app


@asynccontextmanager
async def serve(corpus: Path, *, faults: Faults | None = None) -> AsyncIterator[str]:
    """The sandbox on a free loopback port, in the running loop; yields its base URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio only where `proto` is set
        sandbox, stopping = create_sandbox(corpus, faults), asyncio.Event()
        async with running(sandbox, listener, stopping=stopping, lifespan="off", timeout_graceful_shutdown=1):
            host, port = listener.getsockname()
            yield f"http://{host}:{port}"


def _endpoint(vendor: Vendor, answer: Handler) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        sandbox: Sandbox = request.app.state.sandbox
        faults, outcome = sandbox.injector.next_outcome(request.url.path)
        if faults.latency:
            await asyncio.sleep(faults.latency)
        if vendor.read_key(request) != VALID_KEY:
            return json_response(vendor.key_refused())
        call = SandboxCall(sandbox.library, dict(request.query_params), faults, outcome.number)
        refusal = refused(outcome, faults, vendor)
        if refusal is not None:
            return refusal
        return await run_in_threadpool(_answered, answer, call, outcome)

    return endpoint


def _answered(answer: Handler, call: SandboxCall, outcome: FaultOutcome) -> Response:
    try:
        body = answer(call)
    except Refusal as refusal:
        return json_response(refusal)
    return spoiled(outcome, body) or Response(orjson.dumps(body), media_type="application/json")


async def _picture(request: Request) -> Response:
    """What `pictures.IMAGE_HOST` would answer at this path."""
    drawn = pictures.draw(request.url.path)
    return Response(status_code=404) if drawn is None else Response(drawn, media_type=pictures.MEDIA_TYPE)


async def _calls(request: Request) -> Response:
    """How often each path was called since the start."""
    sandbox: Sandbox = request.app.state.sandbox
    calls = sandbox.injector.calls
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
    sandbox.injector.set_faults(faults)
    return Response(orjson.dumps(faults), media_type="application/json")


def refused(outcome: FaultOutcome, faults: Faults, vendor: Vendor) -> Response | None:
    """The refusal, where this call is to meet one before anything is looked up."""
    if outcome.fault is Fault.RATE_LIMIT:
        return json_response(vendor.rate_limited(), headers=_retry_after(faults))
    if outcome.fault is Fault.SERVER_ERROR:
        return json_response(vendor.server_error(500 if outcome.occasion % 2 == 0 else 503))
    if outcome.fault is Fault.QUOTA:
        return json_response(vendor.used_up())
    return None


def spoiled(outcome: FaultOutcome, body: Body) -> Response | None:
    """A good answer gone bad on its way, where this call is to meet that."""
    raw = orjson.dumps(body)
    if outcome.fault is Fault.DROP:
        return _BrokenOff(raw, media_type="application/json")
    if outcome.fault is not Fault.GARBAGE:
        return None
    kind = outcome.occasion % 3
    if kind == 0:
        return Response(_LOGIN_PAGE, media_type="text/html")
    return Response(raw[: len(raw) * 2 // 3] if kind == 1 else b"", media_type="application/json")


def json_response(refusal: Refusal, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(refusal.body), refusal.status, headers, "application/json")


class _BrokenOff(Response):
    """Promises the whole body, sends half of it and leaves; the server then closes the connection."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})


def _retry_after(faults: Faults) -> dict[str, str] | None:
    if faults.retry_after is None:
        return None
    if not faults.retry_after_as_date:
        return {"Retry-After": str(faults.retry_after)}
    return {"Retry-After": format_datetime(utc_now() + timedelta(seconds=faults.retry_after), usegmt=True)}
