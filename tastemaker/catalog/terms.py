"""Texts as terms: the same for documents and queries, on the one fold of `core.folding`.

A word is a term, and so is a hashtag, beside its words. Scripts that write no spaces are indexed by pairs of
neighbouring characters, which find every part of a text. Terms with a colon are values of filters; no word
has one.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from tastemaker.core.errors import InvalidInput
from tastemaker.core.folding import UNSPACED, fold, is_letter, is_unspaced

VERSION: Final = 3
"""Of the terms that a text has. A change makes every document older than it."""

ANYBODY: Final = "a:"
"""The term of every document."""

LONGEST_QUERY: Final = 500
MOST_TERMS: Final = 32
SHORTEST_PREFIX: Final = 3
MOST_PLACES: Final = 6
MOST_PLACES_OF_PAIR: Final = 200
"""Pairs of characters stand for words by their places alone. PostgreSQL keeps 255 at most."""

LAST_PLACE: Final = 16_000
LONGEST_TERM: Final = 64
BETWEEN_TEXTS: Final = 2
"""Places between two texts, so that no phrase reaches from one into the other."""


class PlacedTerm(NamedTuple):
    """`place` counts words, and in scripts without spaces characters, from the beginning of its text."""

    term: str
    place: int
    is_pair: bool = False


@dataclass(frozen=True, slots=True)
class TextQuery:
    """A query as PostgreSQL's tsquery. `name`: what to look for among misspelt names, if it has only words.

    `words` are those to mark in texts.
    """

    tsquery: str
    name: str | None
    words: Sequence[str]


NO_TEXT: Final = TextQuery(f"'{ANYBODY}'", None, ())


class _Spaced(dict[int, str]):
    """For `str.translate`: what is no letter, # or _ becomes a space."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        kept = character if character in "#_" or is_letter(character) else " "
        self[code] = kept
        return kept


_SPACED: Final = _Spaced()
_QUOTES: Final = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb\uff02", '"'))
_CHUNK: Final = re.compile(r'([-\u2013\u2212]?)(?:"([^"]*)"?|([^\s"]+))')


_ADDRESS: Final = re.compile(r"https?://\S+|\bwww\.\S+|[^\s@<>()]{1,64}@[^\s@<>()]{1,254}")


class Document:
    """The terms of several texts, as the text of a tsvector."""

    def __init__(self) -> None:
        self._places: dict[str, list[str]] = {}
        self._tags: list[str] = []
        self._next = 1

    def add(self, text: str, weight: str = "") -> None:
        """What is behind the 16,000th place is left out, and so are addresses, which name no subject."""
        if "@" in text or "://" in text or "www." in text:
            text = _ADDRESS.sub(" ", text)
        places, place = self._places, self._next
        for chunk in _chunks(text):
            if place > LAST_PLACE:
                break
            if chunk.isascii() and chunk.isalnum():  # most are, and it is half of the work of a page
                known = places.setdefault(chunk[:LONGEST_TERM], [])
                if len(known) < MOST_PLACES:
                    known.append(f"{place}{weight}")
                place += 1
                continue
            for one in _terms_of_chunk(chunk, place):
                known = places.setdefault(one.term, [])
                if len(known) < (MOST_PLACES_OF_PAIR if one.is_pair else MOST_PLACES):
                    known.append(f"{one.place}{weight}")
                place = _after(one)
        self._next = place - 1 + BETWEEN_TEXTS

    def tag(self, term: str) -> None:
        """A term without a place: a value of a filter."""
        self._tags.append(quoted(term))

    def tsvector(self) -> str:
        """A term of a text has neither quotes nor backslashes."""
        placed = [f"'{term}':{','.join(places)}" for term, places in self._places.items()]
        return " ".join([*placed, *self._tags])


def terms_of(text: str) -> Iterator[PlacedTerm]:
    """In order. Texts of any script, with `#tag` as a term beside its words."""
    place = 0
    for chunk in _chunks(text):
        for one in _terms_of_chunk(chunk, place):
            yield one
            place = _after(one)


