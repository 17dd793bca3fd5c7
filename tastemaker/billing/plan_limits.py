"""Plan limits: the only functions that count a campaign or a creator against the plan of a user."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tastemaker.billing import queries
from tastemaker.billing.queries import Allowance
from tastemaker.core.errors import LimitReached, NotFound
from tastemaker.core.ids import ExternalUserId, SearchId
from tastemaker.db.statements import Statement
from tastemaker.db.transaction import Transaction
from tastemaker.events.names import Source
from tastemaker.events.payloads import UsageThresholdReached
from tastemaker.events.service import record

THRESHOLDS: Final = (80, 100)
"""Per cent of a limit at which an event tells."""

NOBODY = "There is no such user, or no plan and usage of theirs."


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """Of some creators: those that may be stored, and the `new` ones among them, which are to be charged.

    Without a limit all are called new: the statement that charges leaves out those already paid for.
    `allowance`: what the plan allowed before, where it has a limit.
    """

    allowed: Sequence[str] = ()
    new: Sequence[str] = ()
    platform: str = ""
    allowance: Allowance | None = None


async def take_campaign(tx: Transaction, user_id: ExternalUserId) -> None:
    """Raises LimitReached when the plan has no campaign left."""
    if not await tx.only(queries.TAKE_CAMPAIGN, user_id=user_id):
        raise LimitReached("Your plan has no campaign left. Archive one, or choose a larger plan.")
    usage = await tx.one(queries.FIND_PLAN_USAGE, user_id=user_id)
    if usage is not None and usage.campaigns_limit > 0:
        used = usage.campaigns
        await _warn(tx, user_id, "campaigns", (used - 1, used), usage.campaigns_limit, usage.period_start)


async def give_campaign_back(tx: Transaction, user_id: ExternalUserId) -> None:
    """Count one campaign less: it was archived or deleted."""
    await tx.run(queries.GIVE_CAMPAIGN_BACK, user_id=user_id)


async def lock_usage(tx: Transaction, user_id: ExternalUserId) -> None:
    """Lock the usage before a campaign, in the order in which pages lock: this prevents deadlocks."""
    await tx.run(queries.LOCK_USAGE, user_id=user_id)


async def refuse_without_allowance(tx: Transaction, user_id: ExternalUserId) -> None:
    """Raises LimitReached when the period has no creator left, before a provider is paid."""
    allowance = await _allowance(tx, queries.LOCK_ALLOWANCE, user_id)
    if allowance.left == 0:
        raise LimitReached(f"Your plan's creators of this period are used up ({allowance.used}).")


async def find_allowance(tx: Transaction, user_id: ExternalUserId) -> Allowance:
    """The creators of the current period. Locks nothing. Raises NotFound."""
    return await _allowance(tx, queries.FIND_ALLOWANCE, user_id)


async def creators_left(tx: Transaction, user_id: ExternalUserId) -> float:
    """How many creators the plan still allows now; infinite without a limit. Locks nothing."""
    left = (await find_allowance(tx, user_id)).left
    return math.inf if left is None else left


async def plan_creators(
    tx: Transaction, user_id: ExternalUserId, *, platform: str, stable_ids: Sequence[str]
) -> Charge:
    """Which of the creators may be stored, in order, until the limit. Raises NotFound.

    The usage is locked only where the plan has a limit, so that searches without one do not wait.

    A creator already charged in this period is stored again without charge.
    """
    limit = await tx.one(queries.FIND_LIMIT, user_id=user_id)
    if limit is None:
        raise NotFound(NOBODY)
    if limit == queries.UNLIMITED or not stable_ids:
        return Charge(allowed=stable_ids, new=stable_ids, platform=platform)
    allowance = await _allowance(tx, queries.LOCK_ALLOWANCE, user_id)
    paid = set(
        await tx.many(queries.LIST_CHARGED, user_id=user_id, platform=platform, stable_ids=list(stable_ids))
    )
    new = [stable_id for stable_id in stable_ids if stable_id not in paid][: allowance.left]
    allowed = paid.union(new)
    return Charge(
        allowed=[stable_id for stable_id in stable_ids if stable_id in allowed],
        new=new,
        platform=platform,
        allowance=allowance,
    )


async def charge(tx: Transaction, user_id: ExternalUserId, planned: Charge, *, search_id: SearchId) -> None:
    """Charge each new creator once in the period; the usage stays locked until the transaction ends."""
    if not planned.new:
        return
    charged = await tx.only(
        queries.CHARGE,
        user_id=user_id,
        platform=planned.platform,
        stable_ids=list(planned.new),
        search_id=search_id,
    )
    allowance = planned.allowance
    if allowance is not None:
        used, limit = allowance.used, allowance.creators_limit
        await _warn(tx, user_id, "creators", (used, used + charged), limit, allowance.period_start)


async def take_enrichments(tx: Transaction, user_id: ExternalUserId, wanted: int) -> int:
    """Count up to `wanted` enrichments against the plan's number of the period; how many it allows."""
    return await tx.only(queries.TAKE_ENRICHMENTS, user_id=user_id, wanted=wanted)


async def _warn(
    tx: Transaction,
    user_id: ExternalUserId,
    resource: str,
    change: tuple[int, int],
    limit: int,
    period_start: datetime,
) -> None:
    """An event when 80 and when 100 per cent of the limit are passed; each once in a period."""
    before, used = change
    for percent in THRESHOLDS:
        if limit > 0 and before * 100 < limit * percent <= used * 100:
            await record(
                tx,
                UsageThresholdReached(
                    resource=resource, percent=percent, used=used, limit=limit, period_start=period_start
                ),
                aggregate_id=user_id,
                identifier=f"{user_id}_{resource}_{percent}_{period_start:%Y%m%dT%H%M%S}",
                source=Source.SYSTEM_AUTOMATION,
                tenant_id=user_id,
            )


async def _allowance(tx: Transaction, query: Statement[Allowance], user_id: ExternalUserId) -> Allowance:
    allowance = await tx.one(query, user_id=user_id)
    if allowance is None:
        raise NotFound(NOBODY)
    return allowance
