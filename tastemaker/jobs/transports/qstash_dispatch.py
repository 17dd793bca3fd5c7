"""What stands behind the callbacks: announcing what waits, keeping leases, driving anew what got lost.

The ledger stays the truth. A waiting job that no message was written for gets one, whoever published it, in
whichever process; so nothing hangs on a publisher that died between its commit and its call.
"""

import asyncio
from typing import Final

from tastemaker.config_store.keys import (
    INSTAGRAM_CONTINUATION_DELAY,
    TIKTOK_CONTINUATION_DELAY,
    YOUTUBE_CONTINUATION_DELAY,
)
from tastemaker.core.clock import monotonic
from tastemaker.core.logging import get_logger
from tastemaker.core.platforms import Platform
from tastemaker.core.waiting import call_off, first_of
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import DATABASE_TROUBLE, Database, in_transaction
from tastemaker.jobs.heartbeat import presence
from tastemaker.jobs.maintenance import tend
from tastemaker.jobs.transports import ledger_queries as ledger
from tastemaker.jobs.transports.qstash import callback_of
from tastemaker.jobs.transports.qstash_callbacks import Deliveries
from tastemaker.jobs.worker import finish, keep_leases
from tastemaker.jobs.worker_state import WorkerState

PAUSES: Final = {
    Platform.TIKTOK: TIKTOK_CONTINUATION_DELAY,
    Platform.INSTAGRAM: INSTAGRAM_CONTINUATION_DELAY,
    Platform.YOUTUBE: YOUTUBE_CONTINUATION_DELAY,
}

LEAST_WINDOW: Final = 50
MESSAGES_FOR_A_PLACE: Final = 4
"""How many jobs are out at QStash for each that can run here: enough that none of the places stays empty."""

LOST_AFTER_SECONDS: Final = 30.0
"""QStash retries after 12 s, then after 148: what nobody has begun by then is not waited for that long."""

LOOK_FOR_LOST_SECONDS: Final = 5.0

log = get_logger(__name__)


async def run_line(
    deliveries: Deliveries, *, stopping: asyncio.Event, lost_after: float = LOST_AFTER_SECONDS
) -> None:
    """Until `stopping` is set; then the jobs in hand reach a good place, or are handed back.

    What it puts out is sent by a relay that has QStash's sender, in this process or another.
    """
    database, state = deliveries.database, deliveries.state
    async with presence(database.url, state.name, wake=state.wake, shown=state.shown):
        heart = asyncio.create_task(keep_leases(database, state))
        try:
            await _announce_forever(database, state, stopping, lost_after)
            await finish(database, state)
            await state.completing.close()
        finally:
            await call_off(heart)


async def _announce_forever(
    database: Database, state: WorkerState, stopping: asyncio.Event, lost_after: float
) -> None:
    looks_next = 0.0
    while not stopping.is_set():
        state.wake.clear()
        try:
            await tend(database, state)
            if monotonic() >= looks_next:
                looks_next = monotonic() + min(LOOK_FOR_LOST_SECONDS, lost_after)
                await _redrive(database, state, lost_after)
            await _announce(database, state)
        except DATABASE_TROUBLE as error:
            log.warning("the queue cannot be read, trying again: %s", type(error).__name__)
        await first_of(state.wake, stopping, within=state.settings.poll)


async def _announce(database: Database, state: WorkerState) -> None:
    callbacks = {name: callback_of(name).value for name in state.handlers}
    window = _window(state)
    pauses = {platform.value: state.config[key].total_seconds() for platform, key in PAUSES.items()}
    await in_transaction(
        database,
        SYSTEM,
        lambda session: ledger.announce(session, callbacks, window=window, pauses=pauses),
    )


def _window(state: WorkerState) -> int:
    return max(LEAST_WINDOW, MESSAGES_FOR_A_PLACE * state.places)


async def _redrive(database: Database, state: WorkerState, after: float) -> None:
    lost = await in_transaction(
        database,
        SYSTEM,
        lambda session: ledger.redrive(session, list(state.handlers), after=after, window=_window(state)),
    )
    if lost:
        log.warning("%d jobs are not begun though they are due, announcing them again", lost)
