"""What a user may ask for, checked at the door."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from tastemaker.core.errors import InvalidInput
from tastemaker.core.platforms import Platform
from tastemaker.core.text import clean_line

MAX_KEYWORDS = 50
MAX_KEYWORD_LENGTH = 200
MAX_TARGET = 50_000
REGION_LENGTH = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """One keyword search on one platform; `target` is how many creators at most.

    `max_cost`: what it may cost at the provider, in millionths of a US dollar.
    """

    platform: Platform
    keywords: tuple[str, ...]
    target: int
    region: str | None = None
    max_cost: int | None = None


def make_request(
    *,
    platform: Platform,
    keywords: Sequence[str],
    target: int,
    region: str | None = None,
    max_cost: int | None = None,
) -> SearchRequest:
    """Trimmed, without repetitions (case folded). Raises InvalidInput with what would be accepted."""
    if not 1 <= target <= MAX_TARGET:
        raise InvalidInput(f"The target is a number of creators from 1 to {MAX_TARGET:,}.")
    return SearchRequest(
        platform=platform,
        keywords=_keywords(keywords),
        target=target,
        region=_region(region),
        max_cost=max_cost,
    )


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
