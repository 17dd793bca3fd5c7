"""What a user sees of their plan: standing, usage and periods, for the page and the API."""

from collections.abc import Sequence
from dataclasses import dataclass

from tastemaker.billing import plan_queries, queries
from tastemaker.billing.features import Features, find_features
from tastemaker.billing.plan_queries import PastPeriod, SubscriptionPlan
from tastemaker.billing.queries import PlanUsage
from tastemaker.billing.standing_queries import FIND_STANDING, PlanStanding
from tastemaker.billing.stripe_queries import FIND_CARD, CardOnFile
from tastemaker.core.errors import NotFound
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.transaction import Transaction

MOST_PERIODS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingOverview:
    """`offered`: the plans that can be chosen; none where the installation sells nothing."""

    standing: PlanStanding
    usage: PlanUsage
    enrichments: int
    features: Features
    card: CardOnFile | None
    periods: Sequence[PastPeriod]
    offered: Sequence[SubscriptionPlan]


async def find_overview(tx: Transaction, user_id: ExternalUserId, *, sells: bool) -> BillingOverview:
    """Raises NotFound."""
    standing = await tx.one(FIND_STANDING, user_id=user_id)
    usage = await tx.one(queries.FIND_PLAN_USAGE, user_id=user_id)
    if standing is None or usage is None:
        raise NotFound("There is no such user.")
    card = await tx.one(FIND_CARD, user_id=user_id)
    plans = await tx.many(plan_queries.LIST_PLANS) if sells else []
    return BillingOverview(
        standing=standing,
        usage=usage,
        enrichments=await tx.one(plan_queries.FIND_ENRICHMENTS, user_id=user_id) or 0,
        features=await find_features(tx, user_id),
        card=card,
        periods=await tx.many(plan_queries.LIST_PERIODS, user_id=user_id, limit=MOST_PERIODS),
        offered=[one for one in plans if one.is_active and one.stripe_monthly_price_id],
    )
