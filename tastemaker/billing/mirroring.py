"""Subscriptions as Stripe describes them, kept so that the order of its messages does not matter.

A message changes a row where it is newer than what described the row before. An older one leaves only the
fact that the subscription was active. Where two are of the same second the object is fetched, and what was
fetched is kept only where the row is as it was before the fetch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from tastemaker.billing import stripe_queries as queries
from tastemaker.billing.standing import settle
from tastemaker.billing.standing_queries import FIND_STANDING
from tastemaker.billing.stripe_client import Payments
from tastemaker.billing.stripe_objects import StripeEvent, subscription_row
from tastemaker.billing.stripe_queries import KnownVersion
from tastemaker.core.errors import AppError
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import Transaction, in_transaction, read_many, read_one
from tastemaker.events.names import Source

NEW = -1
"""The version of a subscription that is not known yet."""


class OvertakenByAnother(AppError):
    """Another message changed the subscription while this one was looked at: look again."""

    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True)
class Fetched:
    """What Stripe answered at a second of its clock, and the version that was known before it was asked."""

    document: Mapping[str, Any]
    expected: int
    at: int


async def fetch(database: Database, payments: Payments, subscription_id: str) -> Fetched:
    """Raises StripeUnavailable, Conflict where Stripe does not know it."""
    known = await read_one(database, SYSTEM, queries.FIND_VERSION, id=subscription_id)
    answered = await payments.retrieve_subscription(subscription_id)
    return Fetched(answered.documents[0], known.version if known else NEW, answered.at)


async def is_doubtful(database: Database, event: StripeEvent) -> bool:
    """Whether what is known of the subscription is of the same second, so that either may be the newer."""
    known = await read_one(database, SYSTEM, queries.FIND_VERSION, id=event.subscription_id)
    return known is not None and _is_of_same_time(known, event)


async def mirror_event(tx: Transaction, user_id: ExternalUserId, event: StripeEvent) -> None:
    """Keep what the event says, where it is newer. Raises OvertakenByAnother, InvalidInput."""
    row = subscription_row(event.object)
    known = await tx.one(queries.FIND_VERSION, id=row["id"])
    if known is not None and known.last_event == event.id:
        return
    if known is not None and _is_of_same_time(known, event):
        raise OvertakenByAnother("Another event of the same second came first.")
    if known is not None and event.created <= known.version:
        if row["was_active"]:
            await tx.run(queries.NOTE_ACTIVE, id=row["id"])
        return
    await _put(tx, user_id, row, known.version if known else NEW, event.created, event.id)


async def mirror_fetched(
    tx: Transaction, user_id: ExternalUserId, fetched: Fetched, event: StripeEvent | None = None
) -> None:
    """Keep what was fetched, on account of `event`. Raises OvertakenByAnother, InvalidInput."""
    row = subscription_row(fetched.document)
    version = max(fetched.expected, fetched.at, event.created if event else 0)
    if event is not None and event.object.get("status") == "active":
        row["was_active"] = True
    await _put(tx, user_id, row, fetched.expected, version, None)


async def refresh(
    database: Database,
    payments: Payments,
    user_id: ExternalUserId,
    customer_id: str,
    *,
    source: Source = Source.SYSTEM_AUTOMATION,
) -> bool:
    """Ask Stripe for all subscriptions of a customer; whether the user stands otherwise than before.

    Raises StripeUnavailable; OvertakenByAnother where webhooks changed them meanwhile.
    """
    versions = {
        one.id: one.version
        for one in await read_many(database, SYSTEM, queries.LIST_VERSIONS, customer_id=customer_id)
    }
    answered = await payments.list_subscriptions(customer_id)
    seen = [
        Fetched(document, versions.get(str(document.get("id")), NEW), answered.at)
        for document in answered.documents
    ]
    keeping = partial(_keep_all, user_id=user_id, seen=seen, source=source)
    return await in_transaction(database, SYSTEM, keeping)


async def _keep_all(
    tx: Transaction, *, user_id: ExternalUserId, seen: Sequence[Fetched], source: Source
) -> bool:
    before = await tx.one(FIND_STANDING, user_id=user_id)
    for one in seen:
        await mirror_fetched(tx, user_id, one)
    await settle(tx, user_id, source=source)
    return before != await tx.one(FIND_STANDING, user_id=user_id)


def _is_of_same_time(known: KnownVersion, event: StripeEvent) -> bool:
    """What was fetched was read in the second of the answer or in the one before."""
    if known.last_event is None:
        return known.version - 1 <= event.created <= known.version
    return known.version == event.created and known.last_event != event.id


async def _put(
    tx: Transaction,
    user_id: ExternalUserId,
    row: Mapping[str, Any],
    expected: int,
    version: int,
    event_id: str | None,
) -> None:
    put = await tx.run(
        queries.PUT_MIRRORED, **row, user_id=user_id, expected=expected, version=version, event=event_id
    )
    if not put:
        raise OvertakenByAnother("Another message changed the subscription in this moment.")