def read_query(text: str) -> TextQuery:
    """Words, "phrases", prefix*, -exclusions and #tags: all of them are wanted.

    An open quotation ends with the text. Raises InvalidInput.
    """
    if len(text) > LONGEST_QUERY:
        raise InvalidInput(f"The words have {len(text):,} characters; at most {LONGEST_QUERY} are accepted.")
    wanted: list[str] = []
    unwanted: list[str] = []
    words: list[str] = []
    is_plain = True
    for minus, phrase, chunk in _CHUNK.findall(text.translate(_QUOTES)):
        is_prefix = chunk.endswith("*") and chunk.strip("*") != ""
        query = _chunk_query(phrase or chunk, is_prefix=is_prefix)
        if query is None:
            continue
        (unwanted if minus else wanted).append(query)
        is_plain &= not (minus or phrase or is_prefix or "#" in chunk)
        if not minus:
            words.append((phrase or chunk).strip("*"))
    if len(wanted) + len(unwanted) > MOST_TERMS:
        raise InvalidInput(f"At most {MOST_TERMS} words are accepted.")
    if not wanted and not unwanted:
        if text.strip():
            raise InvalidInput(f"{text.strip()[:80]!r} has no letters or digits to look for.")
        return NO_TEXT
    parts = [*(wanted or NO_TEXT.tsquery.split()), *(f"!{one}" for one in unwanted)]
    return TextQuery(" & ".join(parts), fold(" ".join(words)) if is_plain else None, tuple(words))


def any_term(terms: Iterable[str]) -> str:
    """A tsquery for creators with one of these values of a filter."""
    return f"({' | '.join(quoted(term) for term in terms)})"


def quoted(term: str) -> str:
    doubled = term.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"


def _chunks(text: str) -> Sequence[str]:
    return fold(text).translate(_SPACED).split()


def _terms_of_chunk(chunk: str, place: int) -> Iterator[PlacedTerm]:
    """Of what stands between two spaces. A tag has the place of its first word."""
    if "#" not in chunk and "_" not in chunk:
        yield from _words(chunk, place)
        return
    for number, part in enumerate(chunk.split("#")):
        tag = part.strip("_")
        if number and tag:
            yield PlacedTerm(f"#{tag}"[:LONGEST_TERM], place)
        for word in part.split("_"):
            for one in _words(word, place):
                yield one
                place = _after(one)


def _words(chunk: str, place: int) -> Iterator[PlacedTerm]:
    """The words of a chunk; pairs where its script writes none."""
    if UNSPACED.search(chunk) is None:
        if chunk:
            yield PlacedTerm(chunk[:LONGEST_TERM], place)
        return
    for run in UNSPACED.sub(lambda match: f" {match[0]} ", chunk).split():
        if not is_unspaced(run):
            yield PlacedTerm(run[:LONGEST_TERM], place)
            place += 1
            continue
        for start in range(len(run) - 1):
            yield PlacedTerm(run[start : start + 2], place + start, is_pair=True)
        yield PlacedTerm(run[-1], place + len(run) - 1, is_pair=True)
        place += len(run) + 1


def _after(one: PlacedTerm) -> int:
    """The next place. Behind a run one is left free, so that two runs apart never look like one."""
    return one.place + (2 if one.is_pair else 1)


def _chunk_query(text: str, *, is_prefix: bool) -> str | None:
    """One word or phrase; None where it has no letter. Raises InvalidInput for too short a prefix."""
    terms = [*terms_of(text)]
    if text.startswith("#") and not is_prefix and terms:
        return quoted(terms[0].term)
    needed = [one for one in terms if not one.term.startswith("#")]
    kept = [one for number, one in enumerate(needed) if _is_needed(needed, number)]
    if not kept:
        return None
    if is_prefix and not kept[-1].is_pair and len(kept[-1].term) < SHORTEST_PREFIX:
        raise InvalidInput(f"At least {SHORTEST_PREFIX} letters stand before a *, as in {text.strip('*')}…*.")
    query, last = "", 0
    for one in kept:
        is_open = (is_prefix and one is kept[-1]) or (one.is_pair and len(one.term) == 1)
        distance = f" <{one.place - last}> " if query else ""
        query += f"{distance}{quoted(one.term)}{':*' if is_open else ''}"
        last = one.place
    return f"({query})"


def _is_needed(terms: Sequence[PlacedTerm], number: int) -> bool:
    """Of the pairs of a run every other one and the last name all of its characters.

    The single character at the end of a run is only looked for where it is the whole run.
    """
    one = terms[number]
    if not one.is_pair:
        return True
    start = number
    while start and terms[start - 1].is_pair and terms[start - 1].place == terms[start].place - 1:
        start -= 1
        if len(terms[start].term) == 1:  # the end of another run
            start += 1
            break
    is_alone = len(one.term) == 1
    if is_alone:
        return start == number
    follows = number + 1 < len(terms) and terms[number + 1].is_pair
    is_last = not follows or len(terms[number + 1].term) == 1
    return (number - start) % 2 == 0 or is_last
