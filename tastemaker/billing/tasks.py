"""Scheduled work on plans: begin periods of usage, end trials and grace, correct counters."""

from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

from pydantic import BaseModel

from tastemaker.billing import queries
from tastemaker.billing.checkout import OPEN
from tastemaker.billing.mirroring import OvertakenByAnother, refresh
from tastemaker.billing.queries import FIRST, reconcile_counters
from tastemaker.billing.standing import settle
from tastemaker.billing.standing_queries import LIST_MIRRORED
from tastemaker.billing.stripe_client import Payments, StripeUnavailable
from tastemaker.billing.stripe_queries import FIND_CUSTOMER, LIST_CUSTOMERS
from tastemaker.config_store.keys import PAST_DUE_GRACE
from tastemaker.core.errors import AppError, Conflict
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.logging import get_logger
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import Transaction, in_transaction, read_many, read_one
from tastemaker.jobs.registry import handles
from tastemaker.jobs.schedules import Nothing, Schedule, scheduled
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import Again, Done, JobContext, JobResult, JobType

BATCH: Final = 500
STRIPE_BATCH: Final = 50
ASK_AGAIN: Final = 60.0
"""Seconds until a retry where Stripe was out of reach."""


class ExpireTrial(BaseModel):
    """The user whose trial is over. Harmless when it is not, or not any more."""

    user_id: str


class EndSubscription(BaseModel):
    """A subscription of a deleted user. Harmless when it comes twice."""

    subscription_id: str


END_SUBSCRIPTION: Final = JobType(name="end_subscription", payload=EndSubscription, max_retries=50)
RESET_USAGE = JobType(name="reset_usage", payload=Nothing)
FIND_ENDED_TRIALS = JobType(name="find_ended_trials", payload=Nothing, records_end=False)
EXPIRE_TRIAL = JobType(name="expire_trial", payload=ExpireTrial)


@handles(RESET_USAGE)
async def reset_usage(context: JobContext, _: Nothing) -> JobResult:
    """Idempotent, and after downtime it goes straight to the period that is the current one."""
    total = 0
    while not context.stopping.is_set():
        begun = await in_transaction(
            context.database, SYSTEM, lambda tx: tx.run(queries.BEGIN_PERIODS, batch=BATCH)
        )
        total += begun
        if begun < BATCH:
            break
    return Done({"periods": total})


@handles(FIND_ENDED_TRIALS)
async def find_ended_trials(context: JobContext, _: Nothing) -> JobResult:
    """Trials that are over, and unpaid periods whose grace is over."""
    grace = context.config[PAST_DUE_GRACE]

    async def work(tx: Transaction) -> int:
        ended = await tx.many(queries.LIST_ENDED_TRIALS, limit=BATCH)
        ended += await tx.many(queries.LIST_UNPAID, limit=BATCH, grace=grace)
        for user_id in ended:
            await publish(
                tx,
                EXPIRE_TRIAL,
                ExpireTrial(user_id=user_id),
                tenant_id=user_id,
                dedupe_key=f"expire_trial:{user_id}",
            )
        return len(ended)

    return Done({"ended": await in_transaction(context.database, SYSTEM, work)})


@handles(EXPIRE_TRIAL)
async def expire_trial(context: JobContext, message: ExpireTrial) -> JobResult:
    """Converted where a subscription is active, else expired, on the free plan; with its one event.

    Stripe is asked first, since its message may be late. A search that runs finishes its page: the next one
    finds the plan without creators left.
    """
    user_id, payments = ExternalUserId(message.user_id), find_resource(context)
    if payments is not None:
        customer = await read_one(context.database, SYSTEM, FIND_CUSTOMER, user_id=user_id)
        if customer is not None and customer.customer_id is not None:
            try:
                await refresh(context.database, payments, user_id, customer.customer_id)
            except StripeUnavailable:
                return Again(ASK_AGAIN)
            except OvertakenByAnother:
                return Again(1.0)
    await in_transaction(context.database, SYSTEM, partial(settle, user_id=user_id))
    return Done()


async def end_subscriptions_of(tx: Transaction, user_id: ExternalUserId) -> None:
    """Have Stripe end what a deleted user has: nobody pays for an account that is gone."""
    for one in await tx.many(LIST_MIRRORED, user_id=user_id):
        if one.status in OPEN:
            ending = EndSubscription(subscription_id=one.id)
            await publish(tx, END_SUBSCRIPTION, ending, dedupe_key=f"end_subscription:{one.id}")


@handles(END_SUBSCRIPTION, needs=(Payments,))
async def end_subscription(context: JobContext, message: EndSubscription) -> JobResult:
    payments = context.resource(Payments)
    try:
        await payments.cancel_now(message.subscription_id, key=f"end:{message.subscription_id}")
    except StripeUnavailable:
        return Again(ASK_AGAIN)
    except Conflict:
        return Done({"was": "gone"})
    return Done()


