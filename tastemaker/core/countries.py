"""Countries: ISO 3166-1 codes, and their names in the languages that files are written in, from CLDR."""

from functools import cache
from typing import Final

from babel import Locale

from tastemaker.core.folding import fold

LANGUAGES: Final = ("en", "de", "fr", "es", "pt", "it", "nl", "pl", "tr", "ru", "ja", "ko", "zh")
_CODE_LENGTH = 2
_NOT_ISO = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"}
_OTHER_NAMES = {
    "usa": "US", "u.s.": "US", "u.s.a.": "US", "united states of america": "US", "america": "US",
    "uk": "GB", "u.k.": "GB", "england": "GB", "great britain": "GB", "scotland": "GB", "wales": "GB",
    "uae": "AE", "korea": "KR", "republic of korea": "KR", "czech republic": "CZ", "turkey": "TR",
    "russian federation": "RU", "viet nam": "VN", "ivory coast": "CI", "hong kong": "HK", "macao": "MO",
    "macau": "MO", "taiwan, province of china": "TW", "iran, islamic republic of": "IR", "burma": "MM",
    "swaziland": "SZ", "cape verde": "CV", "east timor": "TL", "holland": "NL", "the netherlands": "NL",
    "the philippines": "PH", "palestine": "PS", "bolivia, plurinational state of": "BO", "eeuu": "US",
    "ee. uu.": "US", "etats-unis d'amerique": "US", "bosnia and herzegovina": "BA", "macedonia": "MK",
    "venezuela, bolivarian republic of": "VE", "tanzania, united republic of": "TZ", "brasil": "BR",
    "moldova, republic of": "MD", "syrian arab republic": "SY", "lao people's democratic republic": "LA",
    "brunei darussalam": "BN", "congo": "CG", "democratic republic of the congo": "CD",
}  # fmt: skip


def country_name(code: str | None) -> str | None:
    """The English name; what is no code stays as it is."""
    return _english().get(code or "", code)


def country_code(text: str | None) -> str | None:
    """From a code or a name; None where it is neither."""
    word = (text or "").strip()
    if word.upper() in _english():
        return word.upper()
    return _codes().get(_key(word))


@cache
def _english() -> dict[str, str]:
    return _territories("en")


@cache
def _codes() -> dict[str, str]:
    """By folded name."""
    names = {_key(name): code for language in LANGUAGES for code, name in _territories(language).items()}
    return names | {_key(name): code for name, code in _OTHER_NAMES.items()}


def _territories(language: str) -> dict[str, str]:
    """Those of ISO: 249 codes of two letters."""
    territories = Locale.parse(language).territories
    return {
        code: str(name)
        for code, name in territories.items()
        if len(code) == _CODE_LENGTH and code.isalpha() and code not in _NOT_ISO
    }


def _key(name: str) -> str:
    return " ".join(fold(name).replace("\u2019", "'").replace("&", "and").split())
