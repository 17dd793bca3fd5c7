"""What all ScrapeCreators endpoints share: the key, the price, and the many ways of saying no.

Its errors come as statuses and also as bodies of an HTTP 200.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from tastemaker.core.platforms import Platform
from tastemaker.providers import parsing
from tastemaker.providers.base import (
    Capability,
    Cost,
    CursorKind,
    Declaration,
    Endpoint,
    ErrorKind,
    PolicyClass,
    ProviderError,
)
from tastemaker.providers.declaration import account_of
from tastemaker.providers.errors import kind_of_status, refusal, require_key
from tastemaker.providers.http import JsonResponse, get_json

NAME = "ScrapeCreators"
KEY_VARIABLE = "SCRAPECREATORS_API_KEY"
CALLS_PER_SECOND = 5.0  # ours: the provider publishes no rate
MICROS_PER_CREDIT = 1_880  # $47 for 25,000 credits
CREDIT = Cost(calls=1, units=1, micros_usd=MICROS_PER_CREDIT)

_WORDS_OF = {
    ErrorKind.PRIVATE: ("private",),
    ErrorKind.QUOTA: ("credit", "payment", "quota"),
    ErrorKind.RATE_LIMITED: ("rate limit", "rate_limit", "too many"),
    ErrorKind.AUTH: ("api key", "api_key", "apikey", "unauthorized", "forbidden"),
    ErrorKind.NOT_FOUND: ("deactivated", "not found", "not_found", "no results", "no reels", "no videos"),
    ErrorKind.BAD_REQUEST: ("invalid", "required", "missing", "bad request", "bad_request"),
}


@dataclass(frozen=True, slots=True)
class Envelope:
    """A successful answer, with its list of items (none in a profile) and what it cost."""

    body: Mapping[str, Any]
    items: Sequence[Any]
    cost: Cost
    raw: bytes

    def unknown_form(self) -> ProviderError:
        message = f"{NAME} sent results in a form that is not known."
        return ProviderError(ErrorKind.GARBAGE, message, final=False, cost=self.cost)

    def not_found(self) -> ProviderError:
        message = f"{NAME} does not know this account."
        return ProviderError(ErrorKind.NOT_FOUND, message, final=True, cost=self.cost)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where and with which key to ask. The key stays out of every representation."""

    key: str = field(repr=False)
    base_url: str


HasResult = Callable[[Mapping[str, Any]], bool]


def endpoint(
    name: str,
    path: str,
    capability: Capability,
    *,
    deadline_seconds: float,
    stable_id_path: str,
    page_size: int = 1,
    cursor_kind: CursorKind | None = None,
) -> Endpoint:
    """Every call costs a credit, unless the answer says otherwise."""
    return Endpoint(
        name=name,
        path=path,
        capability=capability,
        cost=CREDIT,
        deadline_seconds=deadline_seconds,
        stable_id_path=stable_id_path,
        page_size=page_size,
        cursor_kind=cursor_kind,
        takes={"credits": 1},
    )


def declaration(
    platform: Platform, credentials: Credentials, *endpoints: Endpoint, deadline_seconds: float | None = None
) -> Declaration:
    """The first endpoint is the keyword search. `deadline_seconds` replaces each endpoint's own."""
    if deadline_seconds is not None:
        endpoints = tuple(replace(one, deadline_seconds=deadline_seconds) for one in endpoints)
    search = endpoints[0]
    return Declaration(
        name=f"scrapecreators_{platform.slug}",
        platforms=frozenset({platform}),
        capabilities=frozenset(one.capability for one in endpoints),
        page_size=search.page_size,
        cost_per_page=search.cost,
        calls_per_second=CALLS_PER_SECOND,
        policy=PolicyClass(name="scrapecreators", keep_days=None, derived_metrics=True, contacts=True),
        stable_id_path=search.stable_id_path,
        cursor_kind=search.cursor_kind or CursorKind.TOKEN,
        deadline_seconds=search.deadline_seconds,
        endpoints=endpoints,
        account=account_of("scrapecreators", credentials.key),
        tells_bios=False,
        takes_region=platform is not Platform.INSTAGRAM,
    )


