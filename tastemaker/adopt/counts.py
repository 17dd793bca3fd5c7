"""Counts by name, nested: what a step read, wrote, mapped and left behind."""

from collections.abc import Mapping
from typing import Any

Counts = Mapping[str, Any]


def added(one: Counts, other: Counts) -> dict[str, Any]:
    """Number by number; whatever is no number is taken from `other`."""
    result = dict(one)
    for name, value in other.items():
        known = result.get(name)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            result[name] = added(known, value)
        elif isinstance(known, int) and isinstance(value, int):
            result[name] = known + value
        else:
            result[name] = value
    return result
