"""What an HTTP status means for a search, where the provider says nothing more precise."""

import email.utils
import math
import re
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from tastemaker.core.clock import utc_now
from tastemaker.providers.base import Cost, ErrorKind, ProviderError
from tastemaker.providers.http import JsonResponse

MOST_FIELDS = 10
_MALFORMED_KEY = "The key for {provider} is malformed: {rule}. Check {variable}."
_KEY = re.compile(r"[A-Za-z0-9_.\-]{6,256}")
_KINDS = {
    401: ErrorKind.AUTH,
    402: ErrorKind.QUOTA,
    403: ErrorKind.AUTH,
    404: ErrorKind.NOT_FOUND,
    408: ErrorKind.TIMEOUT,
    410: ErrorKind.NOT_FOUND,
    425: ErrorKind.SERVER,
    429: ErrorKind.RATE_LIMITED,
    504: ErrorKind.TIMEOUT,
}
_CLIENT_ERRORS = range(400, 500)
_SENTENCES = {
    ErrorKind.AUTH: "{provider} refused the key (HTTP {status}). Check {variable}.",
    ErrorKind.QUOTA: "{provider} says that the quota or the credits are used up (HTTP {status}).",
    ErrorKind.RATE_LIMITED: "{provider} asks for fewer calls (HTTP {status}).",
    ErrorKind.NOT_FOUND: "{provider} does not know what was asked for (HTTP {status}).",
    ErrorKind.PRIVATE: "{provider} says that the account is private.",
    ErrorKind.BAD_REQUEST: "{provider} did not understand the request (HTTP {status}).",
    ErrorKind.SERVER: "{provider} has a problem of its own (HTTP {status}).",
    ErrorKind.TIMEOUT: "{provider} ran out of time (HTTP {status}).",
    ErrorKind.GARBAGE: "{provider} sent something that cannot be understood (HTTP {status}).",
}
_FINAL = {ErrorKind.AUTH, ErrorKind.NOT_FOUND, ErrorKind.PRIVATE, ErrorKind.BAD_REQUEST}


def kind_of_status(status: int) -> ErrorKind:
    """An unlisted status is the provider's problem unless it is 4xx; so is a 200 with an error in it."""
    if status in _KINDS:
        return _KINDS[status]
    return ErrorKind.BAD_REQUEST if status in _CLIENT_ERRORS else ErrorKind.SERVER


def refusal(
    kind: ErrorKind,
    answer: JsonResponse,
    *,
    provider: str,
    variable: str,
    cost: Cost,
    retry_after: float | None = None,
) -> ProviderError:
    """The error for an answer that says no. `variable` names the setting that holds the key."""
    message = _SENTENCES[kind].format(provider=provider, status=answer.status, variable=variable)
    return ProviderError(
        kind,
        message,
        final=kind in _FINAL,
        retry_after=retry_after if retry_after is not None else retry_after_seconds(answer),
        cost=cost,
    )


def retry_after_seconds(answer: JsonResponse) -> float | None:
    """RFC 9110's Retry-After in seconds from now, also where it came as a date; never negative.

    A date counts from the answer's own Date: neither clock needs to be right.
    """
    value = answer.headers.get("Retry-After", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (_moment(value) - _said_at(answer)).total_seconds()
        except (TypeError, ValueError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _said_at(answer: JsonResponse) -> datetime:
    try:
        return _moment(answer.headers.get("Date", ""))
    except (TypeError, ValueError):
        return utc_now()


def _moment(text: str) -> datetime:
    """Raises ValueError, or TypeError, where it is no date of HTTP."""
    moment = email.utils.parsedate_to_datetime(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def adapter_failure(
    adapter: object, name: str, error: Exception, *, cost: Cost | None = None
) -> ProviderError:
    """The error for an exception of the adapter's own: its type, its line and the names of missing fields.

    It never says what an answer held: that may be anybody's data.
    """
    where, line = _place_in(adapter, error)
    fields = _missing_fields(error, line)
    missing = f" (missing: {', '.join(fields[:MOST_FIELDS])})" if fields else ""
    message = (
        f"The adapter {name} could not understand an answer: {type(error).__name__} at {where}{missing}."
    )
    return ProviderError(ErrorKind.GARBAGE, message, final=False, cost=cost)


def _place_in(adapter: object, error: Exception) -> tuple[str, str]:
    """The innermost line of the adapter's own package, else of all, and its source."""
    frames = traceback.extract_tb(error.__traceback__)
    home = getattr(sys.modules.get(type(adapter).__module__), "__file__", None)
    own = [one for one in frames if home and Path(one.filename).parent == Path(home).parent]
    if not frames:
        return "an unknown line", ""
    last = (own or frames)[-1]
    return f"{'/'.join(Path(last.filename).parts[-2:])}:{last.lineno}", last.line or ""


def _missing_fields(error: Exception, line: str) -> list[str]:
    """A key only where the line names it: another may be a value of the answer."""
    if isinstance(error, ValidationError):
        return [
            ".".join("#" if isinstance(part, int) else part for part in one["loc"])
            for one in error.errors(include_url=False, include_input=False, include_context=False)
            if one["type"] == "missing"
        ]
    if isinstance(error, KeyError) and error.args and isinstance(error.args[0], str):
        key = error.args[0]
        return [key] if f'"{key}"' in line or f"'{key}'" in line else []
    return []


def require_key(key: str, *, provider: str, variable: str) -> None:
    """Raises the final AUTH error before any call is made with a key that no provider can have issued."""
    if _KEY.fullmatch(key):
        return
    rule = "it must be 6 to 256 letters, digits, dots, hyphens and underscores"
    message = _MALFORMED_KEY.format(provider=provider, rule=rule, variable=variable)
    raise ProviderError(ErrorKind.AUTH, message, final=True, cost=Cost(calls=0, units=0))
