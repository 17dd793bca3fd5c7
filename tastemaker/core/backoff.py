"""How long to wait before the next attempt: doubling with each failure, capped, with jitter."""

import random


def backoff(failures: int, *, first: float, longest: float, least: float = 0.5) -> float:
    """Seconds to wait after so many failures: `first` after none, then twice as long each time, to `longest`.

    Of these a random share from `least` to 1 is waited, so that those that failed together do not return
    together.
    """
    doublings = min(failures, 64)  # beyond that only the cap matters
    return min(longest, first * 2.0**doublings) * random.uniform(least, 1.0)  # noqa: S311 - jitter, not a secret
