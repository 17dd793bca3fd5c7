"""How texts become words that a keyword can find.

SQLite's own word splitter does the common work. Added here, on both sides, is what it cannot do: scripts
without spaces are cut into overlapping pairs, and compounds in CamelCase also count as their parts.
Words inside all-lower compounds (`dailymakeup`) are found through the list of words instead (see search).
"""

import re
import unicodedata

MOST_WORDS = 12
"""More words of a keyword than this do not narrow a search any further."""

_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u31f0-\u31ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003134f]+"
)
"""Thai, Lao, Burmese, Khmer, kana, Han and Hangul: words run into each other, or into their endings."""

_WORD = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"[A-Z](?:(?<=[a-z0-9].)|(?<=[A-Z].)(?=[a-z]))")
"""Where a new part begins in CamelCase: a capital after a small letter, or the last of several capitals."""

_SPACED = r" \g<0>"


def index_text(text: str | None) -> str | None:
    """What is given to the index for `text`."""
    if not text:
        return text
    if not text.isascii():
        text = _UNSPACED.sub(_indexed_run, unicodedata.normalize("NFKC", text))
    if not _HUMP.search(text):
        return text
    compounds = [word for word in _WORD.findall(text) if _HUMP.search(word)]
    return f"{text} {_HUMP.sub(_SPACED, ' '.join(compounds))}"


def keyword_words(keyword: str) -> list[str]:
    """The words of a keyword; a run of an unspaced script is a word of its own."""
    text = "".join(letter if _is_letter(letter) else " " for letter in unicodedata.normalize("NFKC", keyword))
    return _UNSPACED.sub(lambda run: f" {run[0]} ", text).split()[:MOST_WORDS]


def is_unspaced(word: str) -> bool:
    return _UNSPACED.fullmatch(word) is not None


def pairs(run: str) -> list[str]:
    """The overlapping pairs of a run; a single character is itself."""
    return [run[at : at + 2] for at in range(max(1, len(run) - 1))]


def fold(word: str) -> str:
    """As the index spells it: lower case, Latin letters without accents."""
    return "".join(_without_accents(letter) for letter in word.lower())


def _indexed_run(run: re.Match[str]) -> str:
    """The last character also stands alone, so that one character is found wherever it is."""
    return f" {' '.join(pairs(run[0]))} {run[0][-1]} "


def _without_accents(letter: str) -> str:
    base = unicodedata.normalize("NFD", letter)[0]
    return base if base.isascii() else letter


def _is_letter(letter: str) -> bool:
    return letter.isalnum() or unicodedata.category(letter).startswith("M")
