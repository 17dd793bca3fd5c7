"""The sandbox's randomness: always seeded, never a secret, the same on every machine."""

from random import Random


def chance(*path: object) -> Random:
    """A stream of numbers that depends on nothing but `path`."""
    return Random(":".join(str(step) for step in path))  # noqa: S311 - reproducible on purpose, guards nothing
