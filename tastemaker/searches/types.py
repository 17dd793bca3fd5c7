"""A search and its runs: requests, states and outcomes."""

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tastemaker.catalog.filtering import ANYBODY, CreatorFilter, checked
from tastemaker.core.accounts import read_account
from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import CampaignId, ExternalUserId, RunId, SearchId
from tastemaker.core.platforms import Platform
from tastemaker.core.text import clean_line
from tastemaker.db.enums import RunEndReason, SearchOutcome, SearchStatus, SearchType

Status = SearchStatus
Outcome = SearchOutcome
EndReason = RunEndReason

SANDBOX: Final = "sandbox"
LIVE: Final = "live"
"""The sources of a search: made-up creators, or those of the platforms."""

MAX_KEYWORDS = 50
MAX_KEYWORD_LENGTH = 200
MAX_TARGET = 50_000
LOOKED_FOR_ONE = 20
"""A search with criteria looks at so many creators for each that is wanted, unless it is told otherwise."""

MOST_LOOKED = 1_000_000
REGION_LENGTH = 2


@dataclass(frozen=True, slots=True)
class SourceChoice:
    """What will be searched; `left_out` are wanted platforms for which there is no key."""

    source: str
    platforms: Sequence[Platform]
    left_out: Sequence[Platform]


