"""Checks the event log: rebuilds every search and subscription from its events and compares it with its row.

Nothing is changed, except that `write_snapshots` records a first event for what has none: adopted rows, or
rows that are older than the log.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Final
from uuid import UUID

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import Transaction, in_transaction
from tastemaker.events.names import Aggregate, Payload, Source
from tastemaker.events.recorded import RecordedEvent
from tastemaker.events.service import NewEvent, record_many
from tastemaker.events.states import SearchState, SubscriptionState, fold_search, fold_subscription
from tastemaker.events.upcasting import UnreadablePayload
from tastemaker.ops import rebuilding_queries as queries
from tastemaker.ops.rebuilding_queries import Stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """`aggregate` is `job` or `subscription`; `rebuilt` is what its events say, `stored` its row."""

    aggregate: str
    aggregate_id: str
    field: str
    rebuilt: object
    stored: object


@dataclass(slots=True)
class Comparison:
    """`compared` is how many rows there are of each; `unrecorded` have no event to compare them with."""

    compared: Counter[str] = field(default_factory=Counter)
    unrecorded: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """One kind of state: its rows, the events of it, and how they make it."""

    name: str
    events: tuple[str, ...]
    list_rows: Callable[..., Awaitable[Sequence[Stored]]]
    fold: Callable[[Iterable[Payload]], SearchState | SubscriptionState | None]


Histories = Sequence[tuple[Stored, Sequence[RecordedEvent]]]
Step = Callable[[Transaction, _Kind, Histories], Awaitable[None]]

KINDS: Final = (
    _Kind(name="job", events=(Aggregate.JOB.value,), list_rows=queries.list_searches, fold=fold_search),
    _Kind(
        name="subscription",
        events=(Aggregate.USER.value, Aggregate.TRIAL.value, Aggregate.SUBSCRIPTION.value),
        list_rows=queries.list_subscriptions,
        fold=fold_subscription,
    ),
)


async def compare_states(database: Database) -> Comparison:
    """Over all tenants, 500 rows in a transaction."""
    found = Comparison()

    async def compare(_: Transaction, kind: _Kind, rows: Histories) -> None:
        found.compared[kind.name] += len(rows)
        for row, history in rows:
            _compare(found, kind, row, history)

    for kind in KINDS:
        await _walk(database, kind, compare)
    return found


async def write_snapshots(database: Database, *, actor: str) -> int:
    """A snapshot event for each search and subscription without history; how many those were."""
    written = 0

    async def write(tx: Transaction, _: _Kind, rows: Histories) -> None:
        nonlocal written
        new = [_snapshot(row, actor) for row, history in rows if not history]
        written += sum(found is not None for found in await record_many(tx, new))

    for kind in KINDS:
        await _walk(database, kind, write)
    return written


async def _walk(database: Database, kind: _Kind, step: Step) -> None:
    after: UUID | None = None
    while True:

        async def work(tx: Transaction, after: UUID | None = after) -> Sequence[Stored]:
            rows = await kind.list_rows(tx, after=after)
            histories = await queries.list_histories(tx, [row.aggregate_id for row in rows], kind.events)
            await step(tx, kind, [(row, histories.get(row.aggregate_id, [])) for row in rows])
            return rows

        rows = await in_transaction(database, SYSTEM, work)
        if len(rows) < queries.BATCH:
            return
        after = rows[-1].id


def _compare(found: Comparison, kind: _Kind, row: Stored, history: Sequence[RecordedEvent]) -> None:
    def differ(what: str, rebuilt: object, stored: object) -> None:
        found.differences.append(
            Difference(
                aggregate=kind.name,
                aggregate_id=row.aggregate_id,
                field=what,
                rebuilt=rebuilt,
                stored=stored,
            )
        )

    if not history:
        found.unrecorded.append(f"{kind.name} {row.aggregate_id}")
        return
    try:
        rebuilt = kind.fold([event.payload for event in history])
    except UnreadablePayload as error:
        differ("history", str(error), "readable")
        return
    if rebuilt is None:
        differ("history", "no beginning", "a snapshot is needed")
        return
    for each in fields(row.state):
        told, kept = getattr(rebuilt, each.name), getattr(row.state, each.name)
        if told != kept:
            differ(each.name, told, kept)


def _snapshot(row: Stored, actor: str) -> NewEvent:
    return NewEvent(
        payload=row.snapshot,
        aggregate_id=row.aggregate_id,
        source=Source.SYSTEM_AUTOMATION,
        tenant_id=ExternalUserId(row.tenant_id),
        metadata={"actor": actor},
    )
