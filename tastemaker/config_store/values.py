"""How a value is written in `system_configurations.value`, and what it is in Python."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

from tastemaker.core.errors import InvalidInput
from tastemaker.db.enums import ValueType

Value = Decimal | timedelta | bool | str

_MOST_DIGITS: Final = 30
_LONGEST_TEXT: Final = 500
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")

LONGEST = timedelta(days=3650)
"""More is a slip of the pen, and would lead out of what a date can hold."""

_FORM = re.compile(r"(\d{1,12})(ms|s|m|h|d)?")
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def parse_value(text: str, kind: ValueType) -> Value:
    """Raises InvalidInput that says what would be accepted."""
    return _PARSERS[kind](text)


def write_value(value: Value) -> str:
    """The text from which `parse_value` reads the same value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        return write_duration(value)
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or len(text) > _MOST_DIGITS:
        raise InvalidInput(f"{text[:40]!r} is no number.")
    return number


def _flag(text: str) -> bool:
    match text.strip().lower():
        case "true":
            return True
        case "false":
            return False
    raise InvalidInput(f"{text[:40]!r} is neither true nor false.")


def _text(text: str) -> str:
    """Read by every process again and again, and set into the header of a mail."""
    if len(text) > _LONGEST_TEXT or _CONTROL.search(text):
        raise InvalidInput(f"A text is one line of at most {_LONGEST_TEXT} characters.")
    return text


def parse_duration(text: str) -> timedelta:
    """A number without a unit is milliseconds, as two rows of the original mean it. Raises InvalidInput."""
    matched = _FORM.fullmatch(text.strip())
    seconds = int(matched[1]) * _MILLISECONDS[matched[2] or "ms"] / 1000 if matched else 0.0
    if matched is None or seconds > LONGEST.total_seconds():
        raise InvalidInput(
            f"{text[:40]!r} is no duration; write a number with ms, s, m, h or d, such as 90s."
        )
    return timedelta(seconds=seconds)


def write_duration(span: timedelta) -> str:
    """In the largest unit that needs no fraction: `90s`, `24h`, `30d`."""
    milliseconds = round(span / timedelta(milliseconds=1))
    unit, size = next(
        (unit, size) for unit, size in reversed(_MILLISECONDS.items()) if milliseconds % size == 0
    )
    return f"{milliseconds // size}{unit}"


_PARSERS: Final[Mapping[ValueType, Callable[[str], Value]]] = {
    ValueType.NUMBER: _number,
    ValueType.DURATION: parse_duration,
    ValueType.BOOLEAN: _flag,
    ValueType.STRING: _text,
}
