"""The price list and who has which plan: edited by administrators, each edit an event with its actor."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import orjson

from tastemaker.accounts.service import plan_of_new_users
from tastemaker.billing import plan_queries as queries
from tastemaker.billing.features import checked_features
from tastemaker.billing.plan_queries import PlanOfUser, SubscriptionPlan
from tastemaker.billing.standing import FREE, settle
from tastemaker.core.errors import Conflict, InvalidInput, NotFound
from tastemaker.core.ids import ExternalUserId, new_id
from tastemaker.core.text import clean_line
from tastemaker.db.transaction import Transaction
from tastemaker.events.names import Source
from tastemaker.events.payloads import AdminAction, PlanChanged
from tastemaker.events.service import record

KEY_LENGTH: Final = 50
TEXT_LENGTH: Final = 200
MOST: Final = 2_000_000_000
LIMITS: Final = ("campaigns_limit", "creators_limit")
PRICES: Final = ("monthly_price", "yearly_price")
SELF_HOSTED: Final = "self_hosted"


@dataclass(frozen=True, slots=True)
class Overrides:
    """What one user has instead of the plan's limits and features. A limit of None is the plan's."""

    campaigns_limit: int | None
    creators_limit: int | None
    features: Mapping[str, object]


async def list_plans(tx: Transaction) -> Sequence[SubscriptionPlan]:
    """The active ones first, in their order."""
    return await tx.many(queries.LIST_PLANS)


async def get_plan(tx: Transaction, key: str) -> SubscriptionPlan:
    """Raises NotFound."""
    plan = await tx.one(queries.FIND_PLAN, key=key)
    if plan is None:
        raise NotFound(f"There is no plan {key[:KEY_LENGTH]!r}.")
    return plan


async def set_plan(
    tx: Transaction, key: str, changes: Mapping[str, Any], *, actor: str, reason: str | None = None
) -> SubscriptionPlan:
    """Change the named values of a plan, or make one. Features that are not named stay.

    Raises InvalidInput.
    """
    before = await tx.one(queries.LOCK_PLAN, key=key)
    plan = _checked(_changed(before or _new(key), changes))
    if plan == before:
        return plan
    values = {**asdict(plan), "features": orjson.dumps(dict(plan.features)).decode()}
    await tx.run(queries.PUT_PLAN, **values)
    await record(
        tx,
        PlanChanged(
            before=None if before is None else _difference(before, plan),
            after=_difference(plan, before),
            reason=reason,
        ),
        aggregate_id=key,
        identifier=f"{key}_{new_id()}",
        source=Source.ADMIN_ACTION,
        metadata={"actor": actor},
    )
    return plan


async def deactivate_plan(
    tx: Transaction, key: str, *, actor: str, reason: str | None = None
) -> SubscriptionPlan:
    """Nobody can choose it any more; who has it keeps it. Raises NotFound, Conflict."""
    plan = await get_plan(tx, key)
    if key in {FREE, SELF_HOSTED}:
        raise Conflict(f"The plan {key} stays: users without another plan have it.")
    if not plan.is_active:
        raise Conflict(f"The plan {key} is not active.")
    return await set_plan(tx, key, {"is_active": False}, actor=actor, reason=reason)


async def assign_plan(
    tx: Transaction, user_id: ExternalUserId, key: str, *, actor: str, reason: str | None = None
) -> PlanOfUser:
    """Give a user a plan; it stands above what Stripe says until it is taken back.

    Raises NotFound, Conflict for a plan that is not active.
    """
    before = await _plan_of(tx, user_id)
    if not (await get_plan(tx, key)).is_active:
        raise Conflict(f"The plan {key} is not active.")
    await tx.run(queries.GRANT_PLAN, user_id=user_id, plan=key, by=actor, reason=reason)
    return await _settled(tx, before, action="plan_granted", actor=actor, reason=reason)


async def revoke_plan(
    tx: Transaction, user_id: ExternalUserId, *, actor: str, reason: str | None = None
) -> PlanOfUser:
    """Take back what an administrator gave: what Stripe says holds again, else the plan of new users.

    Raises NotFound, Conflict.
    """
    before = await _plan_of(tx, user_id)
    if not await tx.run(queries.REVOKE_GRANT, user_id=user_id):
        raise Conflict("No plan was given to this user.")
    default = plan_of_new_users()
    return await _settled(
        tx, before, action="plan_revoked", actor=actor, reason=reason, default=default, released=True
    )


async def override_plan(
    tx: Transaction, user_id: ExternalUserId, wanted: Overrides, *, actor: str, reason: str | None = None
) -> PlanOfUser:
    """Limits and features of one user instead of the plan's. Raises NotFound, InvalidInput."""
    before = await _plan_of(tx, user_id)
    for limit in (wanted.campaigns_limit, wanted.creators_limit):
        _number("A limit", limit, least=-1)
    features = orjson.dumps(checked_features(wanted.features)).decode()
    await tx.run(
        queries.SET_OVERRIDES,
        user_id=user_id,
        campaigns=wanted.campaigns_limit,
        creators=wanted.creators_limit,
        features=features,
    )
    return await _told(tx, before, action="limits_changed", actor=actor, reason=reason)


