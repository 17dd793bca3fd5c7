"""Numbers, times and sizes as a person reads them, on screens and pages. Files and JSON have them exactly."""

from datetime import UTC, datetime, timedelta

UNKNOWN = "\u2013"
"""An en dash: a value that nobody knows, which is not 0."""

_UNITS = ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "K"))
_THOUSAND = 1000
_HUNDRED = 100
_TEN = 10
_AGES = ((365, "y"), (30, "mo"), (1, "d"))


def short(number: int | None) -> str:
    """`1.2M`, `48.2K`, `340K`, `999`: three digits at most, cut, never rounded up to what was not reached."""
    if number is None:
        return UNKNOWN
    for unit, letter in _UNITS:
        if number >= unit:
            whole, tenths = divmod(number * _TEN // unit, _TEN)
            return f"{whole}.{tenths}{letter}" if whole < _HUNDRED and tenths else f"{whole:,}{letter}"
    return str(number)


def counted(number: int, one: str, several: str | None = None) -> str:
    """`1 creator`, `1,200 creators`."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def moment(when: datetime | None) -> str:
    """`2026-11-23 08:00` in UTC; a time without zone is in UTC already."""
    return f"{_utc(when):%Y-%m-%d %H:%M}" if when else UNKNOWN


def day(when: datetime | None) -> str:
    """`23 November 2026` in UTC."""
    return f"{_utc(when).day} {_utc(when):%B %Y}" if when else UNKNOWN


def time_of_day(when: datetime, *, now: datetime) -> str:
    """`08:00 UTC`, with the day where it is another one."""
    at = _utc(when)
    return f"{at:%H:%M} UTC" if at.date() == _utc(now).date() else f"{at:%H:%M} UTC on {at.day} {at:%B}"


def age(when: datetime | None, *, now: datetime) -> str:
    """`5 min`, `9 h`, `3 d`, `2 mo`, `4 y`: one number and one unit, cut."""
    if when is None:
        return UNKNOWN
    passed = max(_utc(now) - _utc(when), timedelta(0))
    for days, unit in _AGES:
        if passed.days >= days:
            return f"{passed.days // days} {unit}"
    hours, minutes = divmod(int(passed.total_seconds()) // 60, 60)
    return f"{hours} h" if hours else f"{minutes} min"


def ago(when: datetime | None, *, now: datetime) -> str:
    """`just now`, `5 min ago`, `3 d ago`."""
    if when is None:
        return UNKNOWN
    return "just now" if _utc(now) - _utc(when) < timedelta(minutes=1) else f"{age(when, now=now)} ago"


def percent(share: float | None) -> str:
    """`4.1 %` of 0.041."""
    return UNKNOWN if share is None else f"{share * 100:.1f} %"


def size(size_in_bytes: int) -> str:
    value = float(size_in_bytes)
    for unit in ("bytes", "kB", "MB"):
        if value < _THOUSAND:
            return f"{value:.0f} {unit}"
        value /= _THOUSAND
    return f"{value:.1f} GB"


def seconds(duration: float) -> str:
    """`0.4 s`, `12 s`, `3 min`."""
    if duration < _TEN:
        return f"{duration:.1f} s"
    return f"{duration:.0f} s" if duration < 120 else f"{duration / 60:.0f} min"  # noqa: PLR2004 - two minutes


def _utc(when: datetime) -> datetime:
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
