"""Durations as the configuration writes them: a number with ms, s, m, h or d."""

import re
from datetime import timedelta

from tastemaker.core.errors import InvalidInput

LONGEST = timedelta(days=3650)
"""More is a slip of the pen, and would lead out of what a date can hold."""

_FORM = re.compile(r"(\d{1,12})(ms|s|m|h|d)?")
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


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
