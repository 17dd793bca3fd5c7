"""The contract between a provider's adapter and the runner.

An adapter makes the calls of one page and parses them: lenient in what it reads, strict in what it
returns, unknown stays None, no number is invented. It never sleeps and never retries: it returns a
`Page` or raises `ProviderError`, and the runner decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

import httpx

from tastemaker.core.errors import AppError, ExitCode
from tastemaker.core.platforms import Platform
from tastemaker.providers.declaration import (
    Capability,
    Cost,
    CursorKind,
    DailyQuota,
    Declaration,
    Endpoint,
    PolicyClass,
)

if TYPE_CHECKING:
    from uuid import UUID

__all__ = [
    "Adapter",
    "Capability",
    "Cost",
    "Creator",
    "CursorKind",
    "DailyQuota",
    "Declaration",
    "Endpoint",
    "ErrorKind",
    "KeywordQuery",
    "Page",
    "PolicyClass",
    "Post",
    "ProfileLookup",
    "ProfileQuery",
    "Provider",
    "ProviderError",
    "RelatedLookup",
    "UserSearch",
]

LONGEST_BIO: Final = 20_000
LONGEST_TEXT: Final = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Creator:
    """An account as one answer described it. `stable_id` never changes; `handle` may (and carries no @).

    A longer `bio` is cut to 20,000 characters, which the database accepts, so that it never fails a page.
    """

    platform: Platform
    stable_id: str
    handle: str | None
    name: str | None
    bio: str | None = None
    followers: int | None = None
    following: int | None = None
    posts_count: int | None = None
    views_total: int | None = None
    verified: bool | None = None
    private: bool | None = None
    avatar_url: str | None = None
    profile_url: str | None = None
    emails: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    country: str | None = None
    language: str | None = None
    extra_ids: Mapping[str, str] = field(default_factory=dict)
    """Further ids of the same account by name, e.g. TikTok's `sec_uid`."""

    def __post_init__(self) -> None:
        _cut(self, "bio", LONGEST_BIO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One video, reel or short. Counts are None where the platform hides them.

    A longer `text` or `description` is cut to 50,000 characters, as the `bio` of a creator.
    """

    platform: Platform
    post_id: str
    creator_id: str
    text: str | None
    """The title where the platform has one (YouTube), else the caption."""
    url: str | None
    published_at: datetime | None = None
    views: int | None = None
    likes: int | None = None
    comments: int | None = None
    shares: int | None = None
    saves: int | None = None
    duration_seconds: int | None = None
    hashtags: tuple[str, ...] = ()
    """Without the leading #, as written."""
    description: str | None = None
    """The longer text below a title (YouTube); None where the caption is all there is."""
    tags: tuple[str, ...] = ()
    """Keywords the author attached without showing them to viewers (YouTube)."""
    language: str | None = None
    sponsored: bool | None = None
    thumbnail_url: str | None = None
    short_code: str | None = None

    def __post_init__(self) -> None:
        _cut(self, "text", LONGEST_TEXT)
        _cut(self, "description", LONGEST_TEXT)


def _cut(one: Creator | Post, name: str, most: int) -> None:
    text = getattr(one, name)
    if text is not None and len(text) > most:
        object.__setattr__(one, name, text[:most])


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page. Creators appear once each, in the provider's order; posts refer to them by `creator_id`.

    `next_cursor` None means that the provider has no more. `raw` are the bodies, for the cache and for
    replay; `skipped` counts items that could not be understood (the rest of the page is kept).
    """

    creators: Sequence[Creator]
    posts: Sequence[Post]
    next_cursor: str | None
    cost: Cost
    raw: Sequence[bytes] = ()
    skipped: int = 0


class ErrorKind(StrEnum):
    AUTH = "auth"
    QUOTA = "quota"
    RATE_LIMITED = "rate_limited"
    NOT_FOUND = "not_found"
    PRIVATE = "private"
    BAD_REQUEST = "bad_request"
    SERVER = "server"
    TIMEOUT = "timeout"
    GARBAGE = "garbage"


class ProviderError(AppError):
    """The provider did not give a page. `final`: asking again cannot help.

    `retry_after` is in seconds, where the provider said so. `cost` is what the failed calls cost, the
    page's earlier ones included; a call whose answer was lost counts as charged.
    The message names provider and reason for a person; it never contains the key or a body. `sample_id` is
    the row of the answer's beginning, where one was kept (`providers.samples`).
    """

    status = 502
    exit_code = ExitCode.PROVIDER

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        final: bool,
        retry_after: float | None = None,
        cost: Cost | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.final = final
        self.retry_after = retry_after
        self.cost = cost or Cost(calls=1, units=0)
        self.sample_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeywordQuery:
    """One keyword on one platform. `region` is ISO 3166-1 alpha-2 and passed to providers that take one."""

    keyword: str
    region: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileQuery:
    """One account, by its handle or by its stable id; where both are given the adapter takes the better.

    `options` are the provider's own, as in a search.
    """

    handle: str | None = None
    stable_id: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


class Adapter(Protocol):
    """What every provider has. The caller passes the HTTP client; a provider keeps no state."""

    declaration: Declaration


@runtime_checkable
class Provider(Adapter, Protocol):
    """`keyword_search`: one page of what matches a keyword."""

    async def search_keyword(
        self, http: httpx.AsyncClient, query: KeywordQuery, cursor: str | None
    ) -> Page: ...


@runtime_checkable
class UserSearch(Adapter, Protocol):
    """`user_search`: one page of accounts whose name matches; they come without posts."""

    async def search_users(
        self, http: httpx.AsyncClient, query: KeywordQuery, cursor: str | None
    ) -> Page: ...


@runtime_checkable
class ProfileLookup(Adapter, Protocol):
    """`profile`: one account with what the provider knows of it, on a page of one creator.

    Its recent posts come along where the same call tells them. Raises ProviderError: `not_found` for an
    account that does not exist, `private` for one that is closed to the provider.
    """

    async def fetch_profile(self, http: httpx.AsyncClient, query: ProfileQuery) -> Page: ...


@runtime_checkable
class RelatedLookup(Adapter, Protocol):
    """`similar`: one account as a profile, and behind it the accounts that the platform relates to it."""

    async def fetch_related(self, http: httpx.AsyncClient, query: ProfileQuery) -> Page: ...
