"""Searching the catalog: `search(query)` gives ids, a total and facets. Another engine could stand behind it.

How many creators match is estimated from a sample first. Few are counted and sorted, all exact. For many the
index of the order is walked until the page is full, and total and facets are estimates.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Final

import orjson
import psycopg

from tastemaker.catalog.document_queries import BANDS, BUCKETS, LETTERS, band_of
from tastemaker.catalog.filtering import (
    MOST,
    NAMES_OF_CREATORS,
    UNKNOWN,
    CreatorFilter,
    Reader,
    as_written,
    checked,
    distinct,
    moment,
    read_fields,
)
from tastemaker.catalog.search_queries import (
    COUNT,
    LIST_ALIKE,
    ORDERS,
    PICK,
    PREPARE,
    TO_WALK,
    WALK,
    FacetGroup,
    FoundId,
)
from tastemaker.catalog.terms import NO_TEXT, TextQuery, any_term, read_query
from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import CampaignId, ExternalUserId
from tastemaker.core.text import clean_line
from tastemaker.db.transaction import Transaction, is_timed_out

EXACT_BELOW: Final = 10_000
SCORED_BELOW: Final = 2_000
"""So many documents are compared by where the words stand in them; more would take too long."""

MOST_ALIKE: Final = 50
SHORTEST_NAME: Final = 4
"""A shorter name is like too many others."""

FACETS: Final = ("platform", "language", "country", "email", "verified", "followers")
"""As documents have them, in this order (`document_queries`)."""


class Ranking(StrEnum):
    """From the best match, the largest number, the latest post. Unknown values come last."""

    RELEVANCE = "relevance"
    FOLLOWERS = "followers"
    LAST_POST = "last_post"


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogFilter(CreatorFilter):
    """`campaigns` and `exclude_campaigns`: found in one of these of the user, or in none; names or ids.

    `seen_since`: shown by a provider at that moment or later.
    """

    NAMES: ClassVar[Mapping[str, tuple[str, Reader]]] = MappingProxyType({
        **NAMES_OF_CREATORS,
        "campaign": ("campaigns", as_written),
        "exclude_campaign": ("exclude_campaigns", as_written),
        "seen_since": ("seen_since", moment),
    })  # fmt: skip

    campaigns: tuple[str, ...] = ()
    exclude_campaigns: tuple[str, ...] = ()
    seen_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogQuery:
    """`found_in` and `not_found_in` are the ids of the filter's campaigns.

    `with_sandbox`: made-up creators are found too. `after` is the `next` of the page before. `counts` False
    leaves its total and facets out.
    """

    tenant_id: ExternalUserId
    text: str = ""
    wanted: CatalogFilter = CatalogFilter()
    found_in: Sequence[CampaignId] = ()
    not_found_in: Sequence[CampaignId] = ()
    order: Ranking = Ranking.RELEVANCE
    with_sandbox: bool = False
    limit: int = 50
    after: str | None = None
    counts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """`facets`: by name the number of creators with each value, with the other filters applied.

    `alike`: nobody has the words; these creators have nearly that name or handle. `next` is None on the last
    page.
    """

    ids: Sequence[int]
    total: int
    total_is_exact: bool
    facets: Mapping[str, Mapping[str, int]]
    facets_are_exact: bool
    alike: bool
    next: str | None


@dataclass(frozen=True, slots=True)
class _Counted:
    total: int
    is_exact: bool
    facets: Mapping[str, Mapping[str, int]]
    facets_are_exact: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page ended, in which of the orders of the statements, and whether that was by a walk."""

    order: str
    walks: bool
    key: str
    id: int


ANY_CREATOR: Final = CatalogFilter()


def make_catalog_filter(**given: Any) -> CatalogFilter:  # noqa: ANN401 - the fields of CatalogFilter
    """A filter that some creator can pass. Raises InvalidInput."""
    wanted = checked(CatalogFilter(**given))
    return replace(
        wanted,
        campaigns=distinct(map(clean_line, wanted.campaigns)),
        exclude_campaigns=distinct(map(clean_line, wanted.exclude_campaigns)),
    )


def read_catalog_filter(pairs: Iterable[tuple[str, str]]) -> CatalogFilter:
    """The filter of an address's query; other names and empty values are ignored. Raises InvalidInput."""
    return make_catalog_filter(**read_fields(CatalogFilter, pairs))


