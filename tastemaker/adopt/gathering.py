"""From pages to creators: each account once, each search's creators once, in the order of arrival.

Instagram's rows are cumulative snapshots and pages overlap: a creator stays in the page that brought it
first, as the last page described it. An account that a page names only by its handle is the one account
whose id was seen with that handle; where none or several were, it is kept as `handle:<lower-cased handle>`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from tastemaker.core.platforms import Platform
from tastemaker.providers.base import Creator, Post
from tastemaker.searches.imports.shapes import Item, Sighting, Unreadable, identify, read_element, read_page

SURROGATE: Final = "handle:"

Key = tuple[Platform, str]
Named = tuple[Platform, str, str]
"""Platform, lower-cased handle and id."""

_MERGED: Final = (
    "handle", "name", "bio", "followers", "following", "posts_count", "verified", "private", "avatar_url",
    "emails", "links",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePage:
    """A row of `scraping_results`. `job_id` is None where the search is unknown; then `owner` is too."""

    id: UUID
    job_id: UUID | None
    owner: str | None
    run_id: UUID | None
    platform: Platform | None
    seen_at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Seen:
    page: SourcePage
    item: Item
    sighting: Sighting


@dataclass(slots=True)
class Readings:
    """What the pages say, in their order, and what in them could not be read."""

    seen: list[Seen] = field(default_factory=list)
    shapes: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    rejected_in: set[tuple[UUID, str]] = field(default_factory=set)
    elements: int = 0


@dataclass(slots=True)
class AdoptedCreator:
    """A creator merged over time; handles with when they were seen first and last. Its id is its key's."""

    creator: Creator
    first_seen_at: datetime
    last_seen_at: datetime
    handles: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    followers: dict[date, int] = field(default_factory=dict)


@dataclass(slots=True)
class SearchClaim:
    """A creator of a search. `latest` is the element that described it last."""

    key: Key
    page: SourcePage
    position: int
    latest: Seen
    post: Post | None


@dataclass(slots=True)
class Gathered:
    accounts: dict[Key, AdoptedCreator] = field(default_factory=dict)
    posts: dict[Key, tuple[Post, datetime]] = field(default_factory=dict)
    claims: list[SearchClaim] = field(default_factory=list)
    repeated: int = 0


def read_pages(pages: Iterable[SourcePage]) -> Readings:
    readings = Readings()
    for page in pages:
        try:
            items = read_page(page.text)
        except Unreadable as error:
            _reject(readings, page, f"a page {error}")
            continue
        readings.elements += len(items)
        for item in items:
            read = read_element(item, page.platform)
            if isinstance(read, str):
                _reject(readings, page, read)
            else:
                readings.shapes[read.shape] += 1
                readings.seen.append(Seen(page, item, read))
    return readings


def identities_in(pages: Iterable[SourcePage]) -> set[Named]:
    """Of every element that tells both handle and id."""
    found: set[Named] = set()
    for page in pages:
        try:
            items = read_page(page.text)
        except Unreadable:
            continue
        for item in items:
            read = identify(item, page.platform)
            if not isinstance(read, str) and read.stable_id and read.handle:
                found.add((read.platform, read.handle.lower(), read.stable_id))
    return found


def handles_without_id(readings: Readings) -> set[Key]:
    return {
        (seen.sighting.creator.platform, seen.sighting.handle_key)
        for seen in readings.seen
        if not seen.sighting.creator.stable_id
    }


def gather(readings: Readings, identities: Mapping[Key, str]) -> Gathered:
    """`identities` are the ids of handles that belong to exactly one account."""
    gathered = Gathered()
    keyed = [(seen, _key(seen.sighting, identities)) for seen in readings.seen]
    for seen, key in sorted(keyed, key=lambda pair: pair[0].page.seen_at):
        _keep_account(gathered, seen, key)
        _keep_post(gathered, seen, key)
    _claim(gathered, keyed)
    return gathered


def _reject(readings: Readings, page: SourcePage, reason: str) -> None:
    readings.rejected[reason] += 1
    readings.rejected_in.add((page.id, reason))


def _key(sighting: Sighting, identities: Mapping[Key, str]) -> Key:
    creator = sighting.creator
    if creator.stable_id:
        return creator.platform, creator.stable_id
    handle = (creator.platform, sighting.handle_key)
    return creator.platform, identities.get(handle) or SURROGATE + sighting.handle_key


def _keep_account(gathered: Gathered, seen: Seen, key: Key) -> None:
    creator, at = seen.sighting.creator, seen.page.seen_at
    account = gathered.accounts.get(key)
    if account is None:
        account = gathered.accounts[key] = AdoptedCreator(creator, at, at)
    else:
        account.creator = _merged(account.creator, creator)
        account.last_seen_at = at
    if creator.handle:
        first, _ = account.handles.get(creator.handle, (at, at))
        account.handles[creator.handle] = (first, at)
    if creator.followers is not None:
        account.followers.setdefault(at.date(), creator.followers)


def _merged(known: Creator, later: Creator) -> Creator:
    """What is told later replaces what was known; what is not told leaves it."""
    changes: dict[str, Any] = {}
    for name in _MERGED:
        value = getattr(later, name)
        if value is not None and value != () and value != getattr(known, name):
            changes[name] = value
    return replace(known, **changes) if changes else known


def _keep_post(gathered: Gathered, seen: Seen, key: Key) -> None:
    post = seen.sighting.post
    if post is not None:
        kept = post if post.creator_id == key[1] else replace(post, creator_id=key[1])
        gathered.posts[post.platform, post.post_id] = (kept, seen.page.seen_at)


def _claim(gathered: Gathered, keyed: Sequence[tuple[Seen, Key]]) -> None:
    """A page without a search keeps its creators too, each once in the page."""
    claims: dict[tuple[UUID, Key], SearchClaim] = {}
    positions: Counter[UUID] = Counter()
    for seen, key in keyed:
        group = seen.page.job_id or seen.page.id
        claim = claims.get((group, key))
        if claim is None:
            positions[group] += 1
            claims[group, key] = SearchClaim(key, seen.page, positions[group], seen, seen.sighting.post)
        else:
            claim.latest = seen
            claim.post = seen.sighting.post or claim.post
            gathered.repeated += 1
    gathered.claims = list(claims.values())
