"""`/system/jobs` and `/system/mail`: what waits, runs and failed in the background, and trying it again."""

from typing import Annotated, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Path
from fastapi.responses import Response

import tastemaker.mail.service  # noqa: F401 - registers the channel of e-mails, whose rules `retry` reads
from tastemaker.admin.access import Administrator, Typed, Word, as_system
from tastemaker.core.display import counted
from tastemaker.core.errors import Conflict, NotFound
from tastemaker.db.enums import JobStatus, OutboxStatus
from tastemaker.db.transaction import Transaction
from tastemaker.jobs.queries import StoredJob, cancel_job, list_jobs, list_jobs_by_prefix, retry_failed
from tastemaker.outbox import queries as outbox_queries
from tastemaker.outbox import service as outbox
from tastemaker.outbox.channels import OutboxId
from tastemaker.outbox.queries import StoredMessage
from tastemaker.web.pages import page, redirect

JOBS: Final = "/system/jobs"
MAIL: Final = "/system/mail"
MOST_ROWS: Final = 100

JOB_STATES: Final = {
    JobStatus.FAILED: "Failed",
    JobStatus.PROCESSING: "Running",
    JobStatus.PENDING: "Waiting",
    JobStatus.COMPLETED: "Done",
    JobStatus.CANCELLED: "Cancelled",
}
MAIL_STATES: Final = {
    OutboxStatus.FAILED: "Failed",
    OutboxStatus.UNKNOWN: "May have arrived",
    OutboxStatus.PENDING: "Waiting",
    OutboxStatus.SENDING: "Being sent",
    OutboxStatus.SENT: "Sent",
    OutboxStatus.CANCELLED: "Cancelled",
}

MessageId = Annotated[int, Path(ge=1, le=2**63 - 1)]

router = APIRouter(include_in_schema=False)


@router.get("/system")
async def system(_visit: Administrator) -> Response:
    return redirect(JOBS)


@router.get(JOBS)
async def show_jobs(visit: Administrator, status: Word = "", type: Word = "") -> Response:  # noqa: A002 - the URL's word
    chosen = next((one for one in JobStatus if one == status), None)

    async def work(tx: Transaction) -> list[StoredJob]:
        return await list_jobs(tx, status=chosen, job_type=type or None, limit=MOST_ROWS)

    return page(
        visit.request,
        "admin/jobs.html",
        jobs=await as_system(visit, work),
        states=JOB_STATES,
        chosen=chosen,
        type=type,
        most=MOST_ROWS,
    )


@router.get(f"{JOBS}/{{job_id}}")
async def show_job(visit: Administrator, job_id: UUID) -> Response:
    job = await as_system(visit, lambda tx: _find(tx, job_id))
    payload, result = (_written(dict(part)) if part else None for part in (job.payload, job.result))
    return page(
        visit.request, "admin/job.html", job=job, state=JOB_STATES[job.status], payload=payload, result=result
    )


@router.post(f"{JOBS}/retries")
async def retry_type(visit: Administrator, type: Typed) -> Response:  # noqa: A002 - the form's word
    """Every failed job of the type."""
    count = await as_system(visit, lambda tx: retry_failed(tx, job_id=None, job_type=type))
    return redirect(JOBS, said=f"{counted(count, 'job')} back in the queue.")


@router.post(f"{JOBS}/{{job_id}}/retries")
async def retry_job(visit: Administrator, job_id: UUID) -> Response:
    async def work(tx: Transaction) -> int:
        job = await _find(tx, job_id)
        if job.status is not JobStatus.FAILED:
            raise Conflict(f"This job is {job.status}; only a failed one can be retried.")
        return await retry_failed(tx, job_id=job.id, job_type=None)

    again = await as_system(visit, work)
    said = "The job is back in the queue." if again else "Another job for the same work waits already."
    return redirect(f"{JOBS}/{job_id}", said=said)


@router.post(f"{JOBS}/{{job_id}}/cancellation")
async def cancel(visit: Administrator, job_id: UUID) -> Response:
    async def work(tx: Transaction) -> None:
        job = await _find(tx, job_id)
        if not await cancel_job(tx, job.id):
            raise Conflict(f"This job has ended: it is {job.status}.")

    await as_system(visit, work)
    said = "The job is cancelled. If it is running, its worker stops it within seconds."
    return redirect(f"{JOBS}/{job_id}", said=said)


@router.get(MAIL)
async def show_mail(visit: Administrator, status: Word = "") -> Response:
    chosen = next((one for one in OutboxStatus if one == status), None)

    async def work(tx: Transaction) -> list[StoredMessage]:
        return await outbox_queries.list_messages(tx, status=chosen, channel=None, limit=MOST_ROWS)

    return page(
        visit.request,
        "admin/mail.html",
        messages=await as_system(visit, work),
        states=MAIL_STATES,
        chosen=chosen,
        most=MOST_ROWS,
    )


@router.post(f"{MAIL}/{{message}}/retries")
async def retry_message(visit: Administrator, message: MessageId, may_double: Typed = "") -> Response:
    """`may_double`: also if it may have arrived."""
    await as_system(visit, lambda tx: outbox.retry(tx, OutboxId(message), may_double=bool(may_double)))
    return redirect(MAIL, said=f"Message {message} will be sent again.")


@router.post(f"{MAIL}/{{message}}/resolution")
async def resolve_message(visit: Administrator, message: MessageId, arrived: Typed = "") -> Response:
    was_sent = arrived == "yes"
    await as_system(visit, lambda tx: outbox.resolve(tx, OutboxId(message), was_sent=was_sent))
    return redirect(MAIL, said=f"Message {message} counts as {'sent' if was_sent else 'failed'}.")


async def _find(tx: Transaction, job_id: UUID) -> StoredJob:
    """Raises NotFound."""
    found = await list_jobs_by_prefix(tx, str(job_id))
    if not found:
        raise NotFound("There is no such job.")
    return found[0]


def _written(document: object) -> str:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str).decode()
