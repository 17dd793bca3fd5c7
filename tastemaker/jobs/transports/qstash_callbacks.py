"""What QStash calls us with: a job to run, or the news that one could not be delivered.

A delivery is believed for its signature, kept from being played twice by its token's id, and does something
only if its job still waits at the attempt that it names. What it does is the worker's `run_job`: the same
claim, lease, fence and end. Failures of the job are the ledger's and retried by it; QStash's own retries are
for calls that did not reach us or did not return.
"""

import asyncio
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import orjson
import psycopg

from tastemaker.core.ids import JobId
from tastemaker.core.logging import get_logger
from tastemaker.core.text import storable
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import JobStatus
from tastemaker.db.pool import Database
from tastemaker.db.transaction import Transaction, in_transaction
from tastemaker.inbox import queries as inbox_queries
from tastemaker.inbox import service as inbox
from tastemaker.inbox.queries import InboxId
from tastemaker.inbox.service import InboxSource, declare
from tastemaker.jobs.execution import run_job
from tastemaker.jobs.registry import registered_types
from tastemaker.jobs.retries import give_up
from tastemaker.jobs.transports import qstash_queries
from tastemaker.jobs.transports.qstash import Callback, QStash, callback_of, verify
from tastemaker.jobs.types import ClaimedJob
from tastemaker.jobs.worker_state import WorkerState

NOT_NOW_SECONDS: Final = 2.0
DELIVER_AGAIN_SECONDS: Final = 15.0
SIGNATURE: Final = "upstash-signature"
FOR_GOOD: Final = {"Upstash-NonRetryable-Error": "true"}

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CallbackResponse:
    """A status of 2xx ends QStash's part, 489 too but as a failure; with any other it calls again."""

    status: int
    said: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobDelivery:
    job_id: JobId
    attempt: int


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The receiving end in one process. `state` holds its handlers, and the jobs that it has in its hands.

    `arriving` are the calls that are about to take a job: each has its place already.
    """

    database: Database
    qstash: QStash
    state: WorkerState
    arriving: set[str] = field(default_factory=set)

    async def take(self, callback: Callback, headers: Mapping[str, str], raw: bytes) -> CallbackResponse:
        """Raises NotSigned, and what the database raises."""
        url = self.qstash.url_of(callback)
        token_id = verify(headers.get(SIGNATURE), url=url, body=raw, keys=self.qstash.keys)
        if callback is Callback.FAILURES:
            return await self._note_failure(token_id, headers, raw)
        delivery = _delivery(raw)
        if delivery is None:
            return _never("This is no delivery of ours.")
        if self.state.stopping.is_set() or self.state.free <= len(self.arriving):
            return _later("No place is free.", seconds=5)
        self.arriving.add(token_id)
        try:
            claimed = await self._claim(callback, delivery, token_id, headers, raw)
            if isinstance(claimed, CallbackResponse):
                return claimed
            running = self.state.start(
                claimed, run_job(self.database, claimed, self.state), name=f"job {claimed.id}"
            )
        finally:
            self.arriving.discard(token_id)
        return await self._end_of(claimed, running)

    async def _claim(
        self, callback: Callback, delivery: JobDelivery, token_id: str, headers: Mapping[str, str], raw: bytes
    ) -> ClaimedJob | CallbackResponse:
        """The token is used up in the transaction that takes the job, so neither is without the other."""

        async def work(tx: Transaction) -> ClaimedJob | CallbackResponse:
            is_new = await inbox.receive(
                tx, source=DELIVERIES, message_id=token_id, headers=headers, raw=raw, verified=True
            )
            if not is_new:
                return CallbackResponse(409, "This call was made before.")
            claimed = await qstash_queries.claim_one(
                tx,
                delivery.job_id,
                delivery.attempt,
                worker=self.state.claim_as,
                job_types=[name for name in self.state.handlers if callback_of(name) is callback],
                lease=self.state.settings.lease,
            )
            return claimed or await _why_not(tx, callback, delivery)

        try:
            return await in_transaction(self.database, SYSTEM, work)
        except psycopg.IntegrityError:
            return _later("Another job of its key began in this instant.", seconds=1)

    async def _end_of(self, job: ClaimedJob, task: asyncio.Task[None]) -> CallbackResponse:
        """A job that was given up is an end too, of which QStash is told that it is one."""
        await asyncio.wait({task})
        if task.cancelled():
            return CallbackResponse(200, "It was taken over or cancelled.")
        if (error := task.exception()) is not None:
            log.warning("job %s could not be settled: %s", job.id, type(error).__name__)
            return _later("Its end could not be written; its lease will run out.", seconds=30)
        found = await in_transaction(
            self.database, SYSTEM, lambda tx: qstash_queries.find_unclaimed(tx, job.id)
        )
        if found is not None and found.status is JobStatus.FAILED:
            return _never("The job was given up; it is among the failed ones.")
        return CallbackResponse(200, "Done.")

    async def _note_failure(self, token_id: str, headers: Mapping[str, str], raw: bytes) -> CallbackResponse:
        """Known by message and retry, for QStash may tell of each more than once and in any order."""
        try:
            told = _failure(raw)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return _never("This is no failure that QStash tells of.")

        async def work(tx: Transaction) -> bool:
            return await inbox.receive(
                tx,
                source=FAILURES,
                message_id=f"{told['sourceMessageId']}:{told.get('retried', token_id)}",
                headers=headers,
                raw=raw,
                verified=True,
            )

        is_new = await in_transaction(self.database, SYSTEM, work)
        return CallbackResponse(200, "Noted." if is_new else "Known already.")


async def _why_not(tx: Transaction, callback: Callback, delivery: JobDelivery) -> CallbackResponse:
    found = await qstash_queries.find_unclaimed(tx, delivery.job_id)
    if found is None:
        return CallbackResponse(200, "There is no such job any more.")
    if callback_of(found.job_type) is not callback:
        return _never("The job belongs to another path.")
    if found.status is not JobStatus.PENDING or found.attempt != delivery.attempt:
        return CallbackResponse(200, "It was taken already.")
    if found.is_early:
        return CallbackResponse(425, "It is not due yet.", {"Retry-After": "5"})
    if found.is_held:
        await qstash_queries.postpone(tx, delivery.job_id, delivery.attempt, delay=NOT_NOW_SECONDS)
        return CallbackResponse(200, "Another job of its key runs; it comes again.")
    return _later("This process does not run such jobs.", seconds=15)


async def _use_up(tx: Transaction, message: InboxId) -> None:
    """A delivery's effect is written with it: nothing is left to process."""
    await inbox_queries.mark_processed(tx, message, tenant_id=None)