async def call(
    http: httpx.AsyncClient,
    credentials: Credentials,
    asked: Endpoint,
    parameters: Mapping[str, str | None],
    *,
    items_key: str,
) -> Envelope:
    """One call for a list. Raises ProviderError for every refusal, and where `items_key` holds no list."""
    answer = await _ask(
        http, credentials, asked, parameters, has_result=lambda body: body.get(items_key) is not None
    )
    return _opened(answer, items_key)


async def look_up(
    http: httpx.AsyncClient,
    credentials: Credentials,
    asked: Endpoint,
    parameters: Mapping[str, str | None],
    *,
    has_result: HasResult,
) -> Envelope:
    """One call for something else than one list. What lies in its body is the caller's business."""
    answer = await _ask(http, credentials, asked, parameters, has_result=has_result)
    return Envelope(answer.body, (), _charged(answer, unsaid=1), answer.raw)


async def _ask(
    http: httpx.AsyncClient,
    credentials: Credentials,
    asked: Endpoint,
    parameters: Mapping[str, str | None],
    *,
    has_result: HasResult,
) -> JsonResponse:
    require_key(credentials.key, provider=NAME, variable=KEY_VARIABLE)
    try:
        answer = await get_json(
            http,
            credentials.base_url + asked.path,
            provider=NAME,
            params={name: value for name, value in parameters.items() if value is not None},
            headers={"x-api-key": credentials.key},
            deadline_seconds=asked.deadline_seconds,
        )
    except ProviderError as error:
        error.cost = CREDIT if error.cost.calls else error.cost
        raise
    if kind := _kind_of_refusal(answer, has_result):
        raise refusal(kind, answer, provider=NAME, variable=KEY_VARIABLE, cost=_charged(answer, unsaid=0))
    return answer


def _opened(answer: JsonResponse, items_key: str) -> Envelope:
    """No results come as an empty list, as null, or as no list beside a `has_more` that says no."""
    items = answer.body.get(items_key)
    is_end = items_key in answer.body or parsing.truth(answer.body.get("has_more")) is False
    envelope = Envelope(answer.body, items or (), _charged(answer, unsaid=1), answer.raw)
    if not isinstance(items, list | None) or (items is None and not is_end):
        raise envelope.unknown_form()
    return envelope


def _kind_of_refusal(answer: JsonResponse, has_result: HasResult) -> ErrorKind | None:
    """The status decides where there is an error status; else the body, where it carries no result."""
    if answer.status >= httpx.codes.BAD_REQUEST:
        by_words = _kind_of_words(answer) if answer.status == httpx.codes.FORBIDDEN else None
        return by_words or kind_of_status(answer.status)
    said_no = parsing.truth(answer.body.get("success")) is False or answer.body.get("error")
    if not said_no and (has_result(answer.body) or not answer.body.get("message")):
        return None
    inner = next((code for name in ("statusCode", "status_code", "status", "errorStatus")
                  if (code := parsing.count(answer.body.get(name)))), 0)  # fmt: skip
    by_status = kind_of_status(inner) if inner >= httpx.codes.BAD_REQUEST else None
    return by_status or _kind_of_words(answer) or ErrorKind.SERVER


def _kind_of_words(answer: JsonResponse) -> ErrorKind | None:
    said = " ".join(
        str(answer.body.get(name) or "").lower() for name in ("error", "code", "message", "errorMessage")
    )
    return next((kind for kind, words in _WORDS_OF.items() if any(word in said for word in words)), None)


def _charged(answer: JsonResponse, *, unsaid: int) -> Cost:
    """What the answer says was charged, or `unsaid` credits where it does not say."""
    charged = parsing.count(answer.body.get("credits_charged"))
    return _credits(unsaid if charged is None else charged)


def _credits(units: int) -> Cost:
    return Cost(calls=1, units=units, micros_usd=units * MICROS_PER_CREDIT)
