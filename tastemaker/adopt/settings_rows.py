"""The settings an original holds: which throttle a real installation, and which nothing here reads."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from tastemaker.config_store.values import parse_duration
from tastemaker.core.errors import InvalidInput

Key = tuple[str, str]

FIT: Final[Mapping[Key, str]] = {
    ("api_limits", "max_api_calls_tiktok"): "1000",
    ("timeouts", "standard_job_timeout"): "60m",
    ("timeouts", "instagram_job_timeout"): "60m",
    ("job_processing", "max_concurrent_jobs"): "50",
    ("job_processing", "job_timeout"): "15m",
}
"""Values that ship with a fresh installation, for the keys whose lower values throttle one."""


@dataclass(frozen=True, slots=True)
class Throttle:
    key: str
    value: str
    fit: str


def throttles_among(rows: Iterable[tuple[str, str, str]]) -> list[Throttle]:
    """Rows of category, key and value that allow less than a fresh installation does."""
    found = []
    for category, key, value in rows:
        fit = FIT.get((category, key))
        amount = _amount(value)
        if fit is not None and amount is not None and amount < (_amount(fit) or 0):
            found.append(Throttle(f"{category}.{key}", value, fit))
    return found


def _amount(value: str) -> Decimal | None:
    """A number, or a duration in milliseconds."""
    try:
        return Decimal(value.strip())
    except InvalidOperation:
        pass
    try:
        return Decimal(parse_duration(value).total_seconds() * 1000)
    except InvalidInput:
        return None