async def search(tx: Transaction, query: CatalogQuery) -> Found:
    """One page of the creators that match, and how many there are. Raises InvalidInput."""
    text = read_query(query.text)
    place = _read_place(query.after, query.order)
    await tx.only(PREPARE)
    counted = await _count(tx, query, text) if query.counts or place is None else _UNCOUNTED
    if place is None and counted.is_exact and _is_empty(counted) and _can_be_misspelt(text):
        return await _search_alike(tx, query, text)
    if place is None:
        order, walks = _way(query, text, counted)
    else:
        order, walks = place.order, place.walks
    rows = await _list(tx, query, text, order=order, walks=walks, after=place)
    shown = rows[: query.limit]
    following = None
    if len(rows) > query.limit:
        following = _write_place(_Place(order, walks, shown[-1].key, shown[-1].id))
    return Found(
        ids=[row.id for row in shown],
        total=max(counted.total, len(shown)),
        total_is_exact=counted.is_exact,
        facets=counted.facets,
        facets_are_exact=counted.facets_are_exact,
        alike=False,
        next=following,
    )


async def _count(tx: Transaction, query: CatalogQuery, text: TextQuery) -> _Counted:
    """Facets are counted without their own filters: over all that match the words and the other filters."""
    names, values = _filters(query)
    fits = _fits(query.wanted)
    values |= _range(query.wanted)
    base = COUNT.choose(filters=(*names, "sample"), fits=fits)
    given = {name: value for name, value in values.items() if name in base.parameters}
    sample = await tx.many(base, **given, terms=text.tsquery)
    if BUCKETS * sum(group.creators for group in sample) < EXACT_BELOW:
        groups = await tx.many(COUNT.choose(filters=names, fits=fits), **given, terms=text.tsquery)
        total, facets = _tally(groups, query.wanted, times=1)
        return _Counted(total, is_exact=True, facets=facets, facets_are_exact=True)
    total, facets = _tally(sample, query.wanted, times=BUCKETS)
    if total >= EXACT_BELOW:
        return _Counted(total, is_exact=False, facets=facets, facets_are_exact=False)
    groups = await tx.many(
        COUNT.choose(filters=names, fits=fits), **given, terms=_with_facets(text, query.wanted)
    )
    total, _ = _tally(groups, query.wanted, times=1)
    return _Counted(total, is_exact=True, facets=facets, facets_are_exact=False)


def _tally(
    groups: Iterable[FacetGroup], wanted: CatalogFilter, *, times: int
) -> tuple[int, Mapping[str, Mapping[str, int]]]:
    """How many pass, and for each facet the values of those who fail no other facet's filter."""
    chosen = chosen_values(wanted)
    total = 0
    counted: dict[str, Counter[str]] = {name: Counter() for name in FACETS}
    for group in groups:
        values = dict(zip(FACETS, group.facets.split("|"), strict=True))
        failed = [name for name, allowed in chosen.items() if values[name] not in allowed]
        if not group.fits:
            failed.append("followers")
        creators = group.creators * times
        if not failed:
            total += creators
        for name in FACETS if not failed else failed if len(failed) == 1 else ():
            counted[name][values[name]] += creators
    return total, counted


def chosen_values(wanted: CreatorFilter) -> Mapping[str, Sequence[str]]:
    """By facet the values that pass, where the filter sets any."""
    emails = {None: (), True: ("known",), False: (UNKNOWN,)}[wanted.has_email]
    values: Mapping[str, Sequence[str]] = {
        "platform": [one.value for one in wanted.platforms],
        "language": wanted.languages,
        "country": wanted.countries,
        "email": emails,
        "verified": [one.value for one in wanted.verified],
    }
    return {name: allowed for name, allowed in values.items() if allowed}


def _way(query: CatalogQuery, text: TextQuery, counted: _Counted) -> tuple[str, bool]:
    """The order of the statements, and whether to walk."""
    if not counted.is_exact:
        return query.order.value, True
    is_scored = query.order is Ranking.RELEVANCE and text is not NO_TEXT and counted.total < SCORED_BELOW
    return "score" if is_scored else query.order.value, False


async def _list(
    tx: Transaction, query: CatalogQuery, text: TextQuery, *, order: str, walks: bool, after: _Place | None
) -> Sequence[FoundId]:
    names, values = _filters(query)
    if _fits(query.wanted) == "range":
        names.append("followers")
        values |= _range(query.wanted)
    values |= {"terms": _with_facets(text, query.wanted), "limit": query.limit + 1}
    if order == "score":
        values["words"] = text.tsquery
    if after is not None:
        values |= {f"after_{order}": after.key, "after_id": after.id}
    pieces: dict[str, Any] = {"filters": names, "order": order, "after": (order,) if after else ()}
    if walks:
        try:
            return await tx.many_under(TO_WALK, WALK.choose(**pieces), **values)
        except psycopg.Error as error:
            if not is_timed_out(error):
                raise
    return await tx.many(PICK.choose(**pieces), **values)