def find_resource(context: JobContext) -> Payments | None:
    """None where this process has no keys of Stripe."""
    found = context.resources.get(Payments)
    return found if isinstance(found, Payments) else None


scheduled(
    Schedule(
        name="reset_usage",
        every=timedelta(minutes=15),
        job=RESET_USAGE,
        meaning="Starts a new usage period for each user whose period has ended, from the user's anchor.",
    )
)
scheduled(
    Schedule(
        name="find_ended_trials",
        every=timedelta(minutes=5),
        job=FIND_ENDED_TRIALS,
        meaning="Ends trials that are over: converted if a subscription is active, otherwise expired."
        " Ends the plan of an unpaid period after its grace.",
    )
)


log = get_logger(__name__)


class ReconcileFrom(BaseModel):
    """Everybody behind this row of `user_usage`, or of `user_billing` where Stripe is asked."""

    after: UUID


RECONCILE_STRIPE: Final = JobType(name="reconcile_stripe", payload=Nothing)
RECONCILE_STRIPE_FROM: Final = JobType(name="reconcile_stripe_from", payload=ReconcileFrom, records_end=False)


@handles(RECONCILE_STRIPE)
async def reconcile_stripe(context: JobContext, _: Nothing) -> JobResult:
    return await _ask_stripe(context, FIRST)


@handles(RECONCILE_STRIPE_FROM)
async def reconcile_stripe_from(context: JobContext, message: ReconcileFrom) -> JobResult:
    return await _ask_stripe(context, message.after)


async def _ask_stripe(context: JobContext, after: UUID) -> JobResult:
    """A batch of customers; the next one is a job of its own. What differs is settled, with its event."""
    payments = find_resource(context)
    if payments is None:
        return Done()
    database = context.database
    customers = await read_many(database, SYSTEM, LIST_CUSTOMERS, after=after, batch=STRIPE_BATCH)
    repaired = 0
    for customer in customers:
        try:
            repaired += await refresh(database, payments, customer.user_id, customer.customer_id)
        except OvertakenByAnother:
            continue  # a webhook is newer than what was asked for
        except StripeUnavailable:
            return Again(ASK_AGAIN)
        except AppError as error:
            log.warning("a customer could not be compared with Stripe: %s", error)
    if repaired:
        log.warning("%d users did not stand as Stripe says, and are corrected", repaired)
    if len(customers) == STRIPE_BATCH:
        following = ReconcileFrom(after=customers[-1].id)
        name = RECONCILE_STRIPE_FROM.name
        go_on = partial(publish, job_type=RECONCILE_STRIPE_FROM, payload=following, dedupe_key=name)
        await in_transaction(database, SYSTEM, go_on)
    return Done({"customers": len(customers), "repaired": repaired})


scheduled(
    Schedule(
        name="reconcile_stripe",
        every=timedelta(hours=1),
        job=RECONCILE_STRIPE,
        meaning="Asks Stripe for the subscriptions of each customer, and repairs what differs.",
    )
)


RECONCILE_BILLING: Final = JobType(name="reconcile_billing", payload=Nothing)
RECONCILE_FROM: Final = JobType(name="reconcile_billing_from", payload=ReconcileFrom, records_end=False)


@handles(RECONCILE_BILLING)
async def reconcile_billing(context: JobContext, _: Nothing) -> JobResult:
    return await _reconcile(context, FIRST)


@handles(RECONCILE_FROM)
async def reconcile_from(context: JobContext, message: ReconcileFrom) -> JobResult:
    return await _reconcile(context, message.after)


async def _reconcile(context: JobContext, after: UUID) -> JobResult:
    """The result says how many users were looked at, and whose counters were corrected how often."""
    users = corrected = 0
    last: UUID | None = after
    while last is not None and not context.stopping.is_set():
        looked = partial(reconcile_counters, after=last, batch=BATCH)
        found = await in_transaction(context.database, SYSTEM, looked)
        users, corrected, last = users + found.users, corrected + found.corrected, found.last
    if last is not None:
        following = ReconcileFrom(after=last)
        go_on = partial(publish, job_type=RECONCILE_FROM, payload=following, dedupe_key=RECONCILE_FROM.name)
        await in_transaction(context.database, SYSTEM, go_on)
    if corrected:
        log.warning("the counters of %d users were not what they count, and are corrected", corrected)
    return Done({"users": users, "corrected": corrected})


scheduled(
    Schedule(
        name="reconcile_billing",
        every=timedelta(hours=1),
        job=RECONCILE_BILLING,
        meaning="Compares each user's counters with the rows they count, and corrects them.",
    )
)
