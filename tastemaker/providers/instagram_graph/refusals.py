"""The Graph API's error codes, and the header that says how long a throttled caller has to wait."""

import json
from collections.abc import Iterator

from tastemaker.providers import parsing
from tastemaker.providers.base import Cost, ErrorKind, ProviderError
from tastemaker.providers.http import Answer
from tastemaker.providers.parsing import dig
from tastemaker.providers.refusals import kind_of_status, refusal

NAME = "Instagram Graph API"
KEY_VARIABLE = "INSTAGRAM_GRAPH_TOKEN"
USER_VARIABLE = "INSTAGRAM_GRAPH_USER_ID"
USAGE_HEADER = "X-Business-Use-Case-Usage"

_NO_SUCH_ACCOUNT = 2207013
_KINDS = {
    ErrorKind.RATE_LIMITED: {4, 17, 32, 613, 80002},
    ErrorKind.AUTH: {3, 10, 102, 190, *range(200, 300)},
    ErrorKind.NOT_FOUND: {24, 110},
    ErrorKind.BAD_REQUEST: {100, 803},
    ErrorKind.SERVER: {1, 2},
}
_KIND_OF = {code: kind for kind, codes in _KINDS.items() for code in codes}
_MINUTE = 60


def refused(answer: Answer, cost: Cost) -> ProviderError:
    """The error for an answer whose status, or whose body in spite of its status, says no."""
    kind = _kind_of(answer)
    wait = _seconds_to_wait(answer) if kind is ErrorKind.RATE_LIMITED else None
    return refusal(kind, answer, provider=NAME, variable=KEY_VARIABLE, cost=cost, retry_after=wait)


def _kind_of(answer: Answer) -> ErrorKind:
    """By the code inside; the statuses are nearly always 400."""
    error = answer.body.get("error")
    if parsing.count(dig(error, "error_subcode")) == _NO_SUCH_ACCOUNT:
        return ErrorKind.NOT_FOUND
    code = parsing.count(dig(error, "code"))
    if code in _KIND_OF:
        return _KIND_OF[code]
    return ErrorKind.SERVER if parsing.truth(dig(error, "is_transient")) else kind_of_status(answer.status)


def _seconds_to_wait(answer: Answer) -> float | None:
    """The longest of what the header says in minutes; None where it says nothing."""
    waits = [minutes for minutes in _minutes(answer.headers.get(USAGE_HEADER, "")) if minutes]
    return float(max(waits) * _MINUTE) if waits else None


def _minutes(header: str) -> Iterator[int | None]:
    try:
        usage = json.loads(header)
    except ValueError:
        return
    for entries in usage.values() if isinstance(usage, dict) else ():
        for entry in entries if isinstance(entries, list) else ():
            yield parsing.count(dig(entry, "estimated_time_to_regain_access"))