async def _search_alike(tx: Transaction, query: CatalogQuery, text: TextQuery) -> Found:
    """Creators whose name or handle is nearly what was written, the nearest first: one page."""
    names, values = _filters(query)
    if _fits(query.wanted) == "range":
        names.append("followers")
        values |= _range(query.wanted)
    rows = await tx.many(
        LIST_ALIKE.choose(filters=names),
        **values,
        name=text.name,
        terms=_with_facets(NO_TEXT, query.wanted),
        limit=min(MOST_ALIKE, query.limit),
    )
    return Found(
        ids=[row.id for row in rows],
        total=len(rows),
        total_is_exact=True,
        facets={name: {} for name in FACETS},
        facets_are_exact=True,
        alike=bool(rows),
        next=None,
    )


def _is_empty(counted: _Counted) -> bool:
    """Whether nobody has the words, also without one of the filters."""
    return counted.total == 0 and not any(counted.facets.values())


def _can_be_misspelt(text: TextQuery) -> bool:
    return text.name is not None and len(text.name) >= SHORTEST_NAME


def _with_facets(text: TextQuery, wanted: CatalogFilter) -> str:
    """The words and the values of the filters, all of which the index of terms answers."""
    parts = [text.tsquery]
    allowed = {**chosen_values(wanted), "followers": _bands(wanted)}
    for letter, name in zip(LETTERS, FACETS, strict=True):
        if values := allowed.get(name):
            parts.append(any_term(f"{letter}:{value}" for value in values))
    return " & ".join(parts)


def _bands(wanted: CatalogFilter) -> Sequence[str]:
    """Those that the range of followers touches; none where all are wanted."""
    if _fits(wanted) == "all":
        return ()
    least = wanted.min_followers or 0
    most = MOST if wanted.max_followers is None else wanted.max_followers
    starts = [least, *(start for start in BANDS if least < start <= most)]
    return [*dict.fromkeys(map(band_of, starts)), *([UNKNOWN] if wanted.include_unknown else [])]


def _filters(query: CatalogQuery) -> tuple[list[str], dict[str, Any]]:
    """The filters besides those that are facets: names and values."""
    wanted = query.wanted
    names, values = [] if query.with_sandbox else ["real"], dict[str, Any]()
    if wanted.posted_within is not None:
        names.append("posted_within")
        values |= {"posted_within": wanted.posted_within, "include_unknown": wanted.include_unknown}
    if wanted.seen_since is not None:
        names.append("seen_since")
        values["seen_since"] = wanted.seen_since
    for name, ids in (("found_in", query.found_in), ("not_found_in", query.not_found_in)):
        if ids:
            names.append(name)
            values |= {name: list(ids), "tenant_id": query.tenant_id}
    return names, values


def _fits(wanted: CatalogFilter) -> str:
    return "all" if wanted.min_followers is None and wanted.max_followers is None else "range"


def _range(wanted: CatalogFilter) -> dict[str, Any]:
    return {
        "min_followers": wanted.min_followers,
        "max_followers": wanted.max_followers,
        "include_unknown": wanted.include_unknown,
    }


def _write_place(place: _Place) -> str:
    said = orjson.dumps([place.order, place.walks, place.key, place.id])
    return urlsafe_b64encode(said).rstrip(b"=").decode()


def _read_place(cursor: str | None, order: Ranking) -> _Place | None:
    """Raises InvalidInput for what no page in this order has given out."""
    if cursor is None:
        return None
    try:
        named, walks, key, creator_id = orjson.loads(urlsafe_b64decode(cursor[:400].encode("ascii") + b"=="))
    except (ValueError, TypeError, binascii.Error):
        named, walks, key, creator_id = None, None, None, None
    is_order = named == order.value or (named == "score" and order is Ranking.RELEVANCE)
    if not is_order or type(walks) is not bool or not _is_key(named, key) or type(creator_id) is not int:
        raise InvalidInput("That is no place in this list; start again from its first page.")
    return _Place(named, walks, key, creator_id)


def _is_key(order: str, key: object) -> bool:
    if type(key) is not str or len(key) > 40:  # noqa: PLR2004 - no number or time is longer
        return False
    try:
        return bool(datetime.fromisoformat(key)) if ORDERS[order][1] == "timestamptz" else float(key) < 10**19
    except ValueError:
        return key == "-infinity"


_UNCOUNTED: Final = _Counted(0, is_exact=False, facets={}, facets_are_exact=False)
