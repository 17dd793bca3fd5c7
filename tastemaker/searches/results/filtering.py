"""Which creators of a search or a campaign are wanted: the filter of creators, and what only results know."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Final

from tastemaker.catalog.filtering import (
    NAMES_OF_CREATORS,
    UNKNOWN,
    CreatorFilter,
    Reader,
    as_written,
    check_range,
    checked,
    distinct,
    either,
    moment,
    number,
    one_choice,
    read_fields,
)
from tastemaker.core.errors import InvalidInput
from tastemaker.core.text import clean_line
from tastemaker.searches.types import MAX_KEYWORD_LENGTH, MAX_KEYWORDS

LONGEST_TEXT: Final = 200


class MatchedField(StrEnum):
    """Where a keyword stands: in the post that is shown, or in the profile."""

    POST = "post"
    DESCRIPTION = "description"
    HASHTAG = "hashtag"
    TAG = "tag"
    NAME = "name"
    HANDLE = "handle"
    BIO = "bio"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFilter(CreatorFilter):
    """`views` are those of the post shown. `seen_before`: by an earlier campaign of the user."""

    NAMES: ClassVar[Mapping[str, tuple[str, Reader]]] = MappingProxyType({
        "platform": NAMES_OF_CREATORS["platform"],
        "keyword": ("keywords", as_written),
        "text": ("text", as_written),
        "min_followers": NAMES_OF_CREATORS["min_followers"],
        "max_followers": NAMES_OF_CREATORS["max_followers"],
        "min_views": ("min_views", number),
        "max_views": ("max_views", number),
        **NAMES_OF_CREATORS,
        "matched_in": ("matched_in", one_choice(MatchedField)),
        "seen_before": ("seen_before", either("yes", "no")),
        "found_since": ("found_since", moment),
    })  # fmt: skip
    ANSWERS: ClassVar[Mapping[str, tuple[str, str]]] = MappingProxyType(
        {
            "has_email": ("known", UNKNOWN),
            "seen_before": ("yes", "no"),
        }
    )

    keywords: tuple[str, ...] = ()
    text: str | None = None
    min_views: int | None = None
    max_views: int | None = None
    matched_in: tuple[MatchedField, ...] = ()
    seen_before: bool | None = None
    found_since: datetime | None = None


EVERYTHING: Final = ResultFilter()


def make_filter(**given: Any) -> ResultFilter:  # noqa: ANN401 - the fields of ResultFilter
    """A filter that some creator can pass. Raises InvalidInput."""
    wanted = checked(ResultFilter(**given))
    check_range("views", wanted.min_views, wanted.max_views)
    text = clean_line(wanted.text or "")
    if len(text) > LONGEST_TEXT:
        raise InvalidInput(f"A text has {len(text):,} characters; at most {LONGEST_TEXT} are accepted.")
    if len(wanted.keywords) > MAX_KEYWORDS or any(len(one) > MAX_KEYWORD_LENGTH for one in wanted.keywords):
        raise InvalidInput(
            f"At most {MAX_KEYWORDS} keywords of {MAX_KEYWORD_LENGTH} characters are accepted."
        )
    return replace(
        wanted,
        text=text or None,
        keywords=distinct(map(clean_line, wanted.keywords)),
        matched_in=distinct(wanted.matched_in),
    )


def read_filter(pairs: Iterable[tuple[str, str]]) -> ResultFilter:
    """The filter of an address's query; other names and empty values are ignored. Raises InvalidInput."""
    return make_filter(**read_fields(ResultFilter, pairs))
