"""How the imitated services read their key and word their refusals."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from tastemaker.sandbox.call import Refusal
from tastemaker.sandbox.graph import errors as graph_errors
from tastemaker.sandbox.scrapecreators import envelope
from tastemaker.sandbox.youtube import errors


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
    key_refused=errors.key_invalid,
    rate_limited=errors.rate_limited,
    used_up=errors.quota_exceeded,
    server_error=errors.server_error,
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
    key_refused=graph_errors.token_refused,
    rate_limited=graph_errors.rate_limited,
    used_up=graph_errors.used_up,
    server_error=graph_errors.server_error,
)
