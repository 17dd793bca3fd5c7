"""The YouTube Data API's reasons for saying no, and when its quota begins again."""

from collections.abc import Iterator
from datetime import datetime

from tastemaker.core.clock import utc_now
from tastemaker.core.days import day_of
from tastemaker.providers import parsing
from tastemaker.providers.base import Cost, ErrorKind, ProviderError
from tastemaker.providers.http import Answer
from tastemaker.providers.parsing import dig
from tastemaker.providers.refusals import kind_of_status, refusal

NAME = "YouTube Data API"
KEY_VARIABLE = "YOUTUBE_API_KEY"
QUOTA_ZONE = "America/Los_Angeles"
"""The quota of every project begins again at midnight there."""

_KINDS = {
    ErrorKind.QUOTA: {"quotaExceeded", "dailyLimitExceeded", "dailyLimitExceededUnreg"},
    ErrorKind.RATE_LIMITED: {"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"},
    ErrorKind.AUTH: {
        "keyInvalid", "keyExpired", "accessNotConfigured", "ipRefererBlocked", "forbidden",
        "insufficientPermissions", "API_KEY_INVALID", "API_KEY_EXPIRED", "API_KEY_SERVICE_BLOCKED",
        "API_KEY_HTTP_REFERRER_BLOCKED", "API_KEY_IP_ADDRESS_BLOCKED", "SERVICE_DISABLED",
        "CONSUMER_SUSPENDED",
    },
    ErrorKind.NOT_FOUND: {"channelNotFound", "videoNotFound", "playlistNotFound"},
    ErrorKind.SERVER: {"backendError", "internalError", "processingFailure"},
}  # fmt: skip
_KIND_OF = {reason: kind for kind, reasons in _KINDS.items() for reason in reasons}


def refused(answer: Answer, cost: Cost) -> ProviderError:
    """The error for an answer whose status, or whose body in spite of its status, says no."""
    status = parsing.count(dig(answer.body, "error", "code")) or answer.status
    kind = next(
        (_KIND_OF[reason] for reason in _reasons(answer) if reason in _KIND_OF), kind_of_status(status)
    )
    if kind is ErrorKind.RATE_LIMITED and _is_daily(answer):
        kind = ErrorKind.QUOTA
    wait = seconds_until_reset(utc_now()) if kind is ErrorKind.QUOTA else None
    return refusal(kind, answer, provider=NAME, variable=KEY_VARIABLE, cost=cost, retry_after=wait)


def seconds_until_reset(now: datetime) -> float:
    """Until the next midnight in California."""
    return (day_of(now, QUOTA_ZONE).ends - now).total_seconds()


def _reasons(answer: Answer) -> Iterator[str]:
    """Both shapes in use: `errors[].reason` of this API and `details[].reason` of Google's newer front."""
    for shape in ("errors", "details"):
        entries = dig(answer.body, "error", shape)
        for entry in entries if isinstance(entries, list) else ():
            if reason := parsing.text(dig(entry, "reason")):
                yield reason


def _is_daily(answer: Answer) -> bool:
    """A daily allowance that ran out is sent as a rate limit, told apart by the unit of the limit."""
    details = dig(answer.body, "error", "details")
    units = (dig(entry, "metadata", "quota_unit") for entry in details) if isinstance(details, list) else ()
    return any(isinstance(unit, str) and unit.startswith("1/d/") for unit in units)
