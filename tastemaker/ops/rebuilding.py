"""Does the log tell the truth? Every search and subscription is rebuilt from its events and compared.

Nothing is changed, but that `write_snapshots` gives a beginning to what has no history: what was adopted, or
written before there were events.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final
from uuid import UUID

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import Database, in_transaction
from tastemaker.db.enums import SearchStatus
from tastemaker.db.transaction import Transaction
from tastemaker.events.names import Aggregate, Source
from tastemaker.events.payload_base import Payload
from tastemaker.events.payloads import SearchSnapshot, SubscriptionSnapshot
from tastemaker.events.recorded import RecordedEvent
from tastemaker.events.service import NewEvent, record_many
from tastemaker.events.states import SearchState, SubscriptionState, fold_search, fold_subscription
from tastemaker.events.upcasting import UnreadablePayload
from tastemaker.ops import rebuilding_queries as queries

Row = Mapping[str, Any]
State = SearchState | SubscriptionState


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
    """What is rebuilt: its rows, which events are its own, and both as a state."""

    name: str
    events: tuple[str, ...]
    list_rows: Callable[..., Awaitable[Sequence[Row]]]
    name_of: Callable[[Row], str]
    stored: Callable[[Row], State]
    fold: Callable[[Iterable[Payload]], State | None]
    snapshot: Callable[[Row], Payload]
    user: Callable[[Row], str]


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

    async def write(session: Transaction, kind: _Kind, rows: Histories) -> None:
        nonlocal written
        new = [_snapshot(kind, row, actor) for row, history in rows if not history]
        written += sum(found is not None for found in await record_many(session, new))

    for kind in KINDS:
        await _walk(database, kind, write)
    return written


Histories = Sequence[tuple[Row, Sequence[RecordedEvent]]]
Step = Callable[[Transaction, _Kind, Histories], Awaitable[None]]


async def _walk(database: Database, kind: _Kind, step: Step) -> None:
    after: UUID | None = None
    while True:

        async def work(session: Transaction, after: UUID | None = after) -> Sequence[Row]:
            rows = await kind.list_rows(session, after=after)
            names = [kind.name_of(row) for row in rows]
            histories = await queries.list_histories(session, names, kind.events)
            pairs = [(row, histories.get(name, [])) for row, name in zip(rows, names, strict=True)]
            await step(session, kind, pairs)
            return rows

        rows = await in_transaction(database, SYSTEM, work)
        if len(rows) < queries.BATCH:
            return
        after = rows[-1]["id"]


def _compare(found: Comparison, kind: _Kind, row: Row, history: Sequence[RecordedEvent]) -> None:
    name, stored = kind.name_of(row), kind.stored(row)
    if not history:
        found.unrecorded.append(f"{kind.name} {name}")
        return
    try:
        rebuilt = kind.fold([event.payload for event in history])
    except UnreadablePayload as error:
        found.differences.append(_difference(kind, name, "history", str(error), "readable"))
        return
    if rebuilt is None:
        found.differences.append(_difference(kind, name, "history", "no beginning", "a snapshot is needed"))
        return
    for each in fields(stored):
        told, kept = getattr(rebuilt, each.name), getattr(stored, each.name)
        if told != kept:
            found.differences.append(_difference(kind, name, each.name, told, kept))


def _difference(kind: _Kind, name: str, what: str, rebuilt: object, stored: object) -> Difference:
    return Difference(aggregate=kind.name, aggregate_id=name, field=what, rebuilt=rebuilt, stored=stored)


def _snapshot(kind: _Kind, row: Row, actor: str) -> NewEvent:
    return NewEvent(
        payload=kind.snapshot(row),
        aggregate_id=kind.name_of(row),
        source=Source.SYSTEM_AUTOMATION,
        tenant_id=ExternalUserId(kind.user(row)),
        metadata={"actor": actor},
    )


def _stored_search(row: Row) -> SearchState:
    is_open = SearchStatus(row["status"]).is_open
    return SearchState(
        platform=row["platform"],
        target=row["target_results"],
        status=row["status"],
        outcome=None if is_open else row["outcome"],
        stored=None if is_open else row["processed_results"],
        pages=None if is_open else row["processed_runs"],
    )


def _stored_subscription(row: Row) -> SubscriptionState:
    return SubscriptionState(
        plan=row["current_plan"],
        status=row["subscription_status"],
        trial_status=row["trial_status"],
        trial_ends_at=row["trial_end_date"],
        renews_at=row["subscription_renewal_date"],
        cancels_at=row["subscription_cancel_date"],
    )


def _search_snapshot(row: Row) -> Payload:
    return SearchSnapshot(
        campaign_id=row["campaign_id"],
        platform=row["platform"],
        target=row["target_results"],
        status=row["status"],
        outcome=row["outcome"],
        stored=row["processed_results"],
        pages=row["processed_runs"],
    )


def _subscription_snapshot(row: Row) -> Payload:
    return SubscriptionSnapshot(**asdict(_stored_subscription(row)))


KINDS: Final = (
    _Kind(
        name="job",
        events=(Aggregate.JOB.value,),
        list_rows=queries.list_searches,
        name_of=lambda row: str(row["id"]),
        stored=_stored_search,
        fold=fold_search,
        snapshot=_search_snapshot,
        user=lambda row: str(row["user_id"]),
    ),
    _Kind(
        name="subscription",
        events=(Aggregate.USER.value, Aggregate.TRIAL.value, Aggregate.SUBSCRIPTION.value),
        list_rows=queries.list_subscriptions,
        name_of=lambda row: str(row["tenant_id"]),
        stored=_stored_subscription,
        fold=fold_subscription,
        snapshot=_subscription_snapshot,
        user=lambda row: str(row["tenant_id"]),
    ),
)
