"""Error responses: `application/problem+json` (RFC 9457) for programs, pages for people; one sentence each.

An unexpected error is a 500 with the id of the request. Its traceback is in the log, not in the response.
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, Final

import orjson
import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from tastemaker.core.errors import AppError, DatabaseUnavailable
from tastemaker.core.logging import get_logger
from tastemaker.db.pool import NoConnectionFree
from tastemaker.db.transaction import DATABASE_TROUBLE, is_full
from tastemaker.events.context import current_cause
from tastemaker.web.pages import SignInRequired, error_page, is_page, to_sign_in

MEDIA_TYPE: Final = "application/problem+json"
COME_AGAIN_SECONDS: Final = 2
MOST_FIELDS: Final = 20

VIEWERS_READ: Final = "You are a viewer in this account: you can look at everything and change nothing."
OUT_OF_REACH: Final = "The database is out of reach; what was committed is kept."

log = get_logger(__name__)


class TooManyRequests(AppError):
    """Faster than the installation lets one key be. `retry_after` in seconds."""

    status: ClassVar[int] = 429

    def __init__(self, sentence: str, *, retry_after: float) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


def problem(
    status: int,
    detail: str,
    *,
    kind: str | None = None,
    retry_after: float | None = None,
    more: Mapping[str, Any] | None = None,
) -> Response:
    """`type` is a name in words, which a program may rely on; `detail` is for a person."""
    title = HTTPStatus(status).phrase
    document = {
        "type": f"urn:tastemaker:problem:{kind or _words(title.replace(' ', ''))}",
        "title": title,
        "status": status,
        "detail": detail,
        "request_id": current_cause().correlation_id,
        **(more or {}),
    }
    headers = {} if retry_after is None else {"Retry-After": str(max(1, round(retry_after)))}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(orjson.dumps(document), status, headers, MEDIA_TYPE)


def add_problems(app: FastAPI) -> None:
    """Every failure of the application's routes in this one shape."""
    app.add_exception_handler(AppError, _expected)
    app.add_exception_handler(RequestValidationError, _unfit)
    app.add_exception_handler(HTTPException, _of_the_framework)
    for trouble in DATABASE_TROUBLE:
        if not issubclass(trouble, AppError):
            app.add_exception_handler(trouble, _database_trouble)


def unexpected(error: Exception, request: Request) -> Response:
    """The answer to a fault of ours; its traceback is logged."""
    request_id = current_cause().correlation_id
    log.error("request %s failed", request_id, exc_info=error)
    if is_page(request):
        return error_page(
            request, 500, f"Something unexpected happened. The log has it as request {request_id}."
        )
    return problem(500, "Something unexpected happened. The log has it under this request's id.")


async def _expected(request: Request, error: Exception) -> Response:
    if isinstance(error, SignInRequired):
        return to_sign_in(request)
    status = error.status if isinstance(error, AppError) else 500
    retry_after, detail = getattr(error, "retry_after", None), str(error)
    if isinstance(error, DatabaseUnavailable):
        retry_after = COME_AGAIN_SECONDS
        log.warning("request %s: %s", current_cause().correlation_id, detail)
        if not isinstance(error, NoConnectionFree):
            detail = OUT_OF_REACH  # the reason names addresses, which are for the operator
    if is_page(request):
        return error_page(request, status, detail)
    return problem(status, detail, kind=_words(type(error).__name__), retry_after=retry_after)


async def _unfit(request: Request, error: Exception) -> Response:
    """Which fields, and why; never what was sent."""
    if is_page(request):
        in_path = isinstance(error, RequestValidationError) and any(
            one["loc"][0] == "path" for one in error.errors()
        )
        sentence = "There is nothing here." if in_path else "This address or form cannot be understood."
        return error_page(request, 404 if in_path else 422, sentence)
    found = error.errors() if isinstance(error, RequestValidationError) else []
    fields = [
        {
            "field": ".".join(str(part) for part in one["loc"])[:200],
            "pointer": _pointer(one["loc"])[:200],
            "why": str(one["msg"])[:200],
            "suggestion": _suggestion(one["type"], one.get("ctx", {}))[:200],
        }
        for one in found[:MOST_FIELDS]
    ]
    detail = "The request cannot be understood as it is; `fields` says where."
    return problem(422, detail, kind="invalid_input", more={"fields": fields})


def _pointer(loc: Sequence[str | int]) -> str:
    """A JSON pointer into the body (RFC 6901); another part of the request is named before the `#`."""
    place, *rest = (str(part).replace("~", "~0").replace("/", "~1") for part in loc)
    return f"{'' if place == 'body' else place}#{''.join(f'/{part}' for part in rest)}"


SUGGESTIONS: Final = {
    "missing": "Add it.",
    "extra_forbidden": "Leave it out: there is no such field.",
    "enum": "Use {expected}.",
    "literal_error": "Use {expected}.",
    "too_short": "Give at least {min_length}.",
    "too_long": "Give at most {max_length}.",
    "string_too_short": "Give at least {min_length} characters.",
    "string_too_long": "Give at most {max_length} characters.",
    "greater_than_equal": "Give at least {ge}.",
    "less_than_equal": "Give at most {le}.",
    "string_type": "Send a text.",
    "list_type": "Send a list.",
    "int_type": "Send a whole number.",
    "int_parsing": "Send a whole number.",
    "bool_type": "Send true or false.",
    "bool_parsing": "Send true or false.",
    "uuid_parsing": "Send an id as this interface has given it out.",
    "uuid_type": "Send an id as this interface has given it out.",
    "json_invalid": "Send valid JSON.",
}


def _suggestion(kind: str, limits: Mapping[str, Any]) -> str:
    """What would be accepted, by pydantic's kind of error."""
    return SUGGESTIONS.get(kind, "See the description at /api/docs.").format_map(limits)


async def _of_the_framework(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = {404: "There is nothing here.", 405: "This cannot be done here."}.get(status)
    if is_page(request):
        return error_page(request, status, detail or "The request was refused.")
    answer = problem(status, detail or HTTPStatus(status).description or "The request was refused.")
    if isinstance(error, HTTPException) and error.headers and "allow" in {n.lower() for n in error.headers}:
        answer.headers["Allow"] = error.headers["Allow"]
    return answer


async def _database_trouble(request: Request, error: Exception) -> Response:
    """A statement that the database refused is a fault of ours; that it is away or full is not.

    The transaction of a viewer is read-only, by `claim_tenant`: every change of theirs ends here.
    """
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
        if is_page(request):
            return error_page(request, 403, VIEWERS_READ)
        return problem(403, VIEWERS_READ, kind="viewers_read")
    if is_page(request) and (is_full(error) or _is_lost(error)):
        return error_page(request, 503, OUT_OF_REACH)
    if is_full(error):
        detail = "The database has no space left; nothing was changed."
        return problem(503, detail, kind="database_full", retry_after=30)
    if _is_lost(error):
        kind = "database_unavailable"
        return problem(503, OUT_OF_REACH, kind=kind, retry_after=COME_AGAIN_SECONDS)
    return unexpected(error, request)


def _is_lost(error: Exception) -> bool:
    return isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError, OSError))


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
