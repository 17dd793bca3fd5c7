"""How many creators have each value, for the filters beside a table of results.

Each facet is counted with the other filters applied: a creator that fails one facet's filter alone still
counts for that facet. One statement reads the creators once.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from tastemaker.catalog.document_queries import BANDS
from tastemaker.catalog.filtering import UNKNOWN, CreatorFilter, Verified, Wanted
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.platforms import Platform
from tastemaker.db.statements import any_of, composed, statement
from tastemaker.db.transaction import Transaction
from tastemaker.searches.results.filter_queries import (
    FILTERS,
    OF_CAMPAIGN,
    OF_SEARCH,
    OF_SEARCHES,
    asked,
    in_scope,
)
from tastemaker.searches.results.filtering import EVERYTHING, MatchedField, ResultFilter
from tastemaker.searches.results.paging import Scope


class FacetName(StrEnum):
    PLATFORM = "platform"
    KEYWORD = "keyword"
    LANGUAGE = "language"
    COUNTRY = "country"
    EMAIL = "email"
    VERIFIED = "verified"
    FOLLOWERS = "followers"
    MATCHED_IN = "matched_in"


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetValue:
    """`value` as an address names it, `unknown` where it is. Of FOLLOWERS it is a range: `1000-9999`."""

    value: str
    count: int
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Facets:
    """`passing`: the creators that pass the whole filter. The most frequent values come first."""

    passing: int
    of: Mapping[FacetName, Sequence[FacetValue]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetRow:
    """Creators with the same values in one set of columns. `failed`: the bit of the one facet they fail.

    `absent`: bits of the columns that are not in the set, the last one the lowest.
    """

    absent: int
    failed: int
    platform: str | None
    keywords: tuple[str, ...] | None
    language: str | None
    country: str | None
    has_email: bool | None
    verified: bool | None
    band: int | None
    matched_in: tuple[str, ...] | None
    creators: int


COLUMNS: Final = (
    "platform", "keywords", "language", "country", "has_email", "verified", "band", "matched_in",
)  # fmt: skip
"""In the order of the facets."""

SETS: Final = (
    ("platform", "has_email", "verified", "band"), ("language", "country"), ("keywords",), ("matched_in",),
)  # fmt: skip
"""Columns of few values are counted together: four hash tables are filled instead of eight."""

KEEP_HASH_TABLES = statement("SELECT set_config('work_mem', '64MB', true)", str, not_null="set_config")
"""They take 1 MB. PostgreSQL expects more than its default allows, and would sort every creator on disk."""

_FILTERS_OF: Final = {
    FacetName.PLATFORM: ("platforms",),
    FacetName.KEYWORD: ("keywords",),
    FacetName.LANGUAGE: ("languages",),
    FacetName.COUNTRY: ("countries",),
    FacetName.EMAIL: ("has_email",),
    FacetName.VERIFIED: ("verified",),
    FacetName.FOLLOWERS: ("min_followers", "max_followers"),
    FacetName.MATCHED_IN: ("matched_in",),
}
_BITS: Final = {facet: 2**place for place, facet in enumerate(FacetName)}
_FACET_OF: Final = {name: facet for facet, names in _FILTERS_OF.items() for name in names}

_FAILS: Final = {
    name: f"| CASE WHEN {FILTERS[name].removeprefix('AND ')} THEN 0 ELSE {_BITS[facet]} END"
    for name, facet in _FACET_OF.items()
}


def _facets(source: str) -> str:
    sets = ", ".join(f"(failed, {', '.join(columns)})" for columns in SETS)
    return f"""
    SELECT GROUPING({", ".join(COLUMNS)}) AS absent, failed, {", ".join(COLUMNS)}, count(*) AS creators
    FROM (
        SELECT held.platform, held.keywords, held.language, held.country, held.has_email, held.verified,
               width_bucket(held.followers, CAST(%(bands)s AS bigint[])) AS band, held.matched_in,
               0 {{fails}} AS failed
        {source} {{filters}}) one
    WHERE failed IN (0, {", ".join(str(bit) for bit in _BITS.values())})
    GROUP BY GROUPING SETS ({sets})
    """  # noqa: S608 - of this module's own constants


_NEVER_NULL: Final = "absent failed creators"
_SLOTS: Final = {
    "filters": any_of(**{name: piece for name, piece in FILTERS.items() if name not in _FACET_OF}),
    "fails": any_of(**_FAILS),
}

FACETS_OF_CAMPAIGN = composed(_facets(OF_CAMPAIGN), FacetRow, not_null=_NEVER_NULL, **_SLOTS)
FACETS_OF_SEARCH = composed(_facets(OF_SEARCH), FacetRow, not_null=_NEVER_NULL, **_SLOTS)
FACETS_OF_SEARCHES = composed(_facets(OF_SEARCHES), FacetRow, not_null=_NEVER_NULL, **_SLOTS)


async def read_facets(
    tx: Transaction, user_id: ExternalUserId, scope: Scope, *, wanted: ResultFilter = EVERYTHING
) -> Facets:
    names, values = asked(user_id, scope, wanted)
    chosen = in_scope(scope, FACETS_OF_CAMPAIGN, FACETS_OF_SEARCH, FACETS_OF_SEARCHES).choose(
        filters=tuple(name for name in names if name not in _FACET_OF),
        fails=tuple(name for name in names if name in _FACET_OF),
    )
    await tx.only(KEEP_HASH_TABLES)
    counted: dict[FacetName, Counter[str]] = {facet: Counter() for facet in FacetName}
    passing = 0
    for row in await tx.many(chosen, **values, bands=list(BANDS[1:])):
        for place, (facet, column) in enumerate(zip(FacetName, COLUMNS, strict=True)):
            if row.absent >> len(COLUMNS) - 1 - place & 1:
                continue
            if row.failed == 0 and facet is FacetName.PLATFORM:
                passing += row.creators
            if row.failed in {0, _BITS[facet]}:
                for value in _values_of(facet, getattr(row, column)):
                    counted[facet][value] += row.creators
    return Facets(passing, {facet: ordered(facet, counted[facet], wanted) for facet in FacetName})


def toggled(wanted: Wanted, facet: FacetName, value: str) -> Wanted:
    """The filter with this value of the facet chosen, or without it where it was.

    Of e-mail and followers one value is chosen at a time. Unknown followers cannot be chosen.
    """
    is_chosen = value in _chosen(facet, wanted)
    match facet:
        case FacetName.EMAIL:
            return replace(wanted, has_email=None if is_chosen else value != UNKNOWN)
        case FacetName.FOLLOWERS:
            if value == UNKNOWN:
                return wanted
            least, _, most = value.partition("-")
            limits = (None, None) if is_chosen else (int(least), int(most) if most else None)
            return replace(wanted, min_followers=limits[0], max_followers=limits[1])
        case _:
            (name,) = _FILTERS_OF[facet]
            chosen: tuple[Any, ...] = getattr(wanted, name)
            one = _TYPES.get(facet, str)(value)
            rest = tuple(other for other in chosen if other != one)
            changed: dict[str, Any] = {name: rest if is_chosen else (*rest, one)}
            return replace(wanted, **changed)


def _values_of(facet: FacetName, value: Any) -> Iterable[str]:  # noqa: ANN401 - the type of the facet's column
    match facet:
        case FacetName.KEYWORD | FacetName.MATCHED_IN:
            return value or ()
        case FacetName.EMAIL:
            return ("known" if value else UNKNOWN,)
        case FacetName.VERIFIED:
            return (UNKNOWN if value is None else "yes" if value else "no",)
        case FacetName.FOLLOWERS:
            return (UNKNOWN if value is None else _band(value),)
        case _:
            return (UNKNOWN if value is None else value,)


def _band(place: int) -> str:
    end = BANDS[place + 1] - 1 if place + 1 < len(BANDS) else ""
    return f"{BANDS[place]}-{end}"


def ordered(facet: FacetName, counted: Mapping[str, int], wanted: CreatorFilter) -> Sequence[FacetValue]:
    """The most frequent first, ranges as they are, the unknown last. What is chosen stays, also with 0."""
    chosen = _chosen(facet, wanted)
    counts = {**dict.fromkeys(chosen, 0), **counted}
    bands = [_band(place) for place in range(len(BANDS))]

    def place(value: str) -> tuple[object, ...]:
        if facet is FacetName.FOLLOWERS:
            return (value == UNKNOWN, bands.index(value) if value in bands else len(bands), value)
        return (value == UNKNOWN, -counts[value], value)

    return [
        FacetValue(value=value, count=counts[value], is_chosen=value in chosen)
        for value in sorted(counts, key=place)
    ]


def _chosen(facet: FacetName, wanted: CreatorFilter) -> Sequence[str]:
    match facet:
        case FacetName.EMAIL:
            return () if wanted.has_email is None else ("known" if wanted.has_email else UNKNOWN,)
        case FacetName.FOLLOWERS:
            limits = (wanted.min_followers, wanted.max_followers)
            bands = {_limits(_band(place)): _band(place) for place in range(len(BANDS))}
            return (bands[limits],) if limits in bands else ()
        case _:
            (name,) = _FILTERS_OF[facet]
            return [str(value) for value in getattr(wanted, name)]


def _limits(band: str) -> tuple[int | None, int | None]:
    least, _, most = band.partition("-")
    return int(least), int(most) if most else None


_TYPES: Final[Mapping[FacetName, type[StrEnum]]] = {
    FacetName.PLATFORM: Platform,
    FacetName.VERIFIED: Verified,
    FacetName.MATCHED_IN: MatchedField,
}
