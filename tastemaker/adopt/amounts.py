"""Counts as the original stored them: numbers, digits as text, "42.5K subscribers"."""

import re
from decimal import Decimal, InvalidOperation
from typing import Final

LARGEST: Final = 2**63 - 1
_TEXT: Final = re.compile(
    r"\s*(\d[\d,. \u00a0\u202f]{0,40})\s*(k|m|b|thousand|million|billion)?(?![a-z])", re.IGNORECASE
)
_FACTORS: Final = {"k": 10**3, "t": 10**3, "m": 10**6, "b": 10**9}
_THOUSANDS: Final = re.compile(r"\d{1,3}([,. \u00a0\u202f]\d{3})+")


def amount(value: object) -> int | None:
    """What it says; None for what is unknown, negative, or no count at all."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if 0 <= value <= LARGEST else None
    if isinstance(value, float):
        return _whole(Decimal(str(value)))
    return _spoken(value) if isinstance(value, str) else None


def _spoken(text: str) -> int | None:
    matched = _TEXT.match(text)
    if matched is None:
        return None
    digits, unit = matched[1].strip(" ,.\u00a0\u202f"), (matched[2] or "").lower()[:1]
    if _THOUSANDS.fullmatch(digits) and not (unit and "." in digits):
        digits = re.sub(r"\D", "", digits)
    try:
        return _whole(Decimal(digits.replace(",", "").replace(" ", "")) * _FACTORS.get(unit, 1))
    except InvalidOperation:
        return None


def _whole(number: Decimal) -> int | None:
    if not number.is_finite() or number < 0 or number > LARGEST:
        return None
    return int(number)
