"""`/system/plans`: the price list, and changing a plan with a reason."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Form
from fastapi.responses import Response

from tastemaker.admin.access import Administrator, Typed, as_system
from tastemaker.billing import plans
from tastemaker.billing.features import parse_feature
from tastemaker.core.errors import Conflict, InvalidInput
from tastemaker.db.transaction import Transaction
from tastemaker.web.pages import page, redirect

PLANS: Final = "/system/plans"
NUMBERS: Final = ("monthly_price", "yearly_price", "campaigns_limit", "creators_limit", "sort_order")
TEXTS: Final = ("display_name", "description", "stripe_monthly_price_id", "stripe_yearly_price_id")

router = APIRouter(include_in_schema=False)


@router.get(PLANS)
async def show_plans(visit: Administrator) -> Response:
    return page(visit.request, "admin/plans.html", plans=await as_system(visit, plans.list_plans))


@router.get(f"{PLANS}/{{key}}")
async def show_plan(visit: Administrator, key: str) -> Response:
    return await _show(visit, key)


@router.post(f"{PLANS}/{{key}}")
async def change_plan(  # noqa: PLR0913, PLR0917 - a field for each column
    visit: Administrator,
    key: str,
    display_name: Typed = "",
    description: Typed = "",
    monthly_price: Typed = "",
    yearly_price: Typed = "",
    campaigns_limit: Typed = "",
    creators_limit: Typed = "",
    stripe_monthly_price_id: Typed = "",
    stripe_yearly_price_id: Typed = "",
    sort_order: Typed = "",
    features: Typed = "",
    is_active: Typed = "",
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """A line of `features` is NAME=VALUE."""
    typed = {
        "display_name": display_name, "description": description, "monthly_price": monthly_price,
        "yearly_price": yearly_price, "campaigns_limit": campaigns_limit, "creators_limit": creators_limit,
        "stripe_monthly_price_id": stripe_monthly_price_id,
        "stripe_yearly_price_id": stripe_yearly_price_id, "sort_order": sort_order,
    }  # fmt: skip

    async def work(tx: Transaction) -> object:
        changes = {**_read(typed), "features": dict(map(parse_feature, features.split("\n")[:50]))}
        plan = await plans.get_plan(tx, key)
        if plan.is_active and not is_active:
            await plans.deactivate_plan(tx, key, actor=visit.actor_id, reason=reason or None)
        changes["is_active"] = bool(is_active)
        return await plans.set_plan(tx, key, changes, actor=visit.actor_id, reason=reason or None)

    try:
        await as_system(visit, work)
    except (InvalidInput, Conflict) as error:
        return await _show(visit, key, wrong=error)
    return redirect(f"{PLANS}/{key}", said=f"The plan {key} is changed.")


async def _show(visit: Administrator, key: str, *, wrong: InvalidInput | Conflict | None = None) -> Response:
    plan = await as_system(visit, lambda tx: plans.get_plan(tx, key))
    return page(
        visit.request,
        "admin/plan.html",
        status=wrong.status if wrong else 200,
        plan=plan,
        features="\n".join(f"{name}={_word(value)}" for name, value in plan.features.items()),
        wrong=wrong and str(wrong),
    )


def _read(typed: dict[str, str]) -> dict[str, Any]:
    """Raises InvalidInput."""
    read: dict[str, Any] = {name: typed[name].strip() for name in TEXTS}
    for name in ("description", "stripe_yearly_price_id"):
        read[name] = read[name] or None
    for name in NUMBERS:
        text = typed[name].strip()
        if not text.removeprefix("-").isdecimal() and (text or name != "yearly_price"):
            raise InvalidInput(f"{name.replace('_', ' ').capitalize()} is a whole number.")
        read[name] = int(text) if text else None
    return read


def _word(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
