"""The first steps of a new user: who they are, what they look for, which plan. Each is taken once, in order.

A step that was taken may be corrected, which moves nothing. The last one completes in a background job.
"""

from collections.abc import Mapping
from typing import Final

from tastemaker.accounts import queries
from tastemaker.accounts.service import COMPLETE_ONBOARDING, CompleteOnboarding, change_profile
from tastemaker.core.errors import Conflict, InvalidInput, NotFound
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import OnboardingStep
from tastemaker.db.transaction import Transaction
from tastemaker.events.account_payloads import OnboardingAdvanced
from tastemaker.events.names import Source
from tastemaker.events.payloads import OnboardingStarted
from tastemaker.events.service import record
from tastemaker.jobs.service import publish

ORDER: Final = tuple(OnboardingStep)
INFO: Final = ("full_name", "business_name", "industry")
INTENT: Final = ("brand_description",)


async def capture_info(tx: Transaction, user_id: ExternalUserId, values: Mapping[str, str]) -> None:
    """Raises InvalidInput, NotFound."""
    if not values.get("full_name", "").strip():
        raise InvalidInput("How shall we call you?")
    await change_profile(tx, user_id, {name: values.get(name, "") for name in INFO})
    await _advance(tx, user_id, OnboardingStep.INFO_CAPTURED)


async def capture_intent(tx: Transaction, user_id: ExternalUserId, values: Mapping[str, str]) -> None:
    """May be left empty. Raises InvalidInput, NotFound, Conflict."""
    await change_profile(tx, user_id, {name: values.get(name, "") for name in INTENT})
    await _advance(tx, user_id, OnboardingStep.INTENT_CAPTURED)


async def select_plan(tx: Transaction, user_id: ExternalUserId, plan: str) -> None:
    """The plan that the user wants; what it costs is paid elsewhere. The tx has the system's claim.

    Raises NotFound, Conflict.
    """
    if not await tx.run(queries.SET_INTENDED_PLAN, user_id=user_id, plan=plan):
        raise NotFound("There is no such user.")
    await _advance(tx, user_id, OnboardingStep.PLAN_SELECTED)
    await publish(
        tx,
        COMPLETE_ONBOARDING,
        CompleteOnboarding(user_id=user_id),
        tenant_id=user_id,
        dedupe_key=f"complete_onboarding:{user_id}",
    )


async def _advance(tx: Transaction, user_id: ExternalUserId, step: OnboardingStep) -> None:
    """Locks the user, so that of two requests one takes the step."""
    present = await tx.one(queries.LOCK_ONBOARDING, user_id=user_id)
    if present is None:
        raise NotFound("There is no such user.")
    if ORDER.index(present) >= ORDER.index(step):
        return
    if ORDER.index(present) + 1 != ORDER.index(step):
        raise Conflict("Take the steps before this one first.")
    await tx.run(queries.SET_ONBOARDING, user_id=user_id, step=step)
    is_first = present is OnboardingStep.PENDING
    await record(
        tx,
        OnboardingStarted(step=step) if is_first else OnboardingAdvanced(step=step),
        aggregate_id=user_id,
        identifier=user_id if is_first else f"{user_id}_{step}",
        source=Source.USER_ACTION,
        tenant_id=user_id,
    )
