"""The dispatcher: hands new events out to their subscribers, and runs them.

An event is taken by its status, never by its time or number, so that one committed late is not overlooked.
The subscriber's effect and the delivery's completion are one transaction: a kill leaves both or neither. The
attempt is counted before, in a transaction of its own, so that an event that kills its dispatcher is stopped.
"""

import asyncio
import math
from dataclasses import dataclass
from functools import partial

from tastemaker.core.backoff import backoff
from tastemaker.core.clock import monotonic
from tastemaker.core.logging import get_logger
from tastemaker.core.waiting import call_off
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import ProcessingStatus
from tastemaker.db.pool import Database
from tastemaker.db.transaction import Transaction, in_transaction
from tastemaker.db.work_loop import WorkLoop
from tastemaker.events import delivery_queries as queries
from tastemaker.events.context import caused_by
from tastemaker.events.delivery_queries import Delivery
from tastemaker.events.names import CHANNEL
from tastemaker.events.subscribers import Subscribers, known_subscribers

FIRST_DELAY = 1.0
LONGEST_DELAY = 900.0
LONGEST_ERROR = 1000

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatcherSettings:
    """Seconds, but for counts. A dead dispatcher's deliveries are back after `lease`.

    `deadline`: how long a subscriber may take; less than the lease.
    """

    concurrency: int = 8
    batch: int = 1000
    poll: float = 1.0
    lease: float = 30.0
    deadline: float = 20.0
    max_attempts: int = 8
    stop_within: float = 8.0


@dataclass(slots=True, kw_only=True)
class _State(WorkLoop[Delivery]):
    """`has_news`: events may have been recorded since they were last handed out."""

    subscribers: Subscribers
    settings: DispatcherSettings
    has_news: bool = True
    handed_out_at: float = -math.inf

    @property
    def free(self) -> int:
        return self.settings.concurrency - len(self.running)

    def notify(self) -> None:
        self.has_news = True
        self.wake.set()


class EventGone(Exception):
    """The event of a delivery is not in the log any more."""


async def run_dispatcher(
    database: Database,
    *,
    stopping: asyncio.Event,
    subscribers: Subscribers | None = None,
    settings: DispatcherSettings | None = None,
) -> None:
    """Deliver until `stopping` is set; then let what runs come to its end, at most `stop_within`.

    Any number may run. `subscribers` None are those of the modules that the process has imported.
    """
    known = known_subscribers() if subscribers is None else subscribers
    state = _State(subscribers=known, settings=settings or DispatcherSettings(), stopping=stopping)
    async with database.listener.subscribe(CHANNEL, state.notify):
        try:
            await state.run(partial(_look_for_work, database, state), poll=state.settings.poll)
            await state.stop(partial(_hand_back, database), within=state.settings.stop_within)
        finally:
            await call_off(*state.running)


async def hand_out_all(database: Database, subscribers: Subscribers, *, batch: int = 1000) -> int:
    """Make the deliveries of every event that is new now; how many events that were."""
    total = 0
    while True:

        async def work(tx: Transaction) -> int:
            return await queries.hand_out(tx, list(subscribers.values()), batch=batch)

        handed = await in_transaction(database, SYSTEM, work)
        total += handed
        if handed < batch:
            return total


async def _look_for_work(database: Database, state: _State) -> None:
    """A place that became free asks for deliveries only."""
    if state.has_news or monotonic() - state.handed_out_at >= state.settings.poll:
        state.has_news = False
        state.handed_out_at = monotonic()
        await hand_out_all(database, state.subscribers, batch=state.settings.batch)
        await _rescue(database, state)
    while (free := state.free) > 0 and not state.stopping.is_set():
        deliveries = await _claim(database, state, batch=free)
        for delivery in deliveries:
            name = f"event {delivery.event_id} for {delivery.subscriber}"
            state.start(delivery, _deliver(database, state, delivery), name=name)
        if len(deliveries) < free:
            return


async def _rescue(database: Database, state: _State) -> None:
    async def work(tx: Transaction) -> None:
        names, most = list(state.subscribers), state.settings.max_attempts
        for delivery in await queries.rescue(tx, names, max_attempts=most):
            log.warning(
                "event %s for %s was left by a dead dispatcher, now %s",
                delivery.event_id,
                delivery.subscriber,
                delivery.status,
            )

    await in_transaction(database, SYSTEM, work)


async def _claim(database: Database, state: _State, *, batch: int) -> list[Delivery]:
    names, lease = list(state.subscribers), state.settings.lease

    async def work(tx: Transaction) -> list[Delivery]:
        return await queries.claim(tx, names, batch=batch, lease=lease)

    return await in_transaction(database, SYSTEM, work)


async def _deliver(database: Database, state: _State, delivery: Delivery) -> None:
    """One attempt. Its failure is its own: neither the event's other subscribers nor other events wait."""

    async def work(tx: Transaction) -> None:
        if not await queries.hold(tx, delivery):
            log.warning("event %s for %s is not ours any more", delivery.event_id, delivery.subscriber)
            return
        await _hear(tx, state, delivery)
        await queries.settle(tx, delivery, ProcessingStatus.COMPLETED)

    try:
        async with asyncio.timeout(state.settings.deadline):
            await in_transaction(database, SYSTEM, work)
    except TimeoutError:
        await _failed(database, state, delivery, "It took too long.")
    except Exception as error:
        log.exception("event %s failed for %s", delivery.event_id, delivery.subscriber)
        await _failed(database, state, delivery, f"{type(error).__name__}: {error}"[:LONGEST_ERROR])


async def _hear(tx: Transaction, state: _State, delivery: Delivery) -> None:
    event = await queries.find_event(tx, delivery)
    if event is None:
        raise EventGone("The event is not in the log any more.")
    with caused_by(
        correlation_id=event.correlation_id or str(event.id),
        causation_id=str(event.id),
        chain=event.chain + 1,
    ):
        await state.subscribers[delivery.subscriber].handle(tx, event)


async def _failed(database: Database, state: _State, delivery: Delivery, error: str) -> None:
    given_up = delivery.attempt >= state.settings.max_attempts
    status = ProcessingStatus.FAILED if given_up else ProcessingStatus.PENDING

    async def work(tx: Transaction) -> None:
        await queries.settle(tx, delivery, status, error=error, delay=delay_after(delivery.attempt))

    await in_transaction(database, SYSTEM, work)


def delay_after(attempt: int) -> float:
    """Seconds until the next attempt."""
    return backoff(attempt - 1, first=FIRST_DELAY, longest=LONGEST_DELAY)


async def _hand_back(database: Database, delivery: Delivery) -> None:
    async def work(tx: Transaction) -> None:
        await queries.settle(tx, delivery, ProcessingStatus.PENDING, error="The dispatcher was stopped.")

    await in_transaction(database, SYSTEM, work)
