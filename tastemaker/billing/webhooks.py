"""`/webhooks/stripe`: signed messages of Stripe, kept first, answered, processed later in any order."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response
from pydantic import BaseModel

from tastemaker.billing import stripe_queries as queries
from tastemaker.billing.mirroring import (
    Fetched,
    OvertakenByAnother,
    fetch,
    is_doubtful,
    mirror_event,
    mirror_fetched,
)
from tastemaker.billing.standing import settle
from tastemaker.billing.stripe_client import Payments, StripeUnavailable
from tastemaker.billing.stripe_objects import (
    StripeEvent,
    card_row,
    fingerprint_of,
    read_event,
    subscription_row,
    text,
)
from tastemaker.billing.trials import NO_DIGESTS, TrialDigests, claim_trial, digests_of
from tastemaker.core.clock import utc_now
from tastemaker.core.errors import AppError, Conflict
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import Transaction, read_one, transaction
from tastemaker.events.names import Source
from tastemaker.events.payloads import BillingWebhookReceived, PaymentFailed, PaymentSucceeded
from tastemaker.events.service import record
from tastemaker.inbox import service as inbox
from tastemaker.inbox.queries import FIND, InboxId, InboxMessage
from tastemaker.inbox.service import InboxSource
from tastemaker.jobs.registry import handles
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import Again, Done, JobContext, JobResult, JobType
from tastemaker.web.services import services_of

PATH: Final = "/webhooks/stripe"
TOLERANCE: Final = timedelta(minutes=5)
SUBSCRIPTION: Final = "customer.subscription."
CARDS: Final = ("setup_intent.succeeded", "payment_method.attached")
KNOWN: Final = (
    "checkout.session.completed",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.trial_will_end",
    "invoice.payment_succeeded",
    "invoice.payment_failed",
    "invoice.finalized",
    *CARDS,
)
"""The types that change something; all others are kept and have no effect."""

STRIPE_DOWN: Final = 60.0
PARKED_LEAST, PARKED_MOST = 20.0, 3600.0
"""Seconds until the next look at a message of a customer whom nobody here is known to be."""

_NAME: Final = "payments"

router = APIRouter(tags=["stripe"], include_in_schema=False)


class BadSignature(AppError):
    """The message was not signed by Stripe with our secret, or not now."""

    status: ClassVar[int] = 400


class ProcessWebhook(BaseModel):
    """A message of the inbox. Harmless when it comes twice."""

    message: int


class EndSecondTrial(BaseModel):
    """A trial of somebody who has had one. Harmless when it comes twice."""

    subscription_id: str


PROCESS_STRIPE_WEBHOOK: Final = JobType(
    name="process_stripe_webhook", payload=ProcessWebhook, priority=50, max_retries=7, records_end=False
)
END_SECOND_TRIAL: Final = JobType(name="end_second_trial", payload=EndSecondTrial, max_retries=10)


async def _announce(tx: Transaction, message: InboxId) -> None:
    key = f"stripe_webhook:{message}"
    await publish(tx, PROCESS_STRIPE_WEBHOOK, ProcessWebhook(message=message), dedupe_key=key)


STRIPE: Final = inbox.declare(InboxSource(name="stripe", meaning="Webhooks of Stripe.", announce=_announce))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gathered:
    """What Stripe and the database said about an event before its transaction."""

    user_id: ExternalUserId | None = None
    fetched: Fetched | None = None
    method: Mapping[str, Any] | None = None
    digests: TrialDigests = NO_DIGESTS


def put_payments(app: FastAPI, payments: Payments) -> None:
    setattr(app.state, _NAME, payments)


def find_payments(app: FastAPI) -> Payments | None:
    """None where the installation sells nothing."""
    found = getattr(app.state, _NAME, None)
    return found if isinstance(found, Payments) else None


@router.post(PATH, summary="Take a message of Stripe")
async def take(request: Request) -> Response:
    """Answered after the commit, so that Stripe sends again what was not kept. Raises BadSignature."""
    payments = find_payments(request.app)
    raw = await request.body()
    if payments is None:
        raise BadSignature("No message of Stripe is expected here.")
    verify(raw, request.headers.get("Stripe-Signature"), payments)
    event = read_event(raw)
    async with transaction(services_of(request).database, SYSTEM) as tx:
        is_new = await inbox.receive(
            tx, source=STRIPE, message_id=event.id, headers=dict(request.headers), raw=raw, verified=True
        )
        if is_new:
            await record(
                tx,
                BillingWebhookReceived(webhook_id=event.id, webhook_type=event.type, data=event.object),
                aggregate_id=event.customer_id or event.id,
                identifier=event.id,
                source=Source.STRIPE_WEBHOOK,
            )
    return Response(status_code=200)


def verify(raw: bytes, header: str | None, payments: Payments) -> None:
    """Raises BadSignature, also for a time more than five minutes ago or ahead."""
    from stripe import SignatureVerificationError, WebhookSignature  # noqa: PLC0415 - as the client

    for secret in payments.secrets:
        try:
            WebhookSignature.verify_header(raw, header, secret, int(TOLERANCE.total_seconds()))
        except (SignatureVerificationError, UnicodeDecodeError):
            continue
        said = next(part[2:] for part in (header or "").split(",") if part.startswith("t="))
        if int(said) <= utc_now().timestamp() + TOLERANCE.total_seconds():
            return
    raise BadSignature("The message has no valid signature of Stripe.")


@handles(PROCESS_STRIPE_WEBHOOK, needs=(Payments,))
async def process_webhook(context: JobContext, job: ProcessWebhook) -> JobResult:
    """A message about nobody known waits, and so does everything while Stripe is out of reach."""
    database, message_id = context.database, InboxId(job.message)
    message = await read_one(database, SYSTEM, FIND, id=message_id)
    if message is None or message.processed_at is not None:
        return Done()
    event = read_event(message.raw)
    try:
        gathered = await _gather(database, context.resource(Payments), event)
        if gathered.user_id is None and event.type in KNOWN:
            waited = (utc_now() - message.received_at).total_seconds()
            return Again(min(max(waited / 10, PARKED_LEAST), PARKED_MOST))
        await inbox.process(database, message_id, partial(_apply, event=event, gathered=gathered))
    except StripeUnavailable:
        return Again(STRIPE_DOWN)
    except OvertakenByAnother:
        return Again(0.2)
    return Done()


@handles(END_SECOND_TRIAL, needs=(Payments,))
async def end_second_trial(context: JobContext, job: EndSecondTrial) -> JobResult:
    payments = context.resource(Payments)
    try:
        (now,) = (await payments.retrieve_subscription(job.subscription_id)).documents
        if now.get("status") == "trialing":
            await payments.end_trial(job.subscription_id, key=f"second-trial:{job.subscription_id}")
    except StripeUnavailable:
        return Again(STRIPE_DOWN)
    return Done()


async def find_user(database: Database, payments: Payments, event: StripeEvent) -> ExternalUserId | None:
    """By the customer, by what our checkout wrote into the object, or by what is written at the customer."""
    if event.customer_id is None and event.user_id is None:
        return None
    if event.customer_id is not None:
        known = await read_one(database, SYSTEM, queries.FIND_USER_OF_CUSTOMER, customer_id=event.customer_id)
        if known is not None:
            return known
    named = event.user_id
    if named is None and event.customer_id is not None:
        try:
            customer = await payments.retrieve_customer(event.customer_id)
        except Conflict:
            return None
        named = text((customer.get("metadata") or {}).get("user_id"))
    if named is None:
        return None
    return await read_one(database, SYSTEM, queries.FIND_USER, user_id=named)


async def _gather(database: Database, payments: Payments, event: StripeEvent) -> _Gathered:
    """Raises StripeUnavailable. No transaction is open."""
    if event.type not in KNOWN:
        return _Gathered()
    user_id = await find_user(database, payments, event)
    if user_id is None:
        return _Gathered()
    fetched = None
    is_own = event.type.startswith(SUBSCRIPTION)
    if event.subscription_id is not None and (not is_own or await is_doubtful(database, event)):
        fetched = await fetch(database, payments, event.subscription_id)
    about = fetched.document if fetched else event.object
    method_id = event.payment_method_id or text(about.get("default_payment_method"))
    has_trial = about.get("status") == "trialing"
    method = None
    if method_id is not None and (event.type in CARDS or not is_own or has_trial):
        method = await payments.retrieve_payment_method(method_id)
    digests = NO_DIGESTS
    if has_trial:
        customer = await read_one(database, SYSTEM, queries.FIND_CUSTOMER, user_id=user_id)
        digests = await digests_of(customer.email if customer else None, fingerprint_of(method or {}))
    return _Gathered(user_id=user_id, fetched=fetched, method=method, digests=digests)


async def _apply(
    tx: Transaction, message: InboxMessage, *, event: StripeEvent, gathered: _Gathered
) -> ExternalUserId | None:
    """The effect of an event: whose customer it is, the card, the subscription, the payment."""
    del message
    user_id = gathered.user_id
    if user_id is None:
        return None
    if event.customer_id is not None:
        await tx.run(queries.LINK_CUSTOMER, user_id=user_id, customer_id=event.customer_id)
    if gathered.method is not None:
        await tx.run(queries.PUT_CARD, user_id=user_id, **card_row(gathered.method))
    if gathered.fetched is not None:
        await mirror_fetched(tx, user_id, gathered.fetched, event)
    elif event.type.startswith(SUBSCRIPTION):
        await mirror_event(tx, user_id, event)
    await _claim(tx, event, gathered)
    await settle(tx, user_id, source=Source.STRIPE_WEBHOOK)
    await _record_payment(tx, user_id, event)
    await tx.run(queries.NOTE_WEBHOOK, user_id=user_id, type=event.type, moment=event.moment)
    return user_id


async def _claim(tx: Transaction, event: StripeEvent, gathered: _Gathered) -> None:
    """A trial of a person who has had one under another account ends at once."""
    about = gathered.fetched.document if gathered.fetched else event.object
    if about.get("status") != "trialing" or (gathered.digests.email or gathered.digests.card) is None:
        return
    row = subscription_row(about)
    if await claim_trial(tx, gathered.digests, began=row["trial_start"] or row["created"]):
        return
    ending = EndSecondTrial(subscription_id=row["id"])
    await publish(tx, END_SECOND_TRIAL, ending, dedupe_key=f"end_second_trial:{row['id']}")


async def _record_payment(tx: Transaction, user_id: ExternalUserId, event: StripeEvent) -> None:
    invoice = event.object
    paid: PaymentSucceeded | PaymentFailed
    if event.type == "invoice.payment_succeeded":
        amount = invoice.get("amount_paid")
        paid = PaymentSucceeded(
            amount_cents=amount, currency=text(invoice.get("currency")), invoice_id=text(invoice.get("id"))
        )
    elif event.type == "invoice.payment_failed":
        paid = PaymentFailed(
            amount_cents=invoice.get("amount_due"),
            currency=text(invoice.get("currency")),
            invoice_id=text(invoice.get("id")),
            reason=text(invoice.get("billing_reason")),
        )
    else:
        return
    await record(
        tx,
        paid,
        aggregate_id=user_id,
        identifier=event.id,
        source=Source.STRIPE_WEBHOOK,
        tenant_id=user_id,
    )
