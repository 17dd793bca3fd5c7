"""Durations as the configuration writes them: a number with ms, s, m, h or d."""

import re
from datetime import timedelta

from tastemaker.core.errors import InvalidInput

LONGEST = timedelta(days=3650)
"""More is a slip of the pen, and would lead out of what a date can hold."""

_FORM = re.compile(r"(\d{1,12})(ms|s|m|h|d)?")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(text: str) -> timedelta:
    """A number without a unit is milliseconds, as two rows of the original mean it. Raises InvalidInput."""
    matched = _FORM.fullmatch(text.strip())
    seconds = int(matched[1]) * _UNIT_SECONDS[matched[2] or "ms"] if matched else 0.0
    if matched is None or seconds > LONGEST.total_seconds():
        raise InvalidInput(
            f"{text[:40]!r} is no duration; write a number with ms, s, m, h or d, such as 90s."
        )
    return timedelta(seconds=seconds)
