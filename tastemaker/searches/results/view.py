"""What the results page shows beside the rows: filters as chips and menus, columns, and why a creator fits.

Everything that was chosen is in the URL, so a page can be shared, and works without JavaScript.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Final
from urllib.parse import urlencode

from babel import Locale

from tastemaker.catalog.filtering import UNKNOWN, CreatorFilter, Verified, filter_query
from tastemaker.catalog.search import CatalogFilter
from tastemaker.core.countries import country_name
from tastemaker.core.display import counted, short
from tastemaker.core.platforms import Platform
from tastemaker.searches.results.facet_queries import FacetName, Facets, FacetValue, toggled
from tastemaker.searches.results.filtering import MatchedField, ResultFilter
from tastemaker.searches.results.paging import Sort
from tastemaker.searches.results.panel_queries import CatalogCreator, mark
from tastemaker.searches.results.queries import ResultRow

TO: Final = "\N{EN DASH}"
SNIPPET: Final = 160
BEFORE_MATCH: Final = 28
LARGEST_SCALE: Final = 7.5
"""Bars under follower numbers: the decimal logarithm of the number that fills a bar."""

SORTS: Final[Mapping[Sort, str]] = {
    Sort.POSITION: "As found",
    Sort.FOLLOWERS: "Most followers",
    Sort.VIEWS: "Most views",
    Sort.LIKES: "Most likes",
    Sort.LAST_POST: "Latest post",
    Sort.NAME: "Name",
}

COLUMNS: Final[Mapping[str, str]] = {
    "followers": "Followers",
    "views": "Views",
    "likes": "Likes",
    "language": "Lang.",
    "country": "Country",
    "email": "E-mail",
    "last_post": "Last post",
    "keyword": "Keyword",
    "why": "Why",
}
SHOWN_AT_FIRST: Final = ("followers", "views", "language", "email", "last_post", "why")

PLACES: Final[Mapping[MatchedField, str]] = {
    MatchedField.POST: "caption",
    MatchedField.DESCRIPTION: "description",
    MatchedField.HASHTAG: "hashtag",
    MatchedField.TAG: "tag",
    MatchedField.NAME: "name",
    MatchedField.HANDLE: "handle",
    MatchedField.BIO: "bio",
}

_FACETS: Final[Mapping[FacetName, str]] = {
    FacetName.PLATFORM: "Platform",
    FacetName.LANGUAGE: "Language",
    FacetName.COUNTRY: "Country",
    FacetName.EMAIL: "E-mail",
    FacetName.VERIFIED: "Verified",
    FacetName.KEYWORD: "Keyword",
    FacetName.MATCHED_IN: "Matched in",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsView:
    """What a page of creators was asked for. `path` is that of the page, `creators` that of its panels.

    `words` are searched for (`q`). `first_sort` is the order of a page whose address names none.
    """

    path: str
    creators: str
    wanted: CreatorFilter
    sort: StrEnum
    columns: Sequence[str] = SHOWN_AT_FIRST
    words: str = ""
    first_sort: StrEnum = Sort.POSITION

    def url(self, below: str = "", *, after: str | None = None, wanted: CreatorFilter | None = None) -> str:
        """The same page, or what lies below it, with another filter or from another place on."""
        pairs = [*self._pairs(wanted or self.wanted), *([("after", after)] if after else [])]
        return f"{self.path}{below}" + (f"?{urlencode(pairs)}" if pairs else "")

    def url_of(self, creator_id: int) -> str:
        """The panel of a creator, beside the same results."""
        return replace(self, path=self.creators).url(f"/{creator_id}")

    def url_sorted(self, sort: StrEnum) -> str:
        return replace(self, sort=sort).url()

    def hidden(self, *, without: Iterable[str] = ()) -> list[tuple[str, str]]:
        """What a form of this page carries along, besides its own fields."""
        left_out = set(without)
        return [pair for pair in self._pairs(self.wanted) if pair[0] not in left_out]

    def _pairs(self, wanted: CreatorFilter) -> list[tuple[str, str]]:
        pairs = [*([("q", self.words)] if self.words else []), *filter_query(wanted)]
        if self.sort is not self.first_sort:
            pairs.append(("sort", self.sort.value))
        if tuple(self.columns) != SHOWN_AT_FIRST:
            pairs += [("columns", name) for name in self.columns]
        return pairs


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is on; `href` is the page without it."""

    label: str
    href: str


@dataclass(frozen=True, slots=True)
class Option:
    label: str
    count: int
    href: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Menu:
    """A filter that can be added, with the values that the results have."""

    label: str
    options: Sequence[Option]


