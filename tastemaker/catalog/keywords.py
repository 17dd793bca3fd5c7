"""Help with keywords, out of what the known creators write: what else they say, hashtags, and spellings."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from tastemaker.catalog.keyword_queries import COUNT_MATCHING, LIST_TERMS, TermUse, count_using
from tastemaker.catalog.terms import quoted, read_query, terms_of
from tastemaker.core.errors import InvalidInput
from tastemaker.core.folding import fold, words_of
from tastemaker.core.text import clean_line
from tastemaker.db.transaction import Transaction

MOST_HINTS: Final = 8
MOST_ASKED: Final = 3
"""The last keywords of a search with many."""

MOST_READ: Final = 400
"""Creators whose terms are compared with those of all creators."""

MOST_COMPARED: Final = 60
MOST_COUNTED: Final = 10_000
FEW: Final = 3
"""Fewer creators that use a keyword may mean that it is misspelt."""

LEAST_LIFT: Final = 1.5
"""A related term is used so many times more often beside the keyword than elsewhere."""

LIKE_ENOUGH: Final = 0.75


@dataclass(frozen=True, slots=True)
class KeywordHelp:
    """`creators` that use the keyword, at most 10,000. The hints say how many use both, or the completion."""

    keyword: str
    creators: int
    related: tuple[TermUse, ...] = ()
    hashtags: tuple[TermUse, ...] = ()
    completions: tuple[TermUse, ...] = ()
    spellings: tuple[TermUse, ...] = ()

    @property
    def suggestions(self) -> tuple[str, ...]:
        """What to search for as well, the best first: another spelling before everything else."""
        found = [one.term for one in (*self.spellings, *self.hashtags, *self.related)]
        return tuple(dict.fromkeys(term.removeprefix("#") for term in found))[:MOST_HINTS]


async def help_with(tx: Transaction, keyword: str, *, made_up: bool) -> KeywordHelp:
    """`made_up`: among the sandbox's creators. Raises InvalidInput for a text without a word."""
    text = clean_line(keyword)
    own = [one.term for one in terms_of(text)]
    if not own:
        raise InvalidInput("Give a word to look for.")
    query = read_query(" ".join(text.replace('"', " ").replace("-", " ").replace("*", " ").split())).tsquery
    creators = await tx.only(COUNT_MATCHING, query=query, made_up=made_up, most=MOST_COUNTED)
    beside = await tx.many(
        LIST_TERMS.choose(), query=query, made_up=made_up, most=MOST_READ, limit=MOST_COMPARED
    )
    related = await _related(tx, beside, own, creators=min(creators, MOST_READ))
    begun = await _begun_alike(tx, own[-1], made_up=made_up)
    return KeywordHelp(
        keyword=text,
        creators=creators,
        related=tuple(one for one in related if not one.term.startswith("#"))[:MOST_HINTS],
        hashtags=tuple(one for one in related if one.term.startswith("#"))[:MOST_HINTS],
        completions=_completions(own[-1], begun),
        spellings=_spellings(own[-1], begun) if creators < FEW else (),
    )


async def suggest_more(tx: Transaction, keywords: Sequence[str], *, made_up: bool) -> tuple[str, ...]:
    """Further keywords beside these, out of what the known creators write; none where nobody uses them."""
    given = {fold(keyword) for keyword in keywords}
    found: list[str] = []
    for keyword in keywords[-MOST_ASKED:]:
        helped = [await help_with(tx, keyword, made_up=made_up)] if [*terms_of(keyword)] else []
        if " " in keyword and helped and not helped[0].creators:  # nobody uses all of its words
            helped = [await help_with(tx, word, made_up=made_up) for word in words_of(keyword)]
            found += [one.keyword for one in helped if one.creators]
        found += [term for one in helped for term in one.suggestions]
    return tuple(one for one in dict.fromkeys(found) if fold(one) not in given)[:MOST_HINTS]


async def _related(
    tx: Transaction, beside: Iterable[TermUse], own: list[str], *, creators: int
) -> list[TermUse]:
    """Terms that stand beside the keyword more often than elsewhere, the most telling first."""
    mine = {*own, *(f"#{term}" for term in own), "#" + "".join(own)}
    candidates = [one for one in beside if one.term not in mine and one.creators > 1 and _is_word(one.term)]
    usage = await count_using(tx, [one.term for one in candidates])
    is_usual = 2 * creators > usage.creators  # then nothing stands elsewhere, and hashtags go by their number
    worth = {}
    for one in candidates:
        elsewhere = max(usage.using.get(one.term, 0), 1) / usage.creators
        lift = one.creators / max(creators, 1) / elsewhere
        if lift >= LEAST_LIFT or (is_usual and one.term.startswith("#")):
            worth[one.term] = one.creators * max(math.log(lift), 0.01)
    known = {one.term: one for one in candidates}
    best = sorted(worth, key=lambda term: (-worth[term], term))
    tags = {term.removeprefix("#") for term in best if term.startswith("#")}
    return [known[term] for term in best if term not in tags]


async def _begun_alike(tx: Transaction, term: str, *, made_up: bool) -> list[TermUse]:
    beginning = term[:FEW]
    return await tx.many(
        LIST_TERMS.choose(beginning="beginning"),
        query=f"{quoted(beginning)}:*",
        made_up=made_up,
        most=MOST_READ,
        beginning=beginning,
        limit=MOST_COMPARED,
    )


def _completions(term: str, begun: Iterable[TermUse]) -> tuple[TermUse, ...]:
    longer = (one for one in begun if one.creators > 1 and one.term != term and one.term.startswith(term))
    return tuple(longer)[:MOST_HINTS]


def _spellings(term: str, begun: Iterable[TermUse]) -> tuple[TermUse, ...]:
    known = {one.term: one for one in begun if one.term != term}
    return tuple(known[one] for one in get_close_matches(term, known, n=FEW, cutoff=LIKE_ENOUGH))


def _is_word(term: str) -> bool:
    return not term.removeprefix("#").isdigit()
