"""A word that a person typed, as one of an enum's."""

from enum import StrEnum
from typing import TypeVar

from tastemaker.core.errors import InvalidInput

Word = TypeVar("Word", bound=StrEnum)


def word_of(words: type[Word], typed: str | None) -> Word | None:
    """None where nothing was typed. Raises InvalidInput that names what would be accepted."""
    if typed is None:
        return None
    try:
        return words(typed.lower())
    except ValueError:
        accepted = ", ".join(word.value for word in words)
        raise InvalidInput(f"{typed[:40]!r} is none of: {accepted}.") from None
