"""What stands where a picture is missing: the initials of a name, on a colour of its own."""

import hashlib
import unicodedata
from collections.abc import Iterator
from html import escape
from typing import Final

MEDIA_TYPE: Final = "image/svg+xml"
LONGEST_NAME: Final = 200
NO_NAME: Final = "?"

_JOINER: Final = "\u200d"
_LATE: Final = {"Mn", "Me", "Mc", "Cf"}
"""Categories that belong to the sign before them."""

_CONTROLS: Final = {"Cc", "Cs"}
_NO_XML: Final = "\ufffe\uffff"

_SKIN_TONES: Final = range(0x1F3FB, 0x1F400)
_FLAGS: Final = range(0x1F1E6, 0x1F200)


def draw_initials(name: str, *, seed: object) -> bytes:
    """A square picture. The same seed has the same colour."""
    hue = int.from_bytes(hashlib.blake2b(str(seed).encode(), digest_size=2).digest()) % 60 * 6
    text = (
        '<text x="32" y="32" dy=".36em" text-anchor="middle" font-family="system-ui,sans-serif"'
        f' font-size="26" font-weight="600" fill="hsl({hue},34%,28%)">{escape(initials(name))}</text>'
    )
    return _drawing(f"hsl({hue},32%,80%)", text)


def draw_no_picture() -> bytes:
    """In place of a post's picture: a quiet surface, which fills any proportions."""
    return _drawing("hsl(40,14%,82%)", '<path fill="hsl(40,10%,68%)" d="M27 24l13 8-13 8z"/>')


def _drawing(color: str, inside: str) -> bytes:
    begin = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" preserveAspectRatio="xMidYMid slice"'
    return f'{begin}><path fill="{color}" d="M0 0h64v64H0z"/>{inside}</svg>'.encode()


def initials(name: str) -> str:
    """`Lucía Ferrer` is LF; one letter where a script has no capitals; an emoji if there is no letter."""
    words = [word for word in _words(name[:LONGEST_NAME]) if word]
    if not words:
        return next((sign for sign in graphemes(name[:LONGEST_NAME]) if not sign.isspace()), NO_NAME)
    first, last = words[0], words[-1]
    if len(words) == 1 or first.upper() == first.lower() or last.upper() == last.lower():
        return first.upper()
    return first.upper() + last.upper()


def graphemes(text: str) -> Iterator[str]:
    """What a person sees as one sign: an accent, a joined emoji or a flag is not torn apart."""
    sign = ""
    for letter in unicodedata.normalize("NFC", text):
        if letter in _NO_XML or unicodedata.category(letter) in _CONTROLS:
            continue
        if sign and _belongs(sign, letter):
            sign += letter
            continue
        if sign:
            yield sign
        sign = letter
    if sign:
        yield sign


def _words(name: str) -> Iterator[str]:
    """The first sign of each word that begins with a letter or a digit."""
    for word in name.split():
        letters = (sign for sign in graphemes(word) if sign[0].isalnum())
        yield next(letters, "")


def _belongs(sign: str, letter: str) -> bool:
    if sign.endswith(_JOINER) or ord(letter) in _SKIN_TONES or unicodedata.category(letter) in _LATE:
        return True
    return ord(letter) in _FLAGS and len(sign) == 1 and ord(sign) in _FLAGS
