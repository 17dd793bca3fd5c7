"""Handing a delivery to QStash: the channel, and the one call.

The deduplication id is the outbox's key, so a second try after a lost answer is the same message to QStash
for ten minutes; after that it is a second delivery, which the ledger makes harmless.
"""

import re
from typing import Any, Final

import httpx
import orjson
from sqlalchemy import text

from tastemaker.db.enums import OutboxStatus
from tastemaker.db.transaction import Transaction
from tastemaker.jobs.transports.qstash import Callback, QStash
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

RETRIES: Final = 3
"""QStash's own, at 12 s, 2 min 28 s and 30 min; what is still undelivered then comes back as a failure."""

_DISALLOWED: Final = re.compile(r"[^A-Za-z0-9_.-]")
_FOR_GOOD: Final = {400, 404, 405, 413, 422}

NOTE_MESSAGE_ID = text("""
    UPDATE scraping_jobs search SET qstash_message_id = message.external_id
    FROM outbox_messages message JOIN background_jobs job ON job.id = CAST(message.body ->> 'job_id' AS uuid)
    WHERE message.id = :id AND job.job_type = 'continue_run' AND search.user_id = job.tenant_id
      AND search.id::text = job.correlation_id AND search.status IN ('pending', 'processing')
""")


async def _note_message_id(session: Transaction, message: OutgoingMessage, status: OutboxStatus) -> None:
    """A search names the last message that carries it."""
    if status is OutboxStatus.SENT:
        await session.execute(NOTE_MESSAGE_ID, {"id": message.id})


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