def choose_source(live: Collection[Platform], wanted: Sequence[Platform], *, sandbox: bool) -> SourceChoice:
    """Live where this installation has a key for any platform, else the sandbox; never both mixed."""
    if sandbox or not live:
        return SourceChoice(SANDBOX, wanted, ())
    with_key = [platform for platform in wanted if platform in live]
    return SourceChoice(LIVE, with_key, [platform for platform in wanted if platform not in live])


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """`stored` creators of at most `target`; `parked_until`: when a parked search continues.

    `skipped` counts the items of the provider's pages that could not be understood. With criteria it has
    compared `looked_at` creators with them, of whom the stored ones match.
    """

    id: SearchId
    user_id: ExternalUserId
    campaign_id: CampaignId | None
    campaign_name: str | None
    platform: Platform
    keywords: tuple[str, ...]
    source: str | None
    status: Status
    outcome: Outcome | None
    target: int
    stored: int
    pages: int
    skipped: int
    progress: float
    error: str | None
    parked_until: datetime | None
    parked_reason: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    like: str | None = None
    """The creator that others are to be like, in a similar search."""
    looked_at: int = 0
    has_criteria: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One keyword: `found` counts creators on its pages with repeats, `stored` those it brought first.

    `skipped` counts the items of its pages that could not be understood.
    """

    id: RunId
    keyword: str
    status: Status
    end_reason: EndReason | None
    pages: int
    found: int
    skipped: int
    stored: int
    failures: int
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedSearch:
    """A search after creators were removed from it, as the event log keeps it."""

    id: SearchId
    user_id: ExternalUserId
    campaign_id: CampaignId | None
    platform: str
    target: int
    status: str
    outcome: str | None
    stored: int
    pages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """One search on one platform, by keywords or for creators like one; `target`: how many at most.

    `max_cost`: what it may cost at the provider, in millionths of a US dollar. `enrich`: at its end the
    profiles of creators are fetched whose bio no page told. `like`: a handle, or the platform's id; then the
    one keyword is what the search is called.
    `criteria`: the target is of creators that match; at most `most_looked` are compared with them.
    """

    platform: Platform
    keywords: tuple[str, ...]
    target: int
    region: str | None = None
    max_cost: int | None = None
    enrich: bool = False
    criteria: CreatorFilter | None = None
    most_looked: int | None = None
    like: str | None = None

    @property
    def search_type(self) -> SearchType:
        return SearchType.KEYWORD if self.like is None else SearchType.SIMILAR


@dataclass(frozen=True, slots=True)
class Ending:
    status: Status
    outcome: Outcome


def make_request(  # noqa: PLR0913 - the fields of a request
    *,
    platform: Platform,
    keywords: Sequence[str] = (),
    target: int,
    region: str | None = None,
    max_cost: int | None = None,
    enrich: bool = False,
    like: str | None = None,
    criteria: CreatorFilter | None = None,
    most_looked: int | None = None,
) -> SearchRequest:
    """Trimmed, without repetitions (case folded). Raises InvalidInput with what would be accepted."""
    if like is not None and keywords:
        raise InvalidInput("A search is by keywords, or for creators like one: not both.")
    if not 1 <= target <= MAX_TARGET:
        raise InvalidInput(f"The target is a number of creators from 1 to {MAX_TARGET:,}.")
    wanted = None if criteria is None or criteria == ANYBODY else checked(criteria)
    if wanted is not None and like is not None:
        raise InvalidInput("A search for creators like one takes no criteria. Filter its results.")
    if wanted is not None and most_looked is not None and not target <= most_looked <= MOST_LOOKED:
        raise InvalidInput(f"The creators to look at are at least the target and at most {MOST_LOOKED:,}.")
    return SearchRequest(
        platform=platform,
        keywords=_keywords(keywords) if like is None else (f"@{_account(like, platform)}",),
        target=target,
        region=_region(region),
        max_cost=max_cost,
        enrich=enrich,
        like=None if like is None else _account(like, platform),
        criteria=wanted,
        most_looked=None if wanted is None else most_looked or min(target * LOOKED_FOR_ONE, MOST_LOOKED),
    )


def ending_of(reasons: Sequence[EndReason], *, stored: int, target: int) -> Ending:
    """How a search ended whose runs ended for `reasons`.

    `full`: the target is reached, or every page of every keyword is read. A failed provider never counts
    as one that found nothing, and a keyword that a page cap cut makes the search `partial`.
    """
    ended = set(reasons)
    if EndReason.CANCELLED in ended:
        return Ending(Status.CANCELLED, Outcome.CANCELLED)
    if stored >= target:
        return Ending(Status.COMPLETED, Outcome.FULL)
    if EndReason.TIMEOUT in ended:
        return Ending(Status.TIMEOUT, Outcome.TIMEOUT)
    if EndReason.PLAN_LIMIT in ended:
        return Ending(Status.COMPLETED, Outcome.PLAN_LIMIT)
    failures = ended & {EndReason.PROVIDER_FAILED, EndReason.QUOTA}
    if EndReason.PAGE_CAP in ended or (failures and ended - failures):
        return Ending(Status.COMPLETED, Outcome.PARTIAL)
    if not failures:
        return Ending(Status.COMPLETED, Outcome.FULL if stored else Outcome.NOTHING_FOUND)
    if stored:
        return Ending(Status.ERROR, Outcome.PARTIAL)
    only_quota = failures == {EndReason.QUOTA}
    return Ending(Status.ERROR, Outcome.QUOTA if only_quota else Outcome.PROVIDER_FAILED)


def _account(like: str, platform: Platform) -> str:
    """The handle, else the platform's id."""
    read = read_account(like, platform)
    account = read.handle or read.stable_id
    if account is None:
        raise InvalidInput(f"{like[:80]!r} is no account of {platform.value}.")
    return account


def _keywords(given: Sequence[str]) -> tuple[str, ...]:
    distinct: dict[str, str] = {}
    for text in given:
        keyword = clean_line(text)
        if not keyword:
            raise InvalidInput("A keyword is empty. Give at least one word to search for.")
        if len(keyword) > MAX_KEYWORD_LENGTH:
            raise InvalidInput(
                f"A keyword has {len(keyword):,} characters; at most {MAX_KEYWORD_LENGTH} are accepted."
            )
        distinct.setdefault(unicodedata.normalize("NFKC", keyword).casefold(), keyword)
    if not 1 <= len(distinct) <= MAX_KEYWORDS:
        raise InvalidInput(f"A search takes 1 to {MAX_KEYWORDS} keywords, {len(distinct)} were given.")
    return tuple(distinct.values())


def _region(given: str | None) -> str | None:
    if given is None:
        return None
    region = given.strip().upper()
    if len(region) != REGION_LENGTH or not region.isascii() or not region.isalpha():
        raise InvalidInput("A region is a two-letter country code, such as US or DE.")
    return region
