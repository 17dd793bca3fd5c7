"""The pages of a similar search: the creator itself with its related accounts, then what its terms find.

To the runner they are the pages of one keyword. The cursor carries the terms, so that a killed search
continues with the same ones. What the pages bring is compared at the end (`ranking`).
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import httpx
import orjson

from tastemaker.core.accounts import read_account
from tastemaker.core.folding import fold, is_unspaced
from tastemaker.providers.base import (
    Cost,
    Creator,
    KeywordQuery,
    Page,
    ProfileLookup,
    ProfileQuery,
    Provider,
    RelatedLookup,
)

MOST_TERMS: Final = 4
PAGES_OF_A_TERM: Final = 2
MOST_SIMILAR_PAGES: Final = 1 + MOST_TERMS * PAGES_OF_A_TERM
SHORTEST_TERM: Final = 4

_WORD: Final = re.compile(r"[^\W\d_]+")
_TAG_COUNTS, _BIO_COUNTS = 3, 2
_SAID_BY_MANY: Final = """
    about account advertising after also avec because before business by channel collab
    collaboration collabs como contact content creator daily dein dich dieser email enquiries estar
    every follow followers from gmail have here hier info inquiries instagram into just land life
    link links love mail make management meine mich mehr more nicht official only para pero please
    plus pour publi rund sobre social some subscribe that them there they this tiktok todo todos und
    une video videos vida vous week welcome what when where which will with work world yang your
    youtube
"""
_SAY_NOTHING: Final = frozenset(_SAID_BY_MANY.split())
"""Words of many profiles, in any of some languages, by which a search finds anybody."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the search is: a page of the term number `term`, with the provider's own cursor."""

    terms: tuple[str, ...]
    term: int = 0
    page: int = 0
    cursor: str | None = None

    def written(self) -> str | None:
        """None behind the last term."""
        if self.term >= len(self.terms):
            return None
        return orjson.dumps([self.terms, self.term, self.page, self.cursor]).decode()

    def after(self, cursor: str | None) -> "_Place":
        if cursor is None or self.page + 1 >= PAGES_OF_A_TERM:
            return _Place(self.terms, self.term + 1)
        return _Place(self.terms, self.term, self.page + 1, cursor)


async def similar_page(
    provider: Provider, http: httpx.AsyncClient, query: KeywordQuery, like: str, cursor: str | None
) -> Page:
    """One page. Its first one begins with the creator itself. Raises ProviderError."""
    if cursor is None:
        page = await _creator_page(provider, http, like)
        return replace(page, next_cursor=_Place(_terms(page, like)).written())
    terms, term, number, inner = orjson.loads(cursor)
    place = _Place(tuple(terms), term, number, inner)
    page = await provider.search_keyword(http, replace(query, keyword=terms[term]), inner)
    return replace(page, next_cursor=place.after(page.next_cursor).written())


async def _creator_page(provider: Provider, http: httpx.AsyncClient, like: str) -> Page:
    (platform,) = provider.declaration.platforms
    account = read_account(like, platform)
    query = ProfileQuery(handle=account.handle, stable_id=account.stable_id)
    if isinstance(provider, RelatedLookup):
        return await provider.fetch_related(http, query)
    if isinstance(provider, ProfileLookup):
        return await provider.fetch_profile(http, query)
    return Page(creators=(), posts=(), next_cursor=None, cost=Cost(calls=0, units=0))


def _terms(page: Page, like: str) -> tuple[str, ...]:
    """What to search for: hashtags and words that the creator uses most, else its name."""
    if not page.creators:
        return (like,)
    creator = page.creators[0]
    own = _names(creator)
    counts: Counter[str] = Counter()
    for post in page.posts:
        if post.creator_id == creator.stable_id:
            _count(counts, _words([post.text, post.description]), 1)
            _count(counts, [fold(tag) for tag in (*post.hashtags, *post.tags)], _TAG_COUNTS)
    _count(counts, _words([creator.bio]), _BIO_COUNTS)
    found = [term for term in counts if term not in own and term not in _SAY_NOTHING]
    best = sorted(found, key=lambda term: (-counts[term], -len(term), term))[:MOST_TERMS]
    return tuple(best) or (creator.name or creator.handle or like,)


def _names(creator: Creator) -> set[str]:
    return set(_words([creator.name, creator.handle])) | {fold(creator.handle or "")}


def _words(texts: Iterable[str | None]) -> list[str]:
    words = (word for text in texts if text for word in _WORD.findall(fold(text)))
    return [word for word in words if len(word) >= SHORTEST_TERM or is_unspaced(word)]


def _count(counts: Counter[str], terms: Iterable[str], worth: int) -> None:
    for term in terms:
        counts[term] += worth
