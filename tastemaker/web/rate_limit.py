"""Rate limit per API key: a token bucket in this process, which costs no round trip.

With several processes behind a load balancer each counts for itself: the limit is per process.
"""

import math
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Final

from tastemaker.config_store.hot_reload import Configuration
from tastemaker.config_store.keys import ENABLE_RATE_LIMITING, RATE_LIMIT_PER_MINUTE
from tastemaker.core.clock import monotonic
from tastemaker.web.problems import TooManyRequests

MOST_KNOWN: Final = 10_000
"""Keys remembered at once; the least recently used is forgotten and starts again with a full bucket."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


@dataclass(slots=True)
class RateLimit:
    """One per process."""

    config: Configuration
    _buckets: OrderedDict[Hashable, _Bucket] = field(default_factory=OrderedDict)

    def take(self, who: Hashable) -> None:
        """Count one request of `who`. Raises TooManyRequests with the seconds until the next one."""
        if not self.config[ENABLE_RATE_LIMITING]:
            return
        bucket, most = self._refilled(who)
        if bucket.tokens < 1:
            wait = (1 - bucket.tokens) * 60 / most
            raise TooManyRequests(f"More than {most:.0f} requests a minute by this key.", retry_after=wait)
        bucket.tokens -= 1

    def headers(self, who: Hashable) -> Mapping[str, str]:
        """What is left for `who` (draft-ietf-httpapi-ratelimit-headers); nothing where there is no limit.

        `r`: requests that are left; `t`: seconds until all are there again.
        """
        if not self.config[ENABLE_RATE_LIMITING]:
            return {}
        bucket, most = self._refilled(who)
        full = math.ceil((most - bucket.tokens) * 60 / most)
        return {
            "RateLimit-Policy": f'"key";q={most:.0f};w=60',
            "RateLimit": f'"key";r={max(0, int(bucket.tokens))};t={full}',
        }

    def _refilled(self, who: Hashable) -> tuple[_Bucket, float]:
        most = float(self.config[RATE_LIMIT_PER_MINUTE])
        now = monotonic()
        bucket = self._buckets.setdefault(who, _Bucket(most, now))
        self._buckets.move_to_end(who)
        while len(self._buckets) > MOST_KNOWN:
            self._buckets.popitem(last=False)
        bucket.tokens = min(most, bucket.tokens + (now - bucket.at) * most / 60)
        bucket.at = now
        return bucket, most
