"""`tastemaker plans …`: the price list, and which plan a user has."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import typer

from tastemaker.billing import plans
from tastemaker.billing.features import parse_feature
from tastemaker.billing.plan_queries import PlanOfUser, SubscriptionPlan
from tastemaker.cli.groups import group
from tastemaker.cli.listing import Listing, answer
from tastemaker.cli.options import Json
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session, with_session
from tastemaker.cli.table import Column
from tastemaker.core.display import UNKNOWN
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import in_transaction, transaction

plans_app = group("plans")

Key = Annotated[str, typer.Argument(metavar="PLAN", help="The key of the plan, such as glow_up.")]
Who = Annotated[str, typer.Argument(metavar="USER", help="The user's id at the identity provider.")]
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why; kept with the event.")]
FeatureOption = Annotated[
    list[str] | None,
    typer.Option("--feature", metavar="NAME=VALUE", help="Such as seats=5; may be repeated."),
]
Campaigns = Annotated[
    int | None, typer.Option("--campaigns", metavar="N", help="Campaigns at a time; -1 is unlimited.")
]
Creators = Annotated[
    int | None, typer.Option("--creators", metavar="N", help="Creators in a period; -1 is unlimited.")
]

COLUMNS = (
    Column(title="Plan", least=11),
    Column(title="Name", least=8, rank=2),
    Column(title="Month", least=6, right=True),
    Column(title="Year", least=6, right=True, rank=3),
    Column(title="Campaigns", least=4, right=True),
    Column(title="Creators", least=4, right=True),
    Column(title="State", least=8, rank=1),
)


def _limit(limit: int) -> str:
    return "unlimited" if limit < 0 else f"{limit:,}"


def _price(cents: int | None) -> str:
    return UNKNOWN if cents is None else f"${cents / 100:,.2f}"


def _row(plan: SubscriptionPlan) -> Sequence[str]:
    return (
        plain(plan.plan_key),
        plain(plan.display_name),
        _price(plan.monthly_price),
        _price(plan.yearly_price),
        _limit(plan.campaigns_limit),
        _limit(plan.creators_limit),
        "active" if plan.is_active else "inactive",
    )


PLANS = Listing("plans", COLUMNS, _row, empty="There is no plan.")


@plans_app.command("list")
@with_session
async def show_all(session: Session, *, as_json: Json = False) -> None:
    """Show the price list."""
    async with transaction(session.database, SYSTEM) as tx:
        PLANS.show(await plans.list_plans(tx), as_json=as_json)


@plans_app.command("set")
@with_session
async def change(  # noqa: PLR0913 - an option for each column
    session: Session,
    plan: Key,
    *,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="The name for people.")] = None,
    description: Annotated[
        str | None, typer.Option("--description", metavar="TEXT", help="What it is for.")
    ] = None,
    monthly: Annotated[
        int | None, typer.Option("--monthly", metavar="CENTS", help="US cents a month.")
    ] = None,
    yearly: Annotated[int | None, typer.Option("--yearly", metavar="CENTS", help="US cents a year.")] = None,
    campaigns: Campaigns = None,
    creators: Creators = None,
    feature: FeatureOption = None,
    stripe_monthly: Annotated[
        str | None,
        typer.Option("--stripe-monthly", metavar="PRICE", help="Stripe's id of its monthly price."),
    ] = None,
    stripe_yearly: Annotated[
        str | None, typer.Option("--stripe-yearly", metavar="PRICE", help="Stripe's id of its yearly price.")
    ] = None,
    order: Annotated[int | None, typer.Option("--order", metavar="N", help="Its place in lists.")] = None,
    activate: Annotated[bool, typer.Option("--activate", help="Let it be chosen again.")] = False,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Change a plan, or make one. What is not named stays."""
    typed = {
        "display_name": name,
        "description": description,
        "monthly_price": monthly,
        "yearly_price": yearly,
        "campaigns_limit": campaigns,
        "creators_limit": creators,
        "stripe_monthly_price_id": stripe_monthly,
        "stripe_yearly_price_id": stripe_yearly,
        "sort_order": order,
        "features": dict(map(parse_feature, feature or ())) or None,
        "is_active": activate or None,
    }
    changes = {column: value for column, value in typed.items() if value is not None}
    setting = partial(plans.set_plan, key=plan, changes=changes, actor=session.user.user_id, reason=reason)
    changed = await in_transaction(session.database, SYSTEM, setting)
    answer(changed, f"The plan {plain(plan)} is set.", as_json=as_json)


@plans_app.command()
@with_session
async def deactivate(session: Session, plan: Key, *, reason: Reason = None, as_json: Json = False) -> None:
    """Nobody can choose the plan any more. Users who have it keep it."""
    ending = partial(plans.deactivate_plan, key=plan, actor=session.user.user_id, reason=reason)
    ended = await in_transaction(session.database, SYSTEM, ending)
    answer(ended, f"The plan {plain(plan)} can no longer be chosen.", as_json=as_json)


@plans_app.command()
@with_session
async def assign(
    session: Session, user: Who, plan: Key, *, reason: Reason = None, as_json: Json = False
) -> None:
    """Give a user a plan. It stands above what Stripe says."""
    given = await in_transaction(
        session.database,
        SYSTEM,
        partial(
            plans.assign_plan,
            user_id=ExternalUserId(user),
            key=plan,
            actor=session.user.user_id,
            reason=reason,
        ),
    )
    answer(given, f"{plain(user)} has the plan {plain(given.plan)}.", as_json=as_json)


@plans_app.command()
@with_session
async def revoke(session: Session, user: Who, *, reason: Reason = None, as_json: Json = False) -> None:
    """Take back a plan that was given. What Stripe says holds again."""
    left = await in_transaction(
        session.database,
        SYSTEM,
        partial(plans.revoke_plan, user_id=ExternalUserId(user), actor=session.user.user_id, reason=reason),
    )
    answer(left, f"{plain(user)} has the plan {plain(left.plan)} again.", as_json=as_json)


@plans_app.command()
@with_session
async def override(
    session: Session,
    user: Who,
    *,
    campaigns: Campaigns = None,
    creators: Creators = None,
    feature: FeatureOption = None,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Set limits and features of one user. What is not named is as the plan says."""
    wanted = plans.Overrides(campaigns, creators, dict(map(parse_feature, feature or ())))
    changed = await in_transaction(
        session.database,
        SYSTEM,
        partial(
            plans.override_plan,
            user_id=ExternalUserId(user),
            wanted=wanted,
            actor=session.user.user_id,
            reason=reason,
        ),
    )
    answer(changed, _sentence(changed), as_json=as_json)


def _sentence(changed: PlanOfUser) -> str:
    own: dict[str, Any] = {
        "campaigns": changed.campaigns_limit,
        "creators": changed.creators_limit,
        **changed.features,
    }
    said = ", ".join(f"{name} {value}" for name, value in own.items() if value is not None)
    return f"{plain(changed.user_id)}: {said or 'everything as the plan says'}."