async def _take_failure(tx: Transaction, message: InboxId) -> None:
    """In the transaction that keeps the news: the job goes again, or has failed if it was the last retry."""
    found = await inbox.get_message(tx, message)
    told = _failure(found.raw)
    source = b64decode(told.get("sourceBody") or "", validate=True)
    delivery = _delivery(source)
    if delivery is not None:
        error = storable(f"QStash gave up after {told.get('retried', '?')} retries: {told.get('status')}.")[
            :500
        ]
        failed = await qstash_queries.fail_delivery(
            tx, delivery.job_id, delivery.attempt, error=error, delay=DELIVER_AGAIN_SECONDS
        )
        if failed is not None and failed.status is JobStatus.FAILED:
            await give_up(tx, registered_types(), failed, error)
    await inbox_queries.mark_processed(tx, message, tenant_id=None)


DELIVERIES: Final = declare(
    InboxSource(name="qstash", meaning="Jobs that QStash calls us with.", announce=_use_up)
)
FAILURES: Final = declare(
    InboxSource(name="qstash_failures", meaning="Jobs that QStash could not deliver.", announce=_take_failure)
)


def _delivery(raw: bytes) -> JobDelivery | None:
    """None for a body that we never wrote."""
    try:
        body = orjson.loads(raw)
        job_id, attempt = UUID(body["job_id"]), body["attempt"]
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    if type(attempt) is not int or not 0 <= attempt < 2**31:
        return None
    return JobDelivery(JobId(job_id), attempt)


def _failure(raw: bytes) -> dict[str, Any]:
    """Raises ValueError, KeyError, TypeError for what is none."""
    told = orjson.loads(raw)
    if not isinstance(told, dict) or not isinstance(told["sourceMessageId"], str):
        raise TypeError("not an object that names a message")
    return told


def _never(said: str) -> CallbackResponse:
    return CallbackResponse(489, said, FOR_GOOD)


def _later(said: str, *, seconds: int) -> CallbackResponse:
    return CallbackResponse(503, said, {"Retry-After": str(seconds)})
