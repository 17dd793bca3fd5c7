"""What an HTTP status means for a search, where the provider says nothing more precise."""

import email.utils
import math
import re
from datetime import UTC, datetime

from tastemaker.core.clock import utc_now
from tastemaker.providers.base import Cost, ErrorKind, ProviderError
from tastemaker.providers.http import JsonResponse

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


def require_key(key: str, *, provider: str, variable: str) -> None:
    """Raises the final AUTH error before any call is made with a key that no provider can have issued."""
    if _KEY.fullmatch(key):
        return
    rule = "it must be 6 to 256 letters, digits, dots, hyphens and underscores"
    message = _MALFORMED_KEY.format(provider=provider, rule=rule, variable=variable)
    raise ProviderError(ErrorKind.AUTH, message, final=True, cost=Cost(calls=0, units=0))
