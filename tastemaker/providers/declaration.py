"""What an adapter declares: endpoints, costs, quotas, limits and the terms for what it returns."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tastemaker.core.platforms import Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the calls of one page cost: calls made, quota units or credits, money in micro-dollars.

    On YouTube `units` come out of the daily 10,000; a search call takes none of them but one of the
    100 daily searches, so a page's searches are `calls - units`.
    """

    calls: int
    units: int
    micros_usd: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            calls=self.calls + other.calls,
            units=self.units + other.units,
            micros_usd=self.micros_usd + other.micros_usd,
        )


class Capability(StrEnum):
    """What can be asked for; each is a method of the adapter, or will be."""

    KEYWORD_SEARCH = "keyword_search"
    USER_SEARCH = "user_search"
    PROFILE = "profile"
    SIMILAR = "similar"
    POSTS = "posts"


class CursorKind(StrEnum):
    TOKEN = "token"  # noqa: S105 - a kind of cursor, not a secret
    NUMBER = "number"
    PAGE = "page"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyClass:
    """How long a value may be kept and what may be done with it, by the provider's terms.

    `reusable`: what one user was told may answer another's question while it is fresh.
    """

    name: str
    keep_days: int | None
    derived_metrics: bool
    contacts: bool
    reusable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyQuota:
    """An allowance that begins again at midnight in `zone` (IANA); `amount` is what one page takes of it."""

    name: str
    amount: int
    allowed: int
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One kind of call. `deadline_seconds`: for one call, from connecting to the last byte.

    `takes` says how much one call takes out of which quota. `page_size` is the most items that an
    answer usually has; `cursor_kind` None: there is no next page.
    """

    name: str
    path: str
    capability: Capability
    cost: Cost
    deadline_seconds: float
    stable_id_path: str
    page_size: int = 1
    cursor_kind: CursorKind | None = None
    takes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What an adapter says about itself.

    The page's size, cost, stable id, cursor and deadline are those of what the adapter is for in the first
    place: the keyword search, or the profile where it has no search. `endpoints` tells every call.
    """

    name: str
    platforms: frozenset[Platform]
    capabilities: frozenset[Capability]
    page_size: int
    cost_per_page: Cost
    calls_per_second: float
    policy: PolicyClass
    stable_id_path: str
    cursor_kind: CursorKind
    deadline_seconds: float
    """For one call, from connecting to the last byte."""
    endpoints: tuple[Endpoint, ...] = ()
    prices: Mapping[Capability, Cost] = field(default_factory=dict)
    """What one page, or one profile, costs where that is not `cost_per_page`."""
    account: str | None = None
    """The account whose limits apply: adapters with one key are one account. None is the adapter's own."""
    quotas: tuple[DailyQuota, ...] = ()
    tells_bios: bool = True
    """Whether a page of a keyword search tells bio and contacts. Otherwise only the profile does."""
    takes_region: bool = True
    """Whether a keyword search can be limited to a country. A search says where its region has no effect."""

    @property
    def page_seconds(self) -> float:
        """For all calls of a page together."""
        return self.deadline_seconds * max(1, self.cost_per_page.calls)

    def price_of(self, capability: Capability) -> Cost:
        """What is expected for one page of it, or for one profile."""
        return self.prices.get(capability, self.cost_per_page)

    def endpoint(self, name: str) -> Endpoint:
        """Raises KeyError for a call that was not declared."""
        for endpoint in self.endpoints:
            if endpoint.name == name:
                return endpoint
        raise KeyError(name)


def account_of(provider: str, key: str) -> str:
    """The provider with a digest of the key: two keys never share limits, and the key cannot be read."""
    return f"{provider}:{hashlib.sha256(key.encode()).hexdigest()[:12]}"