@dataclass(frozen=True, slots=True)
class Why:
    """The text that matched as (part, is it marked), and the place where it stands."""

    parts: Sequence[tuple[str, bool]]
    place: str


def read_columns(asked: Sequence[str]) -> tuple[str, ...]:
    """In the order of the table; unknown names are passed over."""
    chosen = tuple(name for name in COLUMNS if name in asked)
    return chosen or SHOWN_AT_FIRST


def chips(view: ResultsView) -> list[Chip]:
    return [Chip(label, view.url(wanted=without)) for label, without in _chosen(view.wanted)]


def menus(view: ResultsView, facets: Facets) -> list[Menu]:
    """Those with something to choose: a single value that everybody has narrows nothing."""
    found = []
    for name, label in _FACETS.items():
        values = facets.of.get(name, ())
        if len(values) > 1 or any(value.is_chosen for value in values):
            found.append(Menu(label, [_option(view, name, value) for value in values]))
    return found


def follower_bands(view: ResultsView, facets: Facets) -> list[Option]:
    return [_option(view, FacetName.FOLLOWERS, value) for value in facets.of.get(FacetName.FOLLOWERS, ())]


def why(row: ResultRow) -> Why:
    """The words that matched, marked; where none of the texts at hand has them, the post that is shown."""
    if row.search_id is None:
        return Why(list(_cut(row.post_text or row.bio or "", ())), "imported")
    if row.alike_in is not None:
        likeness, _, reasons = row.alike_in.partition(": ")
        return Why([(reasons, False)], likeness)
    places = [MatchedField(name) for name in row.matched_in if name in set(MatchedField)]
    for place, text in _texts(row):
        if place in places and text and (spans := mark(text, [row.keyword])):
            return Why(list(_cut(text, spans)), place_name(place, row.platform))
    shown = row.post_text or row.bio or ""
    named = place_name(places[0], row.platform) if places else "not in the texts"
    return Why(list(_cut(shown, mark(shown, [row.keyword]))), named)


def first_match(texts: Iterable[tuple[str, str | None]], words: Sequence[str]) -> Why:
    """The first of the texts, each with its place, in which any of the words stands; else the first text."""
    known = [(place, text) for place, text in texts if text]
    for place, text in known:
        if spans := mark(text, words):
            return Why(list(_cut(text, spans)), place)
    place, text = known[0] if known else ("", "")
    return Why(list(_cut(text, ())), place)


def marked(text: str, spans: Iterable[tuple[int, int]]) -> Iterator[tuple[str, bool]]:
    """The whole text in parts, with whether each is to be marked."""
    at = 0
    for start, end in spans:
        if start > at:
            yield text[at:start], False
        yield text[start:end], True
        at = end
    if at < len(text):
        yield text[at:], False


def place_name(place: MatchedField, platform: Platform) -> str:
    """Where a match stands, in the platform's word."""
    if place is MatchedField.POST and platform is Platform.YOUTUBE:
        return "title"
    return PLACES[place]


def follower_share(followers: int | None) -> float:
    """Percent of the bar; one scale for all rows and pages."""
    return min(100.0, 100 * math.log10((followers or 0) + 1) / LARGEST_SCALE)


def language_name(tag: str | None) -> str | None:
    """`Spanish` of `es` or `es-MX`; what is no tag stays as it is."""
    if tag is None:
        return None
    return _languages().get(tag.partition("-")[0].lower(), tag)


def language_source(creator: CatalogCreator) -> str:
    """`80 % of 5 texts; declared: English`: both are told where they differ."""
    declared, detected = language_name(creator.language), language_name(creator.detected_language)
    heard = None
    if creator.language_share is not None and creator.language_texts is not None:
        heard = f"{creator.language_share:.0%} of {counted(creator.language_texts, 'text')}".replace(
            "%", " %"
        )
    if declared is None:
        return heard or "not known"
    if heard is None:
        return "as declared"
    return f"declared; {heard}" if declared == detected else f"declared; {detected} in {heard}"


def _texts(row: ResultRow) -> Iterator[tuple[MatchedField, str | None]]:
    yield MatchedField.POST, row.post_text
    yield MatchedField.HASHTAG, " ".join(f"#{tag}" for tag in row.hashtags)
    yield MatchedField.BIO, row.bio
    yield MatchedField.NAME, row.name
    yield MatchedField.HANDLE, row.handle


