"""Following the log live, every event once, those that commit late included.

Numbers are given out before the commit, so a reader that continues from the highest it has seen skips events
that commit later. Here a number counts as settled only when every transaction that ran while it was last
looked for has ended; until then the reader looks again for what is missing below.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from tastemaker.core.ids import ExternalUserId
from tastemaker.core.waiting import first_of
from tastemaker.db.claims import SYSTEM, Tenant
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import read_many, read_together
from tastemaker.events.names import CHANNEL, all_names
from tastemaker.events.recorded import COLUMNS, RecordedEvent

POLL_SECONDS: Final = 1.0
MOST_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class _Running:
    """The oldest transaction that runs, and the next one that will begin."""

    oldest_running: int
    next_transaction: int


RUNNING: Final = statement(
    """
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest_running,
           pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next_transaction
""",
    _Running,
    not_null="oldest_running next_transaction",
)
"""Asked before NEWER in the same message: what has ended by then, NEWER sees."""

NEWER: Final = statement(
    f"""
    SELECT {COLUMNS} FROM events
    WHERE seq > %(settled)s AND seq <> ALL(%(seen)s::bigint[])
      AND (%(tenant)s::text IS NULL OR tenant_id = %(tenant)s)
    ORDER BY seq LIMIT {MOST_AT_ONCE}
""",  # noqa: S608 - of this module's own words
    RecordedEvent,
)

NEWEST: Final = statement(
    f"""
    SELECT seq FROM events WHERE %(tenant)s::text IS NULL OR tenant_id = %(tenant)s
    ORDER BY seq DESC LIMIT {MOST_AT_ONCE}
""",  # noqa: S608 - of this module's own words
    int,
)


@dataclass(slots=True)
class _Reader:
    """Everything up to `settled` was seen or never will be; of what is above, `seen` was.

    `mark`: once no transaction before `mark[1]` runs, all up to `mark[0]` is settled.
    """

    settled: int
    seen: set[int] = field(default_factory=set)
    mark: tuple[int, int] | None = None

    def take(self, numbers: list[int], *, oldest_running: int, next_transaction: int) -> None:
        before = max(self.seen, default=self.settled)
        self.seen.update(numbers)
        if len(numbers) == MOST_AT_ONCE:  # there may be more, also below the mark
            return
        if self.mark is not None and oldest_running >= self.mark[1]:
            self.settled = max(self.settled, self.mark[0])
            self.seen = {number for number in self.seen if number > self.settled}
            self.mark = None
        if self.mark is None and before > self.settled:
            self.mark = (before, next_transaction)


async def tail(
    database: Database,
    user_id: ExternalUserId | None,
    *,
    types: tuple[str, ...] = (),
    after: int | None = None,
    stopping: asyncio.Event | None = None,
    poll: float = POLL_SECONDS,
) -> AsyncIterator[RecordedEvent]:
    """Events as they are committed, until `stopping`. `after` is a `seq`; None begins with what comes now.

    In the order of writing but for late commits, which come when they come. `user_id` None sees all events.
    """
    wanted = {name for event_type in types for name in all_names(event_type)}
    stopping, wake = stopping or asyncio.Event(), asyncio.Event()
    reader = await _at_the_end(database, user_id) if after is None else _Reader(after)
    async with database.listener.subscribe(CHANNEL, wake.set):
        while not stopping.is_set():
            wake.clear()
            events = await _read(database, user_id, reader)
            for event in events:
                if not wanted or event.event_type in wanted:
                    yield event
            if len(events) < MOST_AT_ONCE:
                await first_of(wake, stopping, within=poll)


async def _read(database: Database, user_id: ExternalUserId | None, reader: _Reader) -> list[RecordedEvent]:
    claim = SYSTEM if user_id is None else Tenant(user_id)
    asked = {"settled": reader.settled, "seen": sorted(reader.seen), "tenant": user_id}
    [running], found = await read_together(database, claim, (RUNNING, {}), (NEWER, asked))
    reader.take(
        [event.seq for event in found],
        oldest_running=running.oldest_running,
        next_transaction=running.next_transaction,
    )
    return found


async def _at_the_end(database: Database, user_id: ExternalUserId | None) -> _Reader:
    """Having seen all that is there; what was begun before and is committed from now on is still to come."""
    claim = SYSTEM if user_id is None else Tenant(user_id)
    seen = set(await read_many(database, claim, NEWEST, tenant=user_id))
    return _Reader(min(seen) if len(seen) == MOST_AT_ONCE else 0, seen)