async def _settled(
    tx: Transaction,
    before: PlanOfUser,
    *,
    action: str,
    actor: str,
    reason: str | None,
    default: str = FREE,
    released: bool = False,
) -> PlanOfUser:
    await settle(tx, before.user_id, source=Source.ADMIN_ACTION, default=default, released=released)
    return await _told(tx, before, action=action, actor=actor, reason=reason)


async def _told(
    tx: Transaction, before: PlanOfUser, *, action: str, actor: str, reason: str | None
) -> PlanOfUser:
    now = await _plan_of(tx, before.user_id)
    old, new = asdict(before), asdict(now)
    event = AdminAction(
        action=action,
        before={name: value for name, value in old.items() if new[name] != value},
        after={name: value for name, value in new.items() if old[name] != value},
        reason=reason,
    )
    await record(
        tx,
        event,
        aggregate_id=before.user_id,
        identifier=f"{before.user_id}_{new_id()}",
        source=Source.ADMIN_ACTION,
        tenant_id=before.user_id,
        metadata={"actor": actor},
    )
    return now


async def _plan_of(tx: Transaction, user_id: ExternalUserId) -> PlanOfUser:
    found = await tx.one(queries.LOCK_PLAN_OF_USER, user_id=user_id)
    if found is None:
        raise NotFound("There is no such user.")
    return found


def _new(key: str) -> SubscriptionPlan:
    """Nothing is included until it is named."""
    return SubscriptionPlan(
        plan_key=key,
        display_name=key.replace("_", " ").title(),
        description=None,
        monthly_price=0,
        yearly_price=None,
        stripe_monthly_price_id="",
        stripe_yearly_price_id=None,
        campaigns_limit=0,
        creators_limit=0,
        features={},
        is_active=True,
        sort_order=0,
    )


def _changed(plan: SubscriptionPlan, changes: Mapping[str, Any]) -> SubscriptionPlan:
    features = {**plan.features, **checked_features(changes.get("features") or {})}
    return replace(plan, **{**changes, "features": features})


def _checked(plan: SubscriptionPlan) -> SubscriptionPlan:
    if not plan.plan_key.isascii() or not plan.plan_key.replace("_", "").isalnum():
        raise InvalidInput("The key of a plan has letters, digits and underscores, such as glow_up.")
    if len(plan.plan_key) > KEY_LENGTH or plan.plan_key != plan.plan_key.lower():
        raise InvalidInput(f"The key of a plan has at most {KEY_LENGTH} characters, in lower case.")
    if not 1 <= len(clean_line(plan.display_name)) <= TEXT_LENGTH:
        raise InvalidInput(f"The name of a plan has 1 to {TEXT_LENGTH} characters.")
    for name in LIMITS:
        _number("A limit", getattr(plan, name), least=-1)
    for name in PRICES:
        _number("A price", getattr(plan, name), least=0)
    return replace(plan, display_name=clean_line(plan.display_name))


def _number(what: str, value: int | None, *, least: int) -> None:
    if value is not None and not least <= value <= MOST:
        unlimited = ", -1 for unlimited" if least < 0 else ""
        raise InvalidInput(f"{what} is a number from {max(least, 0)}{unlimited}.")


def _difference(plan: SubscriptionPlan, other: SubscriptionPlan | None) -> dict[str, Any]:
    """The values of the plan that are not those of the other."""
    values = asdict(plan)
    return (
        values
        if other is None
        else {name: value for name, value in values.items() if getattr(other, name) != value}
    )