def _cut(text: str, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[str, bool]]:
    """One line that shows the first match near its beginning."""
    start = max(0, spans[0][0] - BEFORE_MATCH) if spans else 0
    if start:
        start = text.rfind(" ", 0, start) + 1 or start
    end = start + SNIPPET
    inside = [(max(a, start) - start, min(b, end) - start) for a, b in spans if a < end and b > start]
    line = text[start:end].replace("\n", " ")
    if start:
        yield "… ", False
    yield from marked(line, inside)


def _option(view: ResultsView, name: FacetName, value: FacetValue) -> Option:
    href = view.url(wanted=toggled(view.wanted, name, value.value))
    return Option(_label(name, value.value), value.count, href, value.is_chosen)


def _label(name: FacetName, value: str) -> str:
    if name is FacetName.FOLLOWERS:
        return "Followers unknown" if value == UNKNOWN else _band(value)
    if value == UNKNOWN:
        return "Unknown"
    match name:
        case FacetName.LANGUAGE:
            return language_name(value) or value
        case FacetName.COUNTRY:
            return country_name(value) or value
        case FacetName.EMAIL:
            return "E-mail known"
        case FacetName.VERIFIED:
            return "Verified" if value == Verified.YES else "Not verified"
        case FacetName.MATCHED_IN:
            return PLACES[MatchedField(value)].capitalize()
    return value


def _band(value: str) -> str:
    lowest, _, highest = value.partition("-")
    if not highest:
        return f"{short(int(lowest))} and more"
    return f"{short(int(lowest))}{TO}{short(int(highest) + 1)}"


def _chosen(wanted: CreatorFilter) -> Iterator[tuple[str, CreatorFilter]]:
    """Each filter that is set, with the filter without it."""
    if isinstance(wanted, ResultFilter) and wanted.text:
        yield f"“{wanted.text}”", replace(wanted, text=None)
    yield from _several(wanted)
    yield from _ranges(wanted)
    if wanted.has_email is not None:
        yield "E-mail known" if wanted.has_email else "E-mail unknown", replace(wanted, has_email=None)
    if wanted.posted_within is not None:
        yield f"Posted within {wanted.posted_within} days", replace(wanted, posted_within=None)
    if isinstance(wanted, ResultFilter):
        if wanted.seen_before is not None:
            label = "Seen before" if wanted.seen_before else "Not seen before"
            yield label, replace(wanted, seen_before=None)
        if wanted.found_since is not None:
            yield f"Found since {wanted.found_since:%Y-%m-%d}", replace(wanted, found_since=None)
    if isinstance(wanted, CatalogFilter) and wanted.seen_since is not None:
        yield f"Seen since {wanted.seen_since:%Y-%m-%d}", replace(wanted, seen_since=None)
    if wanted.include_unknown:
        yield "Unknown values too", replace(wanted, include_unknown=False)


def _several(wanted: CreatorFilter) -> Iterator[tuple[str, CreatorFilter]]:
    """One chip for each value of the filters that take several."""
    fields = {
        "platforms": FacetName.PLATFORM, "keywords": FacetName.KEYWORD, "languages": FacetName.LANGUAGE,
        "countries": FacetName.COUNTRY, "verified": FacetName.VERIFIED, "matched_in": FacetName.MATCHED_IN,
    }  # fmt: skip
    for field, name in fields.items():
        values: tuple[str, ...] = getattr(wanted, field, ())
        for value in values:
            rest = tuple(one for one in values if one != value)
            label = f"{_FACETS[name]} unknown" if value == UNKNOWN else _label(name, value)
            yield label, replace(wanted, **{field: rest})  # type: ignore[arg-type]  # the field's own values
    for field, label in (("campaigns", "Found in"), ("exclude_campaigns", "Not in")):
        values = getattr(wanted, field, ())
        for value in values:
            rest = tuple(one for one in values if one != value)
            yield f"{label} {value}", replace(wanted, **{field: rest})  # type: ignore[arg-type]  # the same


def _ranges(wanted: CreatorFilter) -> Iterator[tuple[str, CreatorFilter]]:
    for what in ("followers", "views"):
        lowest: int | None = getattr(wanted, f"min_{what}", None)
        highest: int | None = getattr(wanted, f"max_{what}", None)
        if lowest is None and highest is None:
            continue
        without = replace(wanted, **{f"min_{what}": None, f"max_{what}": None})  # type: ignore[arg-type]  # both are numbers
        if highest is None:
            yield f"{what.capitalize()} {short(lowest)} and more", without
        elif lowest is None:
            yield f"{what.capitalize()} up to {short(highest)}", without
        else:
            yield f"{what.capitalize()} {short(lowest)}{TO}{short(highest)}", without


@cache
def _languages() -> Mapping[str, str]:
    return Locale("en").languages
