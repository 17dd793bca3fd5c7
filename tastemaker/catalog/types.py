"""Where a value in the catalog came from, and how long it may stay."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Provenance:
    """`keep_days` None: the source sets no term."""

    source: str
    policy: str
    keep_days: int | None

    def expires_at(self, fetched_at: datetime) -> datetime | None:
        return None if self.keep_days is None else fetched_at + timedelta(days=self.keep_days)
