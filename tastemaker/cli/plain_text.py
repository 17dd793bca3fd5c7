"""Text of strangers, made safe to show: one line, no control sequences, as wide as it seems.

A creator's name may hold escape sequences that move the cursor, marks that turn a line around, or
characters whose width no two terminals agree on. What is shown is close to what was written; files and
JSON have it exactly, and a terminal that shows them has it spelled out.
"""

import re
import unicodedata
from collections.abc import Iterator

LRM = "\u200e"
"""Left-to-right mark: it has no width, and keeps what follows a right-to-left word in its column."""

MARKS_IN_A_ROW = 3

_ESCAPES = re.compile(
    r"(?:\x1b\]|\x9d).*?(?:\x07|\x1b\\|\x9c|$)"  # operating system commands: titles, links, clipboard
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f]).*?(?:\x1b\\|\x9c|$)"  # device control and other strings
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # cursor, colours, modes
    r"|\x1b[ -/]*[0-~]?",  # everything else that begins with ESC
    re.DOTALL,
)
_ACTS = re.compile(r"\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What moves the cursor, begins a sequence or turns a line around; line ends and tabs are as they should."""

_REGIONAL_INDICATORS = range(0x1F1E6, 0x1F200)
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_VARIATION_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
_KEYCAP = "\u20e3"
_JOINERS = "\u200c\u200d"
_WIDER_THAN_THEY_SAY = "\ufdfd\ufdfa\u0bf5\U0001242b\U0001242a"
_UNKNOWN = "\ufffd"


def plain(text: str | None) -> str:
    """One line without anything that acts on a terminal; the empty string for None."""
    if not text:
        return ""
    shown = "".join(_shown(unicodedata.normalize("NFC", _ESCAPES.sub("", text))))
    return " ".join(unicodedata.normalize("NFC", shown).split())


def spelled_out(text: str) -> str:
    """A whole file or document for a terminal: an escape becomes six characters that mean it in JSON."""
    return _ACTS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def is_right_to_left(text: str) -> bool:
    return any(unicodedata.bidirectional(character) in {"R", "AL", "AN"} for character in text)


def _shown(text: str) -> Iterator[str]:
    marks = 0
    before = " "
    for character in text:
        shown = _one(character, before)
        marks = marks + 1 if unicodedata.category(character) in {"Mn", "Me"} else 0
        if shown and (marks == 0 or (marks <= MARKS_IN_A_ROW and not before.isspace())):
            yield shown
            before = character


def _one(character: str, before: str) -> str:
    """What stands for the character: itself, a space, letters, or nothing."""
    code, category = ord(character), unicodedata.category(character)
    if category in {"Zs", "Zl", "Zp"} or character in "\t\n\v\f\r\x85":
        return " "
    if character in _JOINERS:  # they shape Persian and Indic words, and glue emoji, which then have any width
        return character if unicodedata.category(before) in {"Lo", "Mn", "Mc"} else ""
    if category in {"Cc", "Cf"} or code in _SKIN_TONES or character == _KEYCAP:
        return ""
    if any(code in selectors for selectors in _VARIATION_SELECTORS):
        return ""
    if code in _REGIONAL_INDICATORS:
        return chr(code - _REGIONAL_INDICATORS.start + ord("A"))
    if category in {"Cs", "Co", "Cn"} or character in _WIDER_THAN_THEY_SAY:
        return _UNKNOWN
    return character
