"""The HTTP client for calls to providers: deadline, size limit, no redirects, messages without secrets."""

import asyncio
import json
import logging
import re
import ssl
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import httpx
import orjson

import tastemaker
from tastemaker.providers.base import Cost, ErrorKind, ProviderError

MAX_BYTES = 8_000_000
CONNECT_SECONDS = 10.0
CONNECTIONS = 20
LAST_PORT = 65_535
SHORTEST_SECRET = 6

_LOOPBACK = ("all://127.0.0.1", "all://localhost", "all://[::1]")
_NEVER_SENT = Cost(calls=0, units=0)
_QUERY = re.compile(r"\?\S*")
_KEY_NAME = re.compile(r"(?i)key|token|secret")

MOST_BYTES: Final = 8_192
"""Of an answer; more than is kept of it in the end, so that a key at the edge is seen whole."""

MAX_DEPTH = 64
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_SURROGATES = re.compile("[\ud800-\udfff]")
_OPENING = b"[{"
_ALL_BUT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_INT64_DIGITS = 19


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedBody:
    """`beginning` is as it came; `secrets` are the values of the request that must not stay in it."""

    status: int
    content_type: str | None
    beginning: bytes
    bytes_read: int
    secrets: frozenset[str]


class Receiver:
    """Of one page: its calls may be several, one after another or side by side."""

    def __init__(self) -> None:
        self.last: ReceivedBody | None = None


class UnreadableBodyError(Exception):
    """The body is no JSON object. `final`: a second call brings the same, at another charge."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


@dataclass(frozen=True, slots=True)
class JsonResponse:
    """What came back. `body` is empty where an error status came without readable JSON."""

    status: int
    headers: httpx.Headers
    body: Mapping[str, Any]
    raw: bytes


def make_client() -> httpx.AsyncClient:
    """The client for outgoing calls. A proxy of the environment is used, but never towards this machine."""
    httpx_log = logging.getLogger("httpx")
    if _without_query not in httpx_log.filters:
        httpx_log.addFilter(_without_query)
    return httpx.AsyncClient(
        headers={"User-Agent": f"tastemaker/{tastemaker.__version__}"},
        timeout=httpx.Timeout(30.0, connect=CONNECT_SECONDS),
        limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
        mounts=dict.fromkeys(_LOOPBACK),
        verify=_certificates(),
        follow_redirects=False,
    )


async def get_json(
    http: httpx.AsyncClient,
    url: str,
    *,
    provider: str,
    params: Mapping[str, str],
    headers: Mapping[str, str],
    deadline_seconds: float,
    max_bytes: int = MAX_BYTES,
) -> JsonResponse:
    """One GET, from connecting to the last byte within `deadline_seconds`.

    An error status is an JsonResponse like any other; its meaning is the adapter's business. Raises
    ProviderError where there is no usable answer: with a cost of no calls if no request was sent.
    """
    asked = f"{provider} ({_host(url)})"
    try:
        async with asyncio.timeout(deadline_seconds):
            return await _get(http, url, asked, params, headers, deadline_seconds, max_bytes)
    except (httpx.ConnectTimeout, httpx.PoolTimeout):
        raise _failure(
            ErrorKind.TIMEOUT, f"{asked} could not be reached in time.", cost=_NEVER_SENT
        ) from None
    except (TimeoutError, httpx.TimeoutException):
        message = f"{asked} did not answer completely within {deadline_seconds:g} seconds."
        raise _failure(ErrorKind.TIMEOUT, message) from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        message = f"The address set for {provider} is not an http or https URL."
        raise _failure(ErrorKind.BAD_REQUEST, message, final=True, cost=_NEVER_SENT) from None
    except (httpx.ConnectError, httpx.ProxyError):
        raise _failure(ErrorKind.SERVER, f"{asked} could not be reached.", cost=_NEVER_SENT) from None
    except httpx.TransportError:
        raise _failure(ErrorKind.SERVER, f"{asked} broke off the connection.") from None


@cache
def _certificates() -> ssl.SSLContext:
    """Read once per process: it takes longer than most calls to the sandbox."""
    return httpx.create_ssl_context()


async def _get(
    http: httpx.AsyncClient,
    url: str,
    asked: str,
    params: Mapping[str, str],
    headers: Mapping[str, str],
    deadline_seconds: float,
    max_bytes: int,
) -> JsonResponse:
    _refuse_impossible_port(url)
    request = http.stream(
        "GET",
        url,
        params=dict(params),
        headers={"Accept": "application/json", **headers, "Accept-Encoding": "gzip"},
        timeout=_timeout(deadline_seconds),
        follow_redirects=False,
    )
    async with request as response:
        secrets = _secrets(params, headers)
        if response.is_redirect:
            _record(response, b"", secrets)
            raise _failure(ErrorKind.GARBAGE, f"{asked} sent a redirect, which is never followed.")
        try:
            raw = await _read(response, max_bytes, secrets)
            body = await asyncio.to_thread(parse_object, raw)  # megabytes take long enough to be noticed
        except UnreadableBodyError as error:
            if not response.is_error:
                message = f"{asked} sent {error}."
                raise _failure(ErrorKind.GARBAGE, message, final=error.final) from None
            raw, body = b"", {}
        return JsonResponse(response.status_code, response.headers, body, raw)


def _refuse_impossible_port(url: str) -> None:
    """The HTTP library accepts any number, and fails on it in a way of its own. Raises httpx.InvalidURL."""
    port = httpx.URL(url).port
    if port is not None and not 0 < port <= LAST_PORT:
        raise httpx.InvalidURL("There is no such port.")


def _timeout(deadline_seconds: float) -> httpx.Timeout:
    """The connection is due before the deadline: a call never sent is told from one whose answer is lost."""
    connected = min(CONNECT_SECONDS, 0.9 * deadline_seconds)
    return httpx.Timeout(deadline_seconds, connect=connected, pool=connected)


async def _read(response: httpx.Response, max_bytes: int, secrets: frozenset[str]) -> bytes:
    """The decoded body. What travels and what it unpacks to are both held against the limit."""
    body = bytearray()
    travelled = 0
    try:
        inflate = _inflater(response.headers.get("Content-Encoding", ""))
        async for chunk in response.aiter_raw():
            travelled += len(chunk)
            body += inflate.decompress(chunk, max_bytes - len(body) + 1) if inflate else chunk
            if max(travelled, len(body)) > max_bytes:
                raise UnreadableBodyError(f"more than {max_bytes:,} bytes", final=True)
    finally:
        _record(response, body, secrets)
    return bytes(body)


def _record(response: httpx.Response, body: bytes | bytearray, secrets: frozenset[str]) -> None:
    content_type = response.headers.get("Content-Type")
    record_body(status=response.status_code, content_type=content_type, body=body, secrets=secrets)


def _secrets(params: Mapping[str, str], headers: Mapping[str, str]) -> frozenset[str]:
    """What a provider may repeat and nobody else may read: every header's value, and keys in the query."""
    keys = (value for name, value in params.items() if _KEY_NAME.search(name))
    return frozenset(value for value in (*headers.values(), *keys) if len(value) >= SHORTEST_SECRET)


