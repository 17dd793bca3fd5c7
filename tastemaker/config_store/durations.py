"""Durations as the configuration writes them: a number with ms, s, m, h or d."""

import re
from datetime import timedelta

from tastemaker.core.errors import InvalidInput

_FORM = re.compile(r"(\d{1,12})(ms|s|m|h|d)?")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(text: str) -> timedelta:
    """A number without a unit is milliseconds, as two rows of the original mean it. Raises InvalidInput."""
    matched = _FORM.fullmatch(text.strip())
    if matched is None:
        raise InvalidInput(
            f"{text[:40]!r} is no duration; write a number with ms, s, m, h or d, such as 90s."
        )
    return timedelta(seconds=int(matched[1]) * _UNIT_SECONDS[matched[2] or "ms"])
