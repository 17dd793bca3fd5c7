"""The statements of delivery. Times are the database's (`app_now()`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tastemaker.core.logging import get_logger
from tastemaker.db.enums import ProcessingStatus
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction
from tastemaker.events.recorded import COLUMNS, RecordedEvent
from tastemaker.events.subscribers import Subscriber, wishes

MOST_COUNTED: Final = 10_000
"""Beyond it the number says no more than that it is too large."""

WARN_AFTER_SECONDS: Final = 60.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event for one subscriber, in a dispatcher's hands: only the holder of `attempt` settles it."""

    event_id: UUID
    event_timestamp: datetime
    subscriber: str
    attempt: int

    @property
    def key(self) -> dict[str, object]:
        return {"event_id": self.event_id, "event_timestamp": self.event_timestamp.replace(tzinfo=None)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RescuedDelivery(Delivery):
    """What a dead dispatcher held, and what has become of it."""

    status: ProcessingStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """`pending` events are not handed out yet, `waiting` deliveries are due, `failed` ones given up.

    Counts end at 10,000. `seconds`: how long the oldest has been due.
    """

    pending: int
    waiting: int
    failed: int
    seconds: float

    @property
    def is_behind(self) -> bool:
        return self.seconds > WARN_AFTER_SECONDS


HAND_OUT = statement("""
    WITH taken AS (
        SELECT id, "timestamp", event_type, tenant_id FROM events
        WHERE processing_status = 'pending'
        ORDER BY "timestamp"
        LIMIT %(batch)s
        FOR NO KEY UPDATE SKIP LOCKED
    ), wanted AS (
        SELECT taken.*, wish.subscriber
        FROM taken
        JOIN unnest(CAST(%(types)s AS text[]), CAST(%(subscribers)s AS text[]))
          AS wish (event_type, subscriber)
          ON wish.event_type = taken.event_type
    ), put AS (
        INSERT INTO event_deliveries (event_id, subscriber, event_timestamp, event_type, tenant_id, due_at,
                                      created_at)
        SELECT id, subscriber, "timestamp", event_type, tenant_id, app_now(), app_now() FROM wanted
        ON CONFLICT DO NOTHING
    ), handed AS (
        SELECT id, "timestamp", EXISTS (SELECT FROM wanted WHERE wanted.id = taken.id) AS is_heard FROM taken
    )
    UPDATE events event
    SET processing_status = CASE WHEN is_heard THEN 'processing' ELSE 'completed' END,
        processed_at = CASE WHEN NOT is_heard THEN timezone('UTC', app_now()) END
    FROM handed WHERE event.id = handed.id AND event."timestamp" = handed."timestamp"
""")

WITHOUT_WAITING_FOR_THE_DISK = statement("SET LOCAL synchronous_commit = off")
"""A claim that a crash of the server undoes is made again; the effect's own commit brings it along."""

CLAIM = statement(
    """
    WITH due AS (
        SELECT event_id, subscriber FROM event_deliveries
        WHERE status = 'pending' AND due_at <= app_now() AND subscriber = ANY(%(subscribers)s)
        ORDER BY due_at
        LIMIT %(batch)s
        FOR UPDATE SKIP LOCKED
    )
    UPDATE event_deliveries delivery
    SET status = 'processing', attempts = delivery.attempts + 1,
        lease_until = app_now() + make_interval(secs => %(lease)s)
    FROM due WHERE delivery.event_id = due.event_id AND delivery.subscriber = due.subscriber
    RETURNING delivery.event_id, delivery.subscriber, delivery.event_timestamp,
              delivery.attempts AS attempt
""",
    Delivery,
)

RESCUE = statement(
    """
    WITH lost AS (
        SELECT event_id, subscriber FROM event_deliveries
        WHERE status = 'processing' AND lease_until < app_now() AND subscriber = ANY(%(subscribers)s)
        FOR UPDATE SKIP LOCKED
    )
    UPDATE event_deliveries delivery
    SET status = CASE WHEN delivery.attempts >= %(max_attempts)s THEN 'failed' ELSE 'pending' END,
        error = 'The dispatcher died while it held this.', lease_until = NULL, due_at = app_now()
    FROM lost WHERE delivery.event_id = lost.event_id AND delivery.subscriber = lost.subscriber
    RETURNING delivery.event_id, delivery.subscriber, delivery.event_timestamp,
              delivery.attempts AS attempt, delivery.status
""",
    RescuedDelivery,
)

HOLD = statement(
    """
    SELECT event_id FROM event_deliveries
    WHERE event_id = %(event_id)s AND subscriber = %(subscriber)s AND status = 'processing'
      AND attempts = %(attempt)s
    FOR UPDATE
""",
    UUID,
)

FIND = statement(
    f'SELECT {COLUMNS} FROM events WHERE id = %(event_id)s AND "timestamp" = %(event_timestamp)s',  # noqa: S608 - of this module's own words
    RecordedEvent,
)

SETTLE = statement("""
    UPDATE event_deliveries
    SET status = CAST(%(status)s AS text), error = %(error)s, lease_until = NULL,
        completed_at = CASE WHEN CAST(%(status)s AS text) = 'completed' THEN app_now() END,
        due_at = app_now() + make_interval(secs => %(delay)s)
    WHERE event_id = %(event_id)s AND subscriber = %(subscriber)s AND status = 'processing'
      AND attempts = %(attempt)s
""")

LOCK_EVENT = statement(
    """
    SELECT id FROM events WHERE id = %(event_id)s AND "timestamp" = %(event_timestamp)s FOR NO KEY UPDATE
""",
    UUID,
)

SUMMARISE = statement("""
    UPDATE events event
    SET processing_status = told.status, retry_count = told.retries, error = told.error,
        processed_at = CASE WHEN told.status = 'completed' THEN timezone('UTC', app_now()) END
    FROM (
        SELECT CASE WHEN bool_or(status IN ('pending', 'processing')) THEN 'processing'
                    WHEN bool_or(status = 'failed') THEN 'failed' ELSE 'completed' END AS status,
               coalesce(max(greatest(attempts - 1, 0)), 0) AS retries,
               max(subscriber || ': ' || error) FILTER (WHERE status <> 'completed') AS error
        FROM event_deliveries WHERE event_id = %(event_id)s
    ) AS told
    WHERE event.id = %(event_id)s AND event."timestamp" = %(event_timestamp)s
      AND (event.processing_status, event.retry_count, event.error)
          IS DISTINCT FROM (told.status, told.retries, told.error)
""")


LAG: Final = statement(
    """
    SELECT (SELECT count(*) FROM (
                SELECT FROM events WHERE processing_status = 'pending' LIMIT %(most)s) AS few) AS pending,
           (SELECT count(*) FROM (
                SELECT FROM event_deliveries WHERE status = 'pending' AND due_at <= app_now() LIMIT %(most)s
            ) AS few) AS waiting,
           (SELECT count(*) FROM (
                SELECT FROM event_deliveries WHERE status = 'failed' LIMIT %(most)s) AS few) AS failed,
           greatest(0, coalesce(extract(epoch FROM app_now() - least(
               (SELECT timezone('UTC', min("timestamp")) FROM events WHERE processing_status = 'pending'),
               (SELECT min(due_at) FROM event_deliveries WHERE status = 'pending' AND due_at <= app_now())
           )), 0)) AS seconds
""",
    Lag,
    not_null="pending waiting failed seconds",
)


async def hand_out(tx: Transaction, subscribers: Sequence[Subscriber], *, batch: int) -> int:
    """Make the deliveries of up to `batch` new events: how many events that were."""
    pairs = wishes(subscribers)
    return await tx.run(
        HAND_OUT,
        batch=batch,
        types=[event_type for event_type, _ in pairs],
        subscribers=[subscriber for _, subscriber in pairs],
    )


async def claim(tx: Transaction, subscribers: Sequence[str], *, batch: int, lease: float) -> list[Delivery]:
    """Take up to `batch` that are due, the longest waiting first; counted before anything runs."""
    await tx.run(WITHOUT_WAITING_FOR_THE_DISK)
    return await tx.many(CLAIM, subscribers=list(subscribers), batch=batch, lease=lease)


async def rescue(tx: Transaction, subscribers: Sequence[str], *, max_attempts: int) -> list[RescuedDelivery]:
    """Hand back what dead dispatchers held; what has killed `max_attempts` of them is given up."""
    found = await tx.many(RESCUE, subscribers=list(subscribers), max_attempts=max_attempts)
    for delivery in found:
        if delivery.status is ProcessingStatus.FAILED:
            await summarise(tx, delivery)
    return found


async def hold(tx: Transaction, delivery: Delivery) -> bool:
    """Whether it is still ours; for the rest of the transaction it stays so."""
    held = await tx.one(
        HOLD, event_id=delivery.event_id, subscriber=delivery.subscriber, attempt=delivery.attempt
    )
    return held is not None


async def find_event(tx: Transaction, delivery: Delivery) -> RecordedEvent | None:
    return await tx.one(FIND, **delivery.key)


async def settle(
    tx: Transaction,
    delivery: Delivery,
    status: ProcessingStatus,
    *,
    error: str | None = None,
    delay: float = 0.0,
) -> bool:
    """Write down how an attempt ended, and with it the event's status. False: it was not ours any more."""
    settled = await tx.run(
        SETTLE,
        event_id=delivery.event_id,
        subscriber=delivery.subscriber,
        attempt=delivery.attempt,
        status=status,
        error=error,
        delay=delay,
    )
    if settled:
        await summarise(tx, delivery)
    return settled > 0


async def summarise(tx: Transaction, delivery: Delivery) -> None:
    """The event's own status is that of all its deliveries.

    The lock comes first, so that of two deliveries that end together the later one sees both.
    """
    await tx.run(LOCK_EVENT, **delivery.key)
    await tx.run(SUMMARISE, **delivery.key)


async def find_lag(tx: Transaction) -> Lag:
    """Over all tenants: for the system's claim."""
    return await tx.only(LAG, most=MOST_COUNTED)


async def check_lag(tx: Transaction) -> Lag:
    """For the schedule: warns in the log when delivery is behind, or something was given up."""
    lag = await find_lag(tx)
    if lag.is_behind:
        log.warning(
            "events are %.0f s behind: %d to be handed out, %d deliveries due. Does a worker run?",
            lag.seconds,
            lag.pending,
            lag.waiting,
        )
    if lag.failed:
        log.warning("%d event deliveries were given up; see `tastemaker events failed`", lag.failed)
    return lag
