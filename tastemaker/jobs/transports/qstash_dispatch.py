"""What goes to QStash: each waiting job is announced by an outbox message, and the relay hands it over.

The ledger stays the truth. A waiting job without a message gets one, in any process, so nothing depends on a
publisher that died between its commit and its call. The deduplication id is the outbox's key: a second try
after a lost response is the same message to QStash for ten minutes; after that it is a second delivery, which
the attempt number makes harmless.
"""

import re
from typing import Any, Final

import httpx
import orjson

from tastemaker.config_store.keys import (
    INSTAGRAM_CONTINUATION_DELAY,
    TIKTOK_CONTINUATION_DELAY,
    YOUTUBE_CONTINUATION_DELAY,
)
from tastemaker.core.clock import monotonic
from tastemaker.core.logging import get_logger
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import OutboxStatus
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction, in_transaction
from tastemaker.jobs.heartbeat import heartbeat
from tastemaker.jobs.maintenance import maintain
from tastemaker.jobs.transports import qstash_queries
from tastemaker.jobs.transports.qstash import Callback, QStash, callback_of
from tastemaker.jobs.transports.qstash_callbacks import Deliveries
from tastemaker.jobs.worker import stop_worker
from tastemaker.jobs.worker_state import WorkerState
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
    declare,
)

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

RETRIES: Final = 3
"""QStash's own, at 12 s, 2 min 28 s and 30 min; what is still undelivered then comes back as a failure."""

_DISALLOWED: Final = re.compile(r"[^A-Za-z0-9_.-]")
_FOR_GOOD: Final = {400, 404, 405, 413, 422}

NOTE_MESSAGE_ID = statement("""
    UPDATE scraping_jobs search SET qstash_message_id = message.external_id
    FROM outbox_messages message JOIN background_jobs job ON job.id = CAST(message.body ->> 'job_id' AS uuid)
    WHERE message.id = %(id)s AND job.job_type = 'continue_run' AND search.user_id = job.tenant_id
      AND search.id::text = job.correlation_id AND search.status IN ('pending', 'processing')
""")

NOTE_MESSAGE_ID_OF_JOB = statement("""
    UPDATE background_jobs job SET qstash_message_id = message.external_id
    FROM outbox_messages message
    WHERE message.id = %(id)s AND job.id = CAST(message.body ->> 'job_id' AS uuid)
""")


async def _note_message_id(tx: Transaction, message: OutgoingMessage, status: OutboxStatus) -> None:
    """A job and its search name the last message that carries it."""
    if status is OutboxStatus.SENT:
        await tx.run(NOTE_MESSAGE_ID_OF_JOB, id=message.id)
        await tx.run(NOTE_MESSAGE_ID, id=message.id)


QSTASH: Final = declare(
    Channel(
        name="qstash",
        guarantee=Guarantee.AT_LEAST_ONCE,
        meaning="Jobs to QStash, which calls us with them.",
        deadline=15.0,
        max_attempts=30,
        concurrency=8,
        settled=_note_message_id,
    )
)

log = get_logger(__name__)


async def run_qstash_dispatch(deliveries: Deliveries, *, lost_after: float = LOST_AFTER_SECONDS) -> None:
    """Until its worker is told to stop; then the running jobs reach a good place, or are handed back.

    What it announces is sent by a relay that has QStash's sender, in this process or another.
    """
    database, state = deliveries.database, deliveries.state
    looks_next = 0.0

    async def look() -> None:
        nonlocal looks_next
        await maintain(database, state)
        if monotonic() >= looks_next:
            looks_next = monotonic() + min(LOOK_FOR_LOST_SECONDS, lost_after)
            await _redrive(database, state, lost_after)
        await _announce(database, state)

    async with heartbeat(database, state):
        await state.run(look, poll=state.settings.poll)
        await stop_worker(database, state)


async def _announce(database: Database, state: WorkerState) -> None:
    callbacks = {name: callback_of(name).value for name in state.handlers}
    window = _window(state)
    pauses = {platform.value: state.config[key].total_seconds() for platform, key in PAUSES.items()}
    await in_transaction(
        database,
        SYSTEM,
        lambda tx: qstash_queries.announce(tx, callbacks, window=window, pauses=pauses),
    )


def _window(state: WorkerState) -> int:
    return max(LEAST_WINDOW, MESSAGES_FOR_A_PLACE * state.places)


async def _redrive(database: Database, state: WorkerState, after: float) -> None:
    lost = await in_transaction(
        database,
        SYSTEM,
        lambda tx: qstash_queries.redrive(tx, list(state.handlers), after=after, window=_window(state)),
    )
    if lost:
        log.warning("%d jobs are not begun though they are due, announcing them again", lost)


def qstash_sender(qstash: QStash, http: httpx.AsyncClient) -> Sender:
    async def send(message: OutgoingMessage) -> Outcome:
        callback = Callback(message.body["callback"])
        try:
            answer = await http.post(
                f"{qstash.base_url}/v2/publish/{qstash.url_of(callback)}",
                content=delivery_body(message.body),
                headers=_headers(qstash, message),
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return NotSent(f"QStash is out of reach: {type(error).__name__}.")
        except httpx.HTTPError as error:
            return MaybeSent(f"QStash did not answer: {type(error).__name__}.")
        return _outcome(answer)

    return send


def delivery_body(body: Any) -> bytes:  # noqa: ANN401 - a JSON object of ours
    """What is delivered: the id of a committed row, and the attempt that it is meant for."""
    return orjson.dumps({"job_id": body["job_id"], "attempt": body["attempt"]})


def _headers(qstash: QStash, message: OutgoingMessage) -> dict[str, str]:
    headers = {
        "Authorization": f"Bearer {qstash.token}",
        "Content-Type": "application/json",
        "Upstash-Method": "POST",
        "Upstash-Deduplication-Id": _DISALLOWED.sub("-", message.dedupe_key),
        "Upstash-Retries": str(RETRIES),
        "Upstash-Failure-Callback": qstash.url_of(Callback.FAILURES),
    }
    not_before = message.body.get("not_before")
    return headers if not_before is None else {**headers, "Upstash-Not-Before": str(not_before)}


def _outcome(answer: httpx.Response) -> Outcome:
    if answer.is_success:
        return Sent(_message_id(answer))
    reason = f"QStash answered {answer.status_code}."
    if answer.status_code in _FOR_GOOD:
        return Refused(reason)
    if answer.is_server_error:
        return MaybeSent(reason)
    return NotSent(reason, _retry_after(answer))


def _message_id(answer: httpx.Response) -> str | None:
    try:
        found = answer.json().get("messageId")
    except (ValueError, AttributeError):
        return None
    return found[:200] if isinstance(found, str) else None


def _retry_after(answer: httpx.Response) -> float | None:
    said = answer.headers.get("Retry-After", "")
    return float(said[:10]) if said.isdecimal() else None
