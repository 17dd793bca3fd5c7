"""The local user of an installation without accounts, created on first use; and the end of onboarding."""

from pydantic import BaseModel

from tastemaker.accounts import queries
from tastemaker.accounts.current_user import LOCAL_USER, CurrentUser
from tastemaker.core.errors import NotFound
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import Tenant
from tastemaker.db.transaction import Transaction, in_transaction
from tastemaker.events.names import Source
from tastemaker.events.payloads import OnboardingCompleted, UserRegistered
from tastemaker.events.service import record
from tastemaker.jobs.registry import handles
from tastemaker.jobs.types import Done, JobContext, JobResult, JobType
from tastemaker.mail.sequence import on_onboarding_completed, on_sign_up

SELF_HOSTED = "self_hosted"


async def ensure_local_user(tx: Transaction) -> CurrentUser:
    """The local user, on the plan without limits. The tx has the system's claim: no tenant chooses a plan."""
    known = await queries.find_current_user(tx, LOCAL_USER)
    if known is not None:
        return known
    if await queries.insert_user(tx, LOCAL_USER, full_name="Local user", plan=SELF_HOSTED, is_admin=True):
        await record(
            tx,
            UserRegistered(plan=SELF_HOSTED),
            aggregate_id=LOCAL_USER,
            source=Source.SYSTEM_AUTOMATION,
            tenant_id=LOCAL_USER,
        )
        await on_sign_up(tx, LOCAL_USER)
    return await get_current_user(tx, LOCAL_USER)


async def complete_onboarding(tx: Transaction, user_id: ExternalUserId) -> bool:
    """The last step of onboarding, with its event; False where it was taken before."""
    plan = await queries.complete_onboarding(tx, user_id)
    if plan is None:
        return False
    await record(
        tx,
        OnboardingCompleted(plan=plan),
        aggregate_id=user_id,
        source=Source.SYSTEM_AUTOMATION,
        tenant_id=user_id,
    )
    await on_onboarding_completed(tx, user_id)
    return True


async def get_current_user(tx: Transaction, user_id: ExternalUserId) -> CurrentUser:
    user = await queries.find_current_user(tx, user_id)
    if user is None:
        raise NotFound("There is no such user.")
    return user


class CompleteOnboarding(BaseModel):
    """The user who completed onboarding. Harmless when it comes twice."""

    user_id: str


COMPLETE_ONBOARDING = JobType(name="complete_onboarding", payload=CompleteOnboarding)


@handles(COMPLETE_ONBOARDING)
async def handle_onboarding(context: JobContext, message: CompleteOnboarding) -> JobResult:
    user_id = ExternalUserId(message.user_id)

    async def work(tx: Transaction) -> bool:
        return await complete_onboarding(tx, user_id)

    return Done({"completed": await in_transaction(context.database, Tenant(user_id), work)})
