"""The language that a creator writes in, detected from bio and captions. Asks no network.

The script decides first. Between the languages of one script `py3langid` decides, restricted to languages
that creators write in. What is too short or unsure is unknown. Indonesian and Malay are told as one.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from tastemaker.core.folding import UNSPACED

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

MIXED: Final = "mul"
"""ISO 639-2 for several languages: none has a share of `LEAST_SHARE`."""

LEAST_SHARE: Final = 0.6
LEAST_SCORE: Final = 0.6
"""Of made-up captions of 15 languages it leaves one in eight unknown, and 99.6 % of the others are right."""

LEAST_WORDS, LEAST_LETTERS, LEAST_UNSPACED_LETTERS = 2, 8, 4
MOST_LETTERS: Final = 1_000

LATIN: Final = [
    "ca", "cs", "da", "de", "en", "es", "fi", "fr", "hr", "hu", "id", "it", "ms", "nl", "no", "pl", "pt",
    "ro", "sk", "sv", "sw", "tl", "tr", "vi",
]  # fmt: skip
CYRILLIC: Final = ["bg", "ru", "sr", "uk"]
ARABIC: Final = ["ar", "fa", "ur"]

_ONE_LANGUAGE: Final[Mapping[str, str]] = {
    "HANGUL": "ko", "THAI": "th", "GREEK": "el", "HEBREW": "he", "BENGALI": "bn", "TAMIL": "ta",
    "TELUGU": "te", "GUJARATI": "gu", "KANNADA": "kn", "MALAYALAM": "ml", "GURMUKHI": "pa", "GEORGIAN": "ka",
    "ARMENIAN": "hy", "KHMER": "km", "LAO": "lo", "MYANMAR": "my", "SINHALA": "si", "ETHIOPIC": "am",
    "DEVANAGARI": "hi", "HIRAGANA": "ja", "KATAKANA": "ja", "CJK": "zh",
}  # fmt: skip
"""By the first word of a letter's name. Han letters are Japanese where kana stand among them."""

_SEVERAL_LANGUAGES: Final = {"LATIN": LATIN, "CYRILLIC": CYRILLIC, "ARABIC": ARABIC}
_LEAST_KANA: Final = 0.05
_NOT_PROSE = re.compile(
    r"https?://\S+|www\.\S+|\S+@\S+\.\S+|(?<!\w)[@#\uff03]\S+"
    r"|\b[\w-]+\.(?:com|net|org|io|me|tv)\b\S*",
    re.IGNORECASE,
)
_APOSTROPHES = "'\u2019"


@dataclass(frozen=True, slots=True)
class Guess:
    """`score`: how sure it is, to 1."""

    language: str
    score: float


@dataclass(frozen=True, slots=True)
class DetectedLanguage:
    """`share`: of the scores of all `n` texts whose language could be told. MIXED where it is small."""

    language: str
    share: float
    n: int


def detect(texts: Iterable[str | None]) -> DetectedLanguage | None:
    """The vote over the texts of one creator, each distinct text once; None where none can be told."""
    guesses = [guess for text in {text for text in texts if text} if (guess := language_of(text))]
    if not guesses:
        return None
    votes: dict[str, float] = {}
    for guess in guesses:
        votes[guess.language] = votes.get(guess.language, 0.0) + guess.score
    language = min(votes, key=lambda one: (-votes[one], one))
    share = votes[language] / sum(votes.values())
    return DetectedLanguage(language if share >= LEAST_SHARE else MIXED, round(share, 4), len(guesses))


@lru_cache(maxsize=16_384)  # the same captions come with many pages
def language_of(text: str) -> Guess | None:
    """The language of one text, or None where it is too short or too unsure."""
    plain = _prose(text)
    scripts = _scripts(plain)
    letters = scripts.total()
    if not letters:
        return None
    script = _leading(scripts)
    if script not in _SEVERAL_LANGUAGES:
        least = LEAST_UNSPACED_LETTERS if UNSPACED.search(plain) else LEAST_LETTERS
        language = _ONE_LANGUAGE.get(script)
        return Guess(language, scripts[script] / letters) if language and letters >= least else None
    if letters < LEAST_LETTERS or len(plain.split()) < LEAST_WORDS:
        return None
    return _by_words(plain, script)


def _by_words(plain: str, script: str) -> Guess | None:
    language, score = _identifier(script).rank(plain)[0]
    if language in {"id", "ms"}:
        scores = dict(_identifier(script).rank(plain))
        language, score = "id", scores["id"] + scores["ms"]
    return Guess(language, round(score, 4)) if score >= LEAST_SCORE else None


@cache
def _identifier(script: str) -> "LanguageIdentifier":
    """About 80 MB, loaded once in a second with the first text of such a script."""
    whole = _whole_model()
    one = object.__new__(type(whole))
    for name in type(whole).__slots__:
        setattr(one, name, getattr(whole, name))
    one.set_languages(_SEVERAL_LANGUAGES[script])
    return one


@cache
def _whole_model() -> "LanguageIdentifier":
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415 - it brings numpy and more

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _prose(text: str) -> str:
    """The words alone: without addresses, names, tags, digits, signs and emoji, in lower case."""
    plain = unicodedata.normalize("NFC", _NOT_PROSE.sub(" ", text[: MOST_LETTERS * 2]))
    kept = (one if _is_of_a_word(one) else " " for one in plain)
    return " ".join("".join(kept).lower().split())[:MOST_LETTERS]


def _is_of_a_word(one: str) -> bool:
    return one.isalpha() or one in _APOSTROPHES or unicodedata.category(one)[0] == "M"


def _scripts(plain: str) -> Counter[str]:
    return Counter(_script(one) for one in plain if one.isalpha())


@lru_cache(maxsize=8_192)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "?").partition(" ")[0]


def _leading(scripts: Counter[str]) -> str:
    """Kana among Han letters are told together with them."""
    kana = scripts["HIRAGANA"] + scripts["KATAKANA"]
    if kana and kana >= _LEAST_KANA * (kana + scripts["CJK"]):
        scripts["HIRAGANA"] = kana + scripts["CJK"]
        scripts["KATAKANA"] = scripts["CJK"] = 0
    return max(scripts, key=lambda one: (scripts[one], one))
