"""Calls of the YouTube Data API: endpoints, daily quotas, costs, and the meaning of its errors."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx

from tastemaker.core.clock import day_of, utc_now
from tastemaker.core.platforms import Platform
from tastemaker.providers import parsing
from tastemaker.providers.base import (
    Capability,
    Cost,
    CursorKind,
    DailyQuota,
    Declaration,
    Endpoint,
    ErrorKind,
    PolicyClass,
    ProviderError,
)
from tastemaker.providers.errors import kind_of_status, refusal
from tastemaker.providers.http import JsonResponse, get_json
from tastemaker.providers.parsing import dig, identifier

NAME = "YouTube Data API"
BATCH = 50
"""The most items of one call."""

KEY_VARIABLE = "YOUTUBE_API_KEY"
QUOTA_ZONE = "America/Los_Angeles"
"""The quota of every project begins again at midnight there."""

KEEP_DAYS = 30
DEADLINE_SECONDS = 30.0
CALLS_PER_SECOND = 5.0  # ours: the API publishes a daily quota, no rate
QUOTAS = (
    DailyQuota(name="searches", amount=1, allowed=100, zone=QUOTA_ZONE),
    DailyQuota(name="units", amount=2, allowed=10_000, zone=QUOTA_ZONE),
)
SEARCH_COST = Cost(calls=1, units=0)
LIST_COST = Cost(calls=1, units=1)
SEARCH = Endpoint(
    name="search",
    path="/youtube/v3/search",
    capability=Capability.KEYWORD_SEARCH,
    cost=SEARCH_COST,
    takes={"searches": 1},
    deadline_seconds=DEADLINE_SECONDS,
    stable_id_path="items[].snippet.channelId",
    page_size=BATCH,
    cursor_kind=CursorKind.TOKEN,
)
CHANNELS = Endpoint(
    name="channels",
    path="/youtube/v3/channels",
    capability=Capability.PROFILE,
    cost=LIST_COST,
    takes={"units": 1},
    deadline_seconds=DEADLINE_SECONDS,
    stable_id_path="items[].id",
    page_size=BATCH,
)
VIDEOS = Endpoint(
    name="videos",
    path="/youtube/v3/videos",
    capability=Capability.KEYWORD_SEARCH,
    cost=LIST_COST,
    takes={"units": 1},
    deadline_seconds=DEADLINE_SECONDS,
    stable_id_path="items[].snippet.channelId",
    page_size=BATCH,
)
PAGE_COST = SEARCH_COST + LIST_COST + LIST_COST


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


def declaration(
    account: str, *, contacts: bool, derived: bool, deadline_seconds: float | None
) -> Declaration:
    """`deadline_seconds` replaces each call's own."""
    endpoints: tuple[Endpoint, ...] = (SEARCH, CHANNELS, VIDEOS)
    if deadline_seconds is not None:
        endpoints = tuple(replace(one, deadline_seconds=deadline_seconds) for one in endpoints)
    return Declaration(
        name="youtube",
        platforms=frozenset({Platform.YOUTUBE}),
        capabilities=frozenset({Capability.KEYWORD_SEARCH, Capability.PROFILE}),
        page_size=BATCH,
        cost_per_page=PAGE_COST,
        calls_per_second=CALLS_PER_SECOND,
        policy=PolicyClass(
            name="youtube_api", keep_days=KEEP_DAYS, derived_metrics=derived, contacts=contacts
        ),
        stable_id_path=SEARCH.stable_id_path,
        cursor_kind=CursorKind.TOKEN,
        deadline_seconds=endpoints[0].deadline_seconds,
        endpoints=endpoints,
        prices={Capability.PROFILE: LIST_COST},
        account=account,
        quotas=QUOTAS,
    )


class Calls:
    """Every error that leaves here carries the cost of the page's earlier calls as well."""

    def __init__(self, http: httpx.AsyncClient, base_url: str, key: str, declaration: Declaration) -> None:
        self._http = http
        self._base_url = base_url
        self._key = key
        self._declaration = declaration
        self.cost = Cost(calls=0, units=0)
        self.bodies: list[bytes] = []

    async def search(self, parameters: Mapping[str, str]) -> Mapping[str, Any]:
        answer = await self._get("search", parameters)
        return answer.body

    async def list_by_id(self, method: str, parts: str, ids: Iterable[str | None]) -> dict[str, Any]:
        """The items of `method` by id, asked for in batches; the API leaves out ids it does not know."""
        wanted = list(dict.fromkeys(found for found in ids if found))
        items: dict[str, Any] = {}
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            parameters = {"part": parts, "id": ",".join(batch), "maxResults": str(BATCH)}
            answer = await self._get(method, parameters)
            items.update(
                (found, item) for item in self.items_of(answer.body) if (found := identifier(dig(item, "id")))
            )
        return items

    def items_of(self, body: Mapping[str, Any]) -> Sequence[Any]:
        """A list without items may leave out the key, but then says which kind of list it is."""
        items = body.get("items")
        if isinstance(items, list):
            return items
        if items is None and body.get("kind"):
            return ()
        raise self.unknown_form()

    def unknown_form(self) -> ProviderError:
        message = f"{NAME} sent a list in a form that is not known."
        return ProviderError(ErrorKind.GARBAGE, message, final=False, cost=self.cost)

    async def list_channels(self, parameters: Mapping[str, str]) -> Sequence[Any]:
        answer = await self._get("channels", parameters)
        return self.items_of(answer.body)

    async def _get(self, method: str, parameters: Mapping[str, str]) -> JsonResponse:
        asked = self._declaration.endpoint(method)
        price = asked.cost
        try:
            answer = await get_json(
                self._http,
                self._base_url + asked.path,
                provider=NAME,
                params={**parameters, "key": self._key},
                headers={},
                deadline_seconds=asked.deadline_seconds,
            )
        except ProviderError as error:
            error.cost = self.cost + (price if error.cost.calls else error.cost)
            raise
        self.cost += price
        if answer.status >= httpx.codes.BAD_REQUEST or answer.body.get("error"):
            raise error_of(answer, self.cost)
        self.bodies.append(answer.raw)
        return answer


def error_of(answer: JsonResponse, cost: Cost) -> ProviderError:
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


def _reasons(answer: JsonResponse) -> Iterator[str]:
    """Both shapes in use: `errors[].reason` of this API and `details[].reason` of Google's newer front."""
    for shape in ("errors", "details"):
        entries = dig(answer.body, "error", shape)
        for entry in entries if isinstance(entries, list) else ():
            if reason := parsing.text(dig(entry, "reason")):
                yield reason


def _is_daily(answer: JsonResponse) -> bool:
    """A daily allowance that ran out is sent as a rate limit, told apart by the unit of the limit."""
    details = dig(answer.body, "error", "details")
    units = (dig(entry, "metadata", "quota_unit") for entry in details) if isinstance(details, list) else ()
    return any(isinstance(unit, str) and unit.startswith("1/d/") for unit in units)
