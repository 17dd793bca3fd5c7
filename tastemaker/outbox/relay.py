"""The relay: takes what is due, sends it with no transaction open, writes down how it ended.

`sending` is committed before the attempt, so that a death in the middle leaves its trace: a message sent at
most once is then `unknown`, one sent at least once goes again. A relay that was frozen past an attempt's
deadline does not begin it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from tastemaker.core.backoff import backoff
from tastemaker.core.clock import monotonic
from tastemaker.core.logging import get_logger
from tastemaker.core.waiting import call_off
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import OutboxStatus
from tastemaker.db.pool import Database
from tastemaker.db.transaction import DATABASE_TROUBLE, Transaction, in_transaction, is_victim
from tastemaker.db.work_loop import WorkLoop
from tastemaker.outbox import queries
from tastemaker.outbox.channels import (
    Channel,
    Guarantee,
    MaybeSent,
    NotSent,
    Outcome,
    OutgoingMessage,
    Refused,
    Sender,
    Sent,
)

FIRST_DELAY = 2.0
LONGEST_DELAY = 900.0
LONGEST_REASON = 500
CHANNEL = "outbox_messages"

log = get_logger(__name__)

Senders = Mapping[Channel, Sender]


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """Seconds. A relay is taken for dead `grace` after an attempt's deadline."""

    poll: float = 1.0
    grace: float = 30.0
    stop_within: float = 8.0
    settle_within: float = 60.0


@dataclass(slots=True)
class _Sending:
    """A message in our hands. `outcome` is what is known of it so far."""

    channel: Channel
    message: OutgoingMessage
    claimed_at: float
    outcome: Outcome


@dataclass(slots=True, kw_only=True)
class _State(WorkLoop[_Sending]):
    settings: RelaySettings

    def free(self, channel: Channel) -> int:
        return channel.concurrency - sum(taken.channel is channel for taken in self.running.values())


async def run_relay(
    database: Database, senders: Senders, *, stopping: asyncio.Event, settings: RelaySettings | None = None
) -> None:
    """Send until `stopping` is set; then wait for what is being sent, at most `stop_within`."""
    state = _State(settings=settings or RelaySettings(), stopping=stopping)
    async with database.listener.subscribe(CHANNEL, state.wake.set):
        try:
            look = partial(_look_for_messages, database, senders, state)
            await state.run(look, poll=state.settings.poll)
            await state.stop(
                lambda held: _settle_once(database, held.channel, held.message, held.outcome),
                within=state.settings.stop_within,
            )
        finally:
            await call_off(*state.running)


async def _look_for_messages(database: Database, senders: Senders, state: _State) -> None:
    for channel, sender in senders.items():
        while (free := state.free(channel)) > 0 and not state.stopping.is_set():
            claimed_at = monotonic()
            messages = await _claim(database, channel, state, batch=free)
            for message in messages:
                held = _Sending(channel, message, claimed_at, NotSent("The relay was stopped before."))
                state.start(held, _send(database, sender, held, state.settings), name=f"message {message.id}")
            if len(messages) < free:
                break


async def _claim(database: Database, channel: Channel, state: _State, *, batch: int) -> list[OutgoingMessage]:
    async def work(tx: Transaction) -> list[OutgoingMessage]:
        for lost in await queries.rescue(tx, channel):
            log.warning("message %s was left by a dead relay, now %s", lost.id, lost.status)
            await _tell(tx, channel, lost, lost.status)
        lease = channel.deadline + state.settings.grace
        return await queries.claim(tx, channel, batch=batch, lease=lease)

    return await in_transaction(database, SYSTEM, work)


async def _send(database: Database, sender: Sender, held: _Sending, settings: RelaySettings) -> None:
    left = held.claimed_at + held.channel.deadline - monotonic()
    if left <= 0:
        held.outcome = NotSent("The relay was held up before it could begin.")
    else:
        held.outcome = MaybeSent("The relay was stopped while it was sending this.")
        held.outcome = await _attempt(sender, held.message, left)
    await _settle(database, held, within=settings.settle_within)


async def _attempt(sender: Sender, message: OutgoingMessage, seconds: float) -> Outcome:
    try:
        async with asyncio.timeout(seconds):
            return await sender(message)
    except TimeoutError:
        return MaybeSent("No answer came in time.")
    except Exception as error:
        log.exception("message %s (%s) broke its sender", message.id, message.channel)
        return MaybeSent(f"The sender failed: {type(error).__name__}.")


async def _settle(database: Database, held: _Sending, *, within: float) -> None:
    """Write down how it ended, however long the database is away, up to `within`."""
    until = monotonic() + within
    while True:
        try:
            await _settle_once(database, held.channel, held.message, held.outcome)
        except DATABASE_TROUBLE as error:
            if monotonic() > until:
                raise
            log.warning("message %s cannot be settled yet: %s", held.message.id, type(error).__name__)
            await asyncio.sleep(min(1.0, within / 10))
        else:
            return


async def _settle_once(
    database: Database, channel: Channel, message: OutgoingMessage, outcome: Outcome
) -> None:
    status = ending(channel, outcome, attempt=message.attempt)

    async def work(tx: Transaction) -> None:
        ours = await queries.settle(
            tx,
            message,
            status,
            error=None if isinstance(outcome, Sent) else outcome.reason[:LONGEST_REASON],
            external_id=outcome.external_id if isinstance(outcome, Sent) else None,
            delay=_delay(outcome, message.attempt) if status is OutboxStatus.PENDING else 0.0,
        )
        if ours:
            await _tell(tx, channel, message, status)
        else:
            log.warning("message %s was not ours any more when it ended as %s", message.id, status)

    await in_transaction(database, SYSTEM, work)


def ending(channel: Channel, outcome: Outcome, *, attempt: int) -> OutboxStatus:
    """What a message becomes after an attempt."""
    match outcome:
        case Sent():
            return OutboxStatus.SENT
        case Refused():
            return OutboxStatus.FAILED
        case MaybeSent() if channel.guarantee is Guarantee.AT_MOST_ONCE:
            return OutboxStatus.UNKNOWN
        case _:
            return OutboxStatus.FAILED if attempt >= channel.max_attempts else OutboxStatus.PENDING


def _delay(outcome: Outcome, attempt: int) -> float:
    """Never sooner than the receiver said."""
    own = backoff(attempt - 1, first=FIRST_DELAY, longest=LONGEST_DELAY)
    named = outcome.retry_after if isinstance(outcome, NotSent) else None
    return max(own, min(named or 0.0, LONGEST_DELAY))


async def _tell(tx: Transaction, channel: Channel, message: OutgoingMessage, status: OutboxStatus) -> None:
    """Tell the channel of an end. That this breaks must not undo what is known of the message."""
    if channel.settled is None or status is OutboxStatus.PENDING:
        return
    try:
        async with tx.savepoint():
            await channel.settled(tx, message, status)
    except Exception as error:
        if is_victim(error):
            raise
        log.exception("nobody could be told that message %s is %s", message.id, status)
