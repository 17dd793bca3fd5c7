"""Numbers and times as the platforms write them out."""

from datetime import UTC, datetime

LATEST = 1_793_491_200
"""2026-11-01 00:00 UTC. In the sandbox it is always that day, so that a seed means the same on every day."""

_UNITS = (
    (365 * 86_400, "year"),
    (30 * 86_400, "month"),
    (7 * 86_400, "week"),
    (86_400, "day"),
    (3_600, "hour"),
)


def iso_time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_time_with_milliseconds(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def iso_duration(seconds: int) -> str:
    """ISO 8601 as YouTube uses it: `PT1H2M3S`, `PT45S`."""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    parts = [f"{hours}H" if hours else "", f"{minute}M" if minute else "", f"{second}S" if second else ""]
    return "PT" + ("".join(parts) or "0S")


def clock(seconds: int) -> str:
    """`4:14`, `1:02:03`."""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def short_count(number: int) -> str:
    """`999`, `42.5K`, `2.75M`: three digits at most, rounded down."""
    for size, unit in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if number >= size:
            whole = number // size
            decimals = max(0, 3 - len(str(whole)))
            scaled = number * 10**decimals // size / 10**decimals
            return f"{scaled:.{decimals}f}".rstrip("0").rstrip(".") + unit if decimals else f"{whole}{unit}"
    return str(number)


def ago(seconds: int) -> str:
    """`3 months ago`."""
    age = max(0, LATEST - seconds)
    for size, unit in _UNITS:
        if age >= size:
            count = age // size
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "1 hour ago"
