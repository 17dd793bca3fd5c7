"""One fold and one matching for every search: what a person types against what people write.

The fold sets case, width and accents aside. Marks are dropped only where they are accents: on Latin, Greek
and Cyrillic letters, except the Cyrillic letters short i, yi and short u. Dakuten, Thai tones, viramas and
Hangul jamo stay. Sharp s is ss; a stroked o, l or d is o, l or d; the Turkish dotless and dotted i are both
i, so that a name is found in both spellings. Punctuation that carries meaning stays: `c++`, `c#`, `R&B`,
`AT&T`.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

MOST_WORDS: Final = 12
"""More words of a keyword than this do not narrow a search any further."""

PLUS, SHARP, AMPERSAND = "\ue02b", "\ue023", "\ue026"
"""What stands for + # & inside a folded word: private characters, which word splitters take for letters."""

_LETTERS = str.maketrans({"\u0131": "i", "ø": "o", "ł": "l", "đ": "d", "\u03c2": "\u03c3"})
_ACCENTED = re.compile("[a-z\u0370-\u03ff\u0430-\u04ff][\u0300-\u036f]+")
_KEPT = {"\u0438\u0306", "\u0456\u0308", "\u0443\u0306"}
"""Cyrillic short i, yi and short u: letters of their own."""

_SIGNS = (
    (re.compile(r"(?<=[^\W_])\+\+(?!\+|\w)"), PLUS * 2),
    (re.compile(r"(?<![^\W_])([^\W\d_]{1,2})#(?!\w)"), rf"\1{SHARP}"),
    (
        re.compile(r"(?<![^\W_])([^\W\d_]|[^\W\d_]{2}(?=&[^\W\d_]\b))&([^\W\d_]{1,2})(?![^\W_])"),
        rf"\1{AMPERSAND}\2",
    ),
)
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u31f0-\u31ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003134f]+"
)
"""Thai, Lao, Burmese, Khmer, kana, Han and Hangul: words run into each other, or into their endings."""

_WORD_SIGNS = rf"\w{PLUS}{SHARP}{AMPERSAND}"
_BEFORE, _AFTER = rf"(?<![{_WORD_SIGNS}])", rf"(?![{_WORD_SIGNS}])"
_SHORTEST_INSIDE = 3
"""A shorter term of a script with spaces matches as a whole word only."""


def fold(text: str) -> str:
    """As texts are compared. Idempotent."""
    if text.isascii():
        return _with_signs(text.lower())
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS)
    accented = _ACCENTED.sub(_without_accents, unicodedata.normalize("NFD", plain))
    return _with_signs(unicodedata.normalize("NFC", accented))


def words_of(text: str) -> list[str]:
    """The folded words of a keyword; a run of an unspaced script is a word of its own."""
    spaced = "".join(one if is_letter(one) else " " for one in fold(text))
    return UNSPACED.sub(lambda run: f" {run[0]} ", spaced).split()[:MOST_WORDS]


def is_unspaced(word: str) -> bool:
    return UNSPACED.fullmatch(word) is not None


def is_letter(character: str) -> bool:
    """Whether it can be part of a folded word."""
    return character.isalnum() or unicodedata.category(character) in {"Mn", "Mc", "Me", "Co"}


@dataclass(frozen=True, slots=True)
class Term:
    """A keyword as it is looked for: its words, all of them written together, and that as two whole words.

    `alone`: the words that match as whole words only, as `whole` looks for them.
    """

    inside: Sequence[str]
    alone: Sequence[str]
    whole: re.Pattern[str] | None
    together: str
    apart: re.Pattern[str]

    def occurs_in(self, texts: Iterable[str | None]) -> bool:
        """Whether the texts, taken as one, carry the keyword: every word in any order, or all written as one.

        Words of three letters and more also match inside longer words, shorter ones and those with signs as
        whole words; scripts without spaces match anywhere.
        """
        joined = " \n ".join(filter(None, texts))
        if not joined or not (self.inside or self.whole):
            return False
        text = fold(joined)
        if all(word in text for word in self.inside) and (self.whole is None or _all_whole(self.whole, text)):
            return True
        return bool(self.together) and (self.together in text or self.apart.search(text) is not None)

    def spans_in(self, text: str) -> list[tuple[int, int]]:
        """Where the keyword stands in one text: starts and ends, in order and apart. Empty: it does not."""
        folded, places = _placed(text)
        spans = [_occurrences(re.escape(word), folded) for word in self.inside]
        spans += [_occurrences(f"{_BEFORE}{re.escape(word)}{_AFTER}", folded) for word in self.alone]
        if not spans or not all(spans):
            spans = [_occurrences(re.escape(self.together), folded)] if self.together else []
            spans += [[match.span() for match in self.apart.finditer(folded)]] if self.together else []
        return _joined((places[start], places[end]) for found in spans for start, end in found)


@lru_cache(maxsize=256)
def term(keyword: str) -> Term:
    """The keyword, made ready for many texts."""
    words = words_of(keyword)
    whole = [word for word in words if _is_whole_only(word)]
    inside = [word for word in words if not _is_whole_only(word)]
    together = "" if len(words) < 2 and whole else "".join(words)  # noqa: PLR2004 - a single short word is one already
    first = together[:1]
    halves = "|".join(
        rf"{re.escape(together[1:place])}\W+{re.escape(together[place:])}"
        for place in range(1, len(together))
    )
    # The first letter in front, where a search for it alone is quick; what is before it is looked at then.
    apart = rf"{re.escape(first)}(?<!\w{re.escape(first)})(?:{halves})\b" if halves else "(?!)"
    return Term(tuple(inside), tuple(whole), _whole_pattern(whole), _long_enough(together), re.compile(apart))


def _with_signs(text: str) -> str:
    for pattern, replacement in _SIGNS if any(sign in text for sign in "+#&") else ():
        text = pattern.sub(replacement, text)
    return text


def _without_accents(match: re.Match[str]) -> str:
    letters = match[0]
    return letters[:2] if letters[:2] in _KEPT else letters[0]


def _is_whole_only(word: str) -> bool:
    return not is_unspaced(word) and (
        len(word) < _SHORTEST_INSIDE or any(sign in word for sign in (PLUS, SHARP, AMPERSAND))
    )


def _long_enough(together: str) -> str:
    return together if len(together) >= _SHORTEST_INSIDE or is_unspaced(together) else ""


def _whole_pattern(words: Sequence[str]) -> re.Pattern[str] | None:
    if not words:
        return None
    parts = "".join(rf"(?=.*{_BEFORE}{re.escape(word)}{_AFTER})" for word in words)
    return re.compile(parts, re.DOTALL)


def _all_whole(pattern: re.Pattern[str], text: str) -> bool:
    return pattern.match(text) is not None


def _placed(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each of its characters, and its end, the place in the text."""
    if text.isascii():
        return fold(text), [*range(len(text) + 1)]
    pieces, places, start = [], [], 0
    while start < len(text):
        end = start + 1
        while end < len(text) and unicodedata.category(text[end]) in {"Mn", "Me"}:
            end += 1
        piece = fold(text[start:end])
        pieces.append(piece)
        places += [start] * len(piece)
        start = end
    return _with_signs("".join(pieces)), [*places, len(text)]


def _occurrences(pattern: str, text: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(pattern, text)]


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted; those that touch or overlap are one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        elif start < end:
            joined.append((start, end))
    return joined
