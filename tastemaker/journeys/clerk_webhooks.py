"""`/webhooks/clerk`: signed messages about Clerk's users, kept first, answered, processed later in any order.

A payload carries the whole user and the time of its last change: one that is older than what was applied
changes nothing, and after a deletion nothing comes back. Signatures are those of Standard Webhooks.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any, ClassVar, Final

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel

from tastemaker.accounts import clerk_queries as queries
from tastemaker.accounts.clerk import LONGEST_SUBJECT, ensure_user
from tastemaker.accounts.queries import find_current_user
from tastemaker.accounts.service import LONGEST_NAME
from tastemaker.core.clock import utc_now
from tastemaker.core.errors import AppError, InvalidInput
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.settings import Settings, get_settings
from tastemaker.core.text import clean_line
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import Transaction, transaction
from tastemaker.events.names import Source
from tastemaker.inbox import service as inbox
from tastemaker.inbox.queries import InboxId, InboxMessage
from tastemaker.inbox.service import InboxSource
from tastemaker.jobs.registry import handles
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import Done, JobContext, JobResult, JobType
from tastemaker.journeys.account_deletion import delete_user
from tastemaker.web.services import services_of

PATH: Final = "/webhooks/clerk"
TOLERANCE: Final = timedelta(minutes=5)
PREFIX: Final = "whsec_"
SHORTEST_KEY: Final = 16
KNOWN: Final = ("user.created", "user.updated", "user.deleted")
"""The types that change something; all others are kept and have no effect."""

router = APIRouter(tags=["clerk"], include_in_schema=False)


class UnsignedMessage(AppError):
    """The message was not signed by Clerk with our secret, or not now."""

    status: ClassVar[int] = 400


class ProcessClerkMessage(BaseModel):
    """A message of the inbox. Harmless when it comes twice."""

    message: int


PROCESS_CLERK_WEBHOOK: Final = JobType(
    name="process_clerk_webhook", payload=ProcessClerkMessage, priority=50, max_retries=7, records_end=False
)


async def _announce(tx: Transaction, message: InboxId) -> None:
    key = f"clerk_webhook:{message}"
    await publish(tx, PROCESS_CLERK_WEBHOOK, ProcessClerkMessage(message=message), dedupe_key=key)


CLERK: Final = inbox.declare(InboxSource(name="clerk", meaning="Webhooks of Clerk.", announce=_announce))


@router.post(PATH)
async def receive(request: Request) -> Response:
    """204 once the message is kept, however often it comes."""
    body = await request.body()
    message_id = verify(get_settings(), request.headers, body)
    async with transaction(services_of(request).database, SYSTEM) as tx:
        await inbox.receive(
            tx, source=CLERK, message_id=message_id, headers=request.headers, raw=body, verified=True
        )
    return Response(status_code=204)


def verify(settings: Settings, headers: Mapping[str, str], body: bytes) -> str:
    """The id of the message. Raises UnsignedMessage."""
    message_id, sent_at, signatures = (
        headers.get(f"svix-{name}") or headers.get(f"webhook-{name}") or ""
        for name in ("id", "timestamp", "signature")
    )
    if not sent_at.isascii() or not sent_at.isdecimal() or len(sent_at) > 12:  # noqa: PLR2004 - seconds since 1970
        raise UnsignedMessage("The message is not signed.")
    if abs(utc_now().timestamp() - int(sent_at)) > TOLERANCE.total_seconds():
        raise UnsignedMessage("The message is too old, or from the future.")
    signed = f"{message_id}.{sent_at}.".encode() + body
    given = [one.removeprefix("v1,") for one in signatures.split(" ") if one.startswith("v1,")]
    wanted = [base64.b64encode(hmac.new(key, signed, sha256).digest()) for key in _keys(settings)]
    if not any(hmac.compare_digest(one, other.encode()) for one in wanted for other in given):
        raise UnsignedMessage("The signature is not valid.")
    return message_id


@handles(PROCESS_CLERK_WEBHOOK)
async def process(context: JobContext, job: ProcessClerkMessage) -> JobResult:
    return Done({"applied": await inbox.process(context.database, InboxId(job.message), apply)})


async def apply(tx: Transaction, message: InboxMessage) -> ExternalUserId | None:
    """Writes what the message says. Raises InvalidInput for what is no message of Clerk."""
    event = _document(message.raw)
    kind, data = event.get("type"), event.get("data")
    if kind not in KNOWN or not isinstance(data, dict):
        return None
    subject = data.get("id")
    if not isinstance(subject, str) or not 1 <= len(subject) <= LONGEST_SUBJECT or "\0" in subject:
        raise InvalidInput("The message of Clerk names no user.")
    if kind == "user.deleted":
        return await _delete(tx, subject)
    version = data.get("updated_at") or event.get("timestamp") or 0
    email, full_name = _address(data), _name(data)
    known = await ensure_user(tx, subject, email=email, full_name=full_name)
    if known.is_deleted or known.tenant_id is None or not isinstance(version, int):
        return known.tenant_id
    if version > known.version:
        await tx.run(queries.SET_VERSION, subject=subject, version=version)
        await tx.run(queries.SET_IDENTITY, user_id=known.tenant_id, email=email, full_name=full_name)
    return known.tenant_id


async def _delete(tx: Transaction, subject: str) -> ExternalUserId | None:
    """Leaves a tombstone, also where nobody was known: the creation may come later."""
    await tx.run(queries.ADD_SUBJECT, subject=subject)
    known = await tx.only(queries.LOCK_SUBJECT, subject=subject)
    await tx.run(queries.BURY_SUBJECT, subject=subject)
    tenant = known.tenant_id or ExternalUserId(subject)
    if known.is_deleted or await find_current_user(tx, tenant) is None:
        return None
    await delete_user(tx, tenant, source=Source.CLERK_WEBHOOK)
    return tenant


def _keys(settings: Settings) -> list[bytes]:
    """Two with a comma during a rotation. Raises UnsignedMessage where none is set."""
    if settings.clerk_webhook_secret is None:
        raise UnsignedMessage("Webhooks of Clerk are not taken here.")
    secrets = settings.clerk_webhook_secret.get_secret_value().split(",")
    try:
        keys = [base64.b64decode(one.strip().removeprefix(PREFIX), validate=True) for one in secrets]
    except (binascii.Error, ValueError):
        keys = []
    if not keys or any(len(key) < SHORTEST_KEY for key in keys):
        raise UnsignedMessage("Webhooks of Clerk are not taken here.")  # anybody could sign with an empty key
    return keys


def _document(raw: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(raw)
    except ValueError:
        raise InvalidInput("The message of Clerk is no JSON.") from None
    if not isinstance(found, dict):
        raise InvalidInput("The message of Clerk is no object.")
    return found


def _address(data: Mapping[str, Any]) -> str | None:
    """The primary address, else the first."""
    given = data.get("email_addresses")
    addresses = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    addresses.sort(key=lambda one: one.get("id") != data.get("primary_email_address_id"))
    found = addresses[0].get("email_address") if addresses else None
    return clean_line(found)[:254].lower() or None if isinstance(found, str) else None


def _name(data: Mapping[str, Any]) -> str | None:
    parts = [data.get("first_name"), data.get("last_name")]
    return clean_line(" ".join(one for one in parts if isinstance(one, str)))[:LONGEST_NAME] or None
