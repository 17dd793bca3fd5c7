"""ASGI middleware around all routes: request id, bounded body, security headers, no traceback in a response.

The id is that of the client where it is plain text, else a new one. It is in the response and in the log, and
it is the correlation id of every event that the request causes.
"""

import asyncio
import re
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tastemaker.core.clock import monotonic
from tastemaker.core.ids import new_id
from tastemaker.core.logging import get_logger
from tastemaker.events.context import caused_by
from tastemaker.web.problems import problem, unexpected

requests = get_logger("tastemaker.requests")
"""One line for each answer: the route's template, so that no id, name or query of a URL is in the log."""

REQUEST_ID: Final = "X-Request-ID"
MOST_BODY_BYTES: Final = 1024 * 1024
BODY_SECONDS: Final = 15.0
UPLOADS: Final = "/imports"
"""The end of the paths that take a file. A few are read at a time, each of a length that it declares."""

MOST_UPLOAD_BYTES: Final = 24 * 1024 * 1024
MOST_UPLOADS: Final = 4
UPLOAD_SECONDS: Final = 60.0
MOST_HEADERS: Final = 100
MOST_DRAINED_BYTES: Final = 32 * 1024 * 1024
DRAIN_SECONDS: Final = 3.0

_PLAIN: Final = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


class RequestMiddleware:
    """Reads the body, bounded in size and time, and calls the application with it."""

    def __init__(self, app: ASGIApp, *, most_body_bytes: int = MOST_BODY_BYTES) -> None:
        self._app = app
        self._most_body_bytes = most_body_bytes
        self._uploads = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        began, answering = monotonic(), _Answering(send, request_id, scope)
        with caused_by(
            correlation_id=request_id, causation_id=request_id, metadata=_metadata(scope, request_id)
        ):
            await self._answer(scope, receive, answering)
        requests.info(
            "%s %s %s %s %.0f ms",
            request_id,
            scope["method"],
            getattr(scope.get("route"), "path", "-"),
            answering.status,
            (monotonic() - began) * 1000,
        )

    async def _answer(self, scope: Scope, receive: Receive, answering: "_Answering") -> None:
        try:
            body = await self._body(scope, receive)
            if isinstance(body, int):
                await _drain(receive)
                refused = problem(body, _REFUSALS[body])
                refused.headers["Connection"] = "close"
                await refused(scope, receive, answering)
                return
            await self._app(scope, _Replayed(body, receive), answering)
        except Exception as error:
            if answering.has_begun:
                raise
            await unexpected(error, Request(scope))(scope, receive, answering)

    async def _body(self, scope: Scope, receive: Receive) -> bytes | int:
        """The whole body, or the status of the refusal."""
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "0")
        if len(scope["headers"]) > MOST_HEADERS:
            return 431
        if not declared.isdecimal():
            return 413
        length = int(declared[:20])
        is_upload = scope["path"].endswith(UPLOADS) and self._most_body_bytes < length <= MOST_UPLOAD_BYTES
        if length > self._most_body_bytes and not is_upload:
            return 413
        if is_upload and self._uploads >= MOST_UPLOADS:
            return 503
        if headers.get("content-encoding", "identity").lower() != "identity":
            return 415
        if declared == "0" and "transfer-encoding" not in headers:
            return b""
        self._uploads += is_upload
        try:
            async with asyncio.timeout(UPLOAD_SECONDS if is_upload else BODY_SECONDS):
                return await self._read(receive, length if is_upload else self._most_body_bytes)
        except TimeoutError:
            return 408
        finally:
            self._uploads -= is_upload

    async def _read(self, receive: Receive, most: int) -> bytes | int:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return 400
            part = message.get("body", b"")
            size += len(part)
            if size > most:
                return 413
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)


_REFUSALS: Final = {
    400: "The request ended before its body did.",
    408: f"The body did not come within {BODY_SECONDS:.0f} seconds.",
    413: "The body is too large.",
    415: "A compressed body is not taken.",
    503: "Other files are being uploaded. Try again in a moment.",
    431: f"A request has {MOST_HEADERS} headers at most.",
}


async def _drain(receive: Receive) -> None:
    """Read the rest of the body, bounded: many clients read no response before they have sent it."""
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            drained = 0
            while drained < MOST_DRAINED_BYTES:
                message = await receive()
                drained += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return


class _Replayed:
    """Gives the body to the application once; afterwards it passes on the disconnect."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        return await self._receive()


class _Answering:
    """Adds the request id and the security headers to every response."""

    def __init__(self, send: Send, request_id: str, scope: Scope) -> None:
        self._send = send
        self._request_id = request_id
        self._scope = scope
        self.has_begun = False
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun, self.status = True, message["status"]
            headers = MutableHeaders(scope=message)
            headers.update(self._scope.get("state", {}).get("more_headers", {}))
            headers[REQUEST_ID] = self._request_id
            for name, value in _ALWAYS.items():
                headers.setdefault(name, value)
        await self._send(message)


def _metadata(scope: Scope, request_id: str) -> dict[str, str]:
    """Of the events that the request causes."""
    said = {"request_id": request_id, "source": "http"}
    agent = Headers(scope=scope).get("user-agent", "")
    return said | ({"user_agent": agent} if agent else {})


def _request_id(scope: dict[str, Any] | Scope) -> str:
    given = Headers(scope=scope).get(REQUEST_ID, "")
    return given if _PLAIN.fullmatch(given) else str(new_id())
