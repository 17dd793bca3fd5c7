"""Users: how one comes into being, and the end of onboarding."""

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel

from tastemaker.accounts import queries
from tastemaker.accounts.current_user import LOCAL_USER, CurrentUser
from tastemaker.accounts.queries import UserProfileComplete
from tastemaker.core.errors import InvalidInput, NotFound
from tastemaker.core.ids import ExternalUserId, new_id
from tastemaker.core.settings import get_settings
from tastemaker.core.text import clean_line
from tastemaker.db.claims import Tenant
from tastemaker.db.enums import OnboardingStep
from tastemaker.db.transaction import Transaction, in_transaction
from tastemaker.events.account_payloads import ProfileChanged
from tastemaker.events.names import Source
from tastemaker.events.payloads import OnboardingCompleted, UserRegistered
from tastemaker.events.service import record
from tastemaker.jobs.registry import handles
from tastemaker.jobs.types import Done, JobContext, JobResult, JobType
from tastemaker.mail.sequence import on_onboarding_completed, on_sign_up

SELF_HOSTED = "self_hosted"
FREE = "free"
LONGEST_NAME = 200
PROFILE_FIELDS: Final = {
    "full_name": LONGEST_NAME,
    "business_name": 200,
    "industry": 200,
    "brand_description": 2000,
}
"""What a person says of themselves, with the longest text of each."""


async def ensure_local_user(tx: Transaction) -> CurrentUser:
    """The local user, on the plan without limits. The tx has the system's claim: no tenant chooses a plan."""
    known = await queries.find_current_user(tx, LOCAL_USER)
    if known is not None:
        return known
    await register(
        tx,
        LOCAL_USER,
        full_name="Local user",
        plan=SELF_HOSTED,
        is_admin=True,
        step=OnboardingStep.COMPLETED,
        source=Source.SYSTEM_AUTOMATION,
    )
    return await get_current_user(tx, LOCAL_USER)


async def register(
    tx: Transaction,
    user_id: ExternalUserId,
    *,
    source: Source,
    email: str | None = None,
    full_name: str | None = None,
    plan: str | None = None,
    is_admin: bool = False,
    step: OnboardingStep = OnboardingStep.PENDING,
) -> bool:
    """A new user with the four satellites, and its event. The tx has the system's claim.

    Without a plan: the one of new users. False: the user exists already.
    """
    name = clean_line(full_name or "")[:LONGEST_NAME] or None
    chosen = plan or plan_of_new_users()
    if not await queries.insert_user(
        tx, user_id, email=email, full_name=name, plan=chosen, is_admin=is_admin, step=step
    ):
        return False
    await record(tx, UserRegistered(plan=chosen), aggregate_id=user_id, source=source, tenant_id=user_id)
    await on_sign_up(tx, user_id)
    return True


def plan_of_new_users() -> str:
    """Without Stripe the installation is self-hosted: nobody is asked to pay."""
    return FREE if get_settings().stripe_secret_key else SELF_HOSTED


async def change_profile(
    tx: Transaction, user_id: ExternalUserId, values: Mapping[str, str]
) -> UserProfileComplete:
    """Of `PROFILE_FIELDS`; an empty text is unknown. Raises InvalidInput, NotFound."""
    wanted: dict[str, str | None] = {}
    for name, most in PROFILE_FIELDS.items():
        if name in values:
            wanted[name] = clean_line(values[name]) or None
            if len(wanted[name] or "") > most:
                raise InvalidInput(f"{name.replace('_', ' ').capitalize()} has at most {most} characters.")
    before = await tx.one(queries.GET_USER_PROFILE, user_id=user_id)
    if before is None:
        raise NotFound("There is no such user.")
    changed = sorted(name for name, value in wanted.items() if getattr(before, name) != value)
    if not changed:
        return before
    present = {name: getattr(before, name) for name in PROFILE_FIELDS}
    await tx.run(queries.SET_PROFILE, user_id=user_id, **{**present, **wanted})
    await record(
        tx,
        ProfileChanged(fields=changed),
        aggregate_id=user_id,
        identifier=str(new_id()),
        source=Source.USER_ACTION,
        tenant_id=user_id,
    )
    return await tx.only(queries.GET_USER_PROFILE, user_id=user_id)


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
