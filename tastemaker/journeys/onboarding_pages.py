"""`/onboarding`: three short pages, each left where it was when one comes back."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form
from fastapi.responses import Response

from tastemaker.accounts import onboarding
from tastemaker.accounts.queries import GET_USER_PROFILE, UserProfileComplete
from tastemaker.accounts.service import SELF_HOSTED
from tastemaker.accounts.sessions import SignedIn, Visit
from tastemaker.billing import plans
from tastemaker.core.errors import AppError, Conflict, InvalidInput, NotFound
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import OnboardingStep
from tastemaker.db.transaction import Transaction, in_transaction
from tastemaker.web.pages import page, redirect

PATH: Final = "/onboarding"
DONE: Final = {OnboardingStep.PLAN_SELECTED, OnboardingStep.COMPLETED}
NEXT: Final = {
    OnboardingStep.PENDING: "info",
    OnboardingStep.INFO_CAPTURED: "intent",
    OnboardingStep.INTENT_CAPTURED: "plan",
}
Text = Annotated[str, Form(max_length=5_000, pattern=r"^[^\x00]*$")]

router = APIRouter(include_in_schema=False)


@router.get(PATH)
async def show_next_step(visit: SignedIn) -> Response:
    """The first step that was not taken; the dashboard once there is none."""
    profile = await _profile(visit)
    if profile.onboarding_step in DONE or not visit.is_own:
        return redirect("/")
    return await _page(visit, profile, NEXT[profile.onboarding_step])


@router.get(f"{PATH}/info")
async def show_info(visit: SignedIn) -> Response:
    return await _page(visit, await _profile(visit), "info")


@router.post(f"{PATH}/info")
async def capture_info(
    visit: SignedIn, full_name: Text = "", business_name: Text = "", industry: Text = ""
) -> Response:
    typed = {"full_name": full_name, "business_name": business_name, "industry": industry}
    return await _step(visit, "info", typed)


@router.get(f"{PATH}/intent")
async def show_intent(visit: SignedIn) -> Response:
    return await _page(visit, await _profile(visit), "intent")


@router.post(f"{PATH}/intent")
async def capture_intent(visit: SignedIn, brand_description: Text = "") -> Response:
    return await _step(visit, "intent", {"brand_description": brand_description})


@router.post(f"{PATH}/plan")
async def select_plan(visit: SignedIn, plan: Text = "") -> Response:
    visit.needs_owner()

    async def work(tx: Transaction) -> None:
        if not (await plans.get_plan(tx, plan)).is_active:
            raise Conflict("This plan cannot be chosen any more.")
        await onboarding.select_plan(tx, visit.user_id, plan)

    try:
        await in_transaction(visit.database, SYSTEM, work)
    except (Conflict, NotFound) as error:
        return await _page(visit, await _profile(visit), "plan", wrong=error)
    return redirect("/", said="You are ready. Start with your first search.")


async def _step(visit: Visit, name: str, typed: Mapping[str, str]) -> Response:
    visit.needs_owner()
    take = onboarding.capture_info if name == "info" else onboarding.capture_intent
    try:
        await visit.run(lambda tx: take(tx, visit.user_id, typed))
    except (InvalidInput, Conflict) as error:
        return await _page(visit, await _profile(visit), name, wrong=error, typed=typed)
    return redirect(PATH)


async def _page(
    visit: Visit,
    profile: UserProfileComplete,
    step: str,
    *,
    wrong: AppError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:
    """Without Stripe the one plan is the installation's own."""
    present: dict[str, Any] = {
        name: getattr(profile, name) or "" for name in (*onboarding.INFO, *onboarding.INTENT)
    }
    offered = []
    if step == "plan":
        offered = [one for one in await visit.run(plans.list_plans) if one.is_active]
        is_own = profile.current_plan == SELF_HOSTED
        offered = [one for one in offered if (one.plan_key == SELF_HOSTED) is is_own]
    return page(
        visit.request,
        "journeys/onboarding.html",
        status=wrong.status if wrong else 200,
        step=step,
        number=[*NEXT.values()].index(step) + 1,
        wrong=wrong and str(wrong),
        typed={**present, **(typed or {})},
        plans=offered,
        chosen=profile.intended_plan or profile.current_plan,
    )


async def _profile(visit: Visit) -> UserProfileComplete:
    """Raises NotFound."""
    found = await visit.run(lambda tx: tx.one(GET_USER_PROFILE, user_id=visit.user_id))
    if found is None:
        raise NotFound("There is no such user.")
    return found
