"""Text as it may enter: without control characters, with one kind of space."""

import re
import unicodedata

_SPACES = re.compile(r"\s+")


def clean_line(text: str) -> str:
    """One line, NFC, without control characters or lone surrogates, spaces folded and trimmed.

    Format characters inside words (joiners of emoji and Indic scripts) stay; bidirectional overrides,
    which can make a line read as another, go.
    """
    kept = "".join(" " if character in "\t\r\n" else character for character in text if _is_kept(character))
    return _SPACES.sub(" ", unicodedata.normalize("NFC", kept)).strip()


def storable(text: str) -> str:
    """The text as a database can keep it: without NUL and lone surrogates, otherwise as it is."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _is_kept(character: str) -> bool:
    if character in "\t\r\n":
        return True
    if "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069":
        return False
    return unicodedata.category(character) not in {"Cc", "Cs"}