class _Inflater:
    """zlib with the errors of this package; the output of one call never exceeds what is asked for."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # 32: gzip or zlib, told by the header

    def decompress(self, chunk: bytes, limit: int) -> bytes:
        try:
            return self._zlib.decompress(chunk, limit)
        except zlib.error:
            raise UnreadableBodyError("compressed data that cannot be unpacked") from None


def _inflater(encoding: str) -> _Inflater | None:
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip" | "deflate":
            return _Inflater()
        case _:
            raise UnreadableBodyError("an answer in an encoding that was not asked for")


def _host(url: str) -> str:
    """Only the host, as a person would look for it: the rest of a URL may hold a key."""
    try:
        return httpx.URL(url).host or "no host"
    except httpx.InvalidURL:
        return "no host"


def _failure(
    kind: ErrorKind, message: str, *, final: bool = False, cost: Cost | None = None
) -> ProviderError:
    return ProviderError(kind, message, final=final, cost=cost)


def _without_query(record: logging.LogRecord) -> bool:
    """The HTTP library logs each URL; YouTube's carries the key in its query."""
    record.msg = _QUERY.sub("?…", record.getMessage())
    record.args = None
    return True


_current: ContextVar[Receiver | None] = ContextVar("receiver", default=None)


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    token = _current.set(receiver)
    try:
        yield receiver
    finally:
        _current.reset(token)


def record_body(
    *, status: int, content_type: str | None, body: bytes | bytearray, secrets: Iterable[str]
) -> None:
    """Keeps the beginning of a body, complete or not, for the current receiver, if there is one."""
    if (receiver := _current.get()) is not None:
        receiver.last = ReceivedBody(
            status=status,
            content_type=content_type,
            beginning=bytes(body[:MOST_BYTES]),
            bytes_read=len(body),
            secrets=frozenset(secrets),
        )


def parse_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in `raw`, every text in it cleaned. Raises UnreadableBodyError, saying in words why."""
    if not raw.strip():
        raise UnreadableBodyError("an empty answer")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        body = _parse_leniently(raw)
    if not isinstance(body, dict):
        raise UnreadableBodyError("JSON that is not an object")
    cleaned: dict[str, Any] = _clean(body, MAX_DEPTH)
    return cleaned


def clean_text(text: str) -> str:
    """`text` without NUL, U+FFFD for each half of a surrogate pair: what UTF-8 and PostgreSQL hold."""
    if "\0" in text:
        text = text.replace("\0", "")
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def _parse_leniently(raw: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    if _is_deeper_than(raw, MAX_DEPTH):
        raise _too_deep()
    text = raw.decode("utf-8-sig", errors="replace")
    try:
        return json.loads(text, strict=False, parse_int=_number)
    except ValueError:
        looks_like_html = text.lstrip()[:1] == "<"
        reason = "a web page instead of JSON" if looks_like_html else "text that is not JSON, or cut off"
        raise UnreadableBodyError(reason) from None


def _is_deeper_than(raw: bytes, limit: int) -> bool:
    """Counted without parsing, and no further than the limit: a bomb is given up at its start."""
    depth = 0
    for bracket in _STRINGS.sub(b"", raw).translate(None, _ALL_BUT_BRACKETS):
        depth += 1 if bracket in _OPENING else -1
        if depth > limit:
            return True
    return False


def _number(digits: str) -> int | float:
    """Integers beyond 64 bits become floats, as in the strict parser: Python refuses thousands of digits."""
    return int(digits) if len(digits) < _INT64_DIGITS else float(digits)


def _clean(value: Any, depth_left: int) -> Any:  # noqa: ANN401 - whatever JSON holds
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        if not depth_left:
            raise _too_deep()
        return {key: _clean(item, depth_left - 1) for key, item in value.items()}
    if isinstance(value, list):
        if not depth_left:
            raise _too_deep()
        return [_clean(item, depth_left - 1) for item in value]
    return value


def _too_deep() -> UnreadableBodyError:
    return UnreadableBodyError(f"JSON nested more than {MAX_DEPTH} levels deep", final=True)
