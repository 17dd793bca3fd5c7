"""Spending: the only verbs by which a campaign or a creator is counted against the plan."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from tastemaker.billing import queries
from tastemaker.billing.queries import Allowance
from tastemaker.core.errors import LimitReached, NotFound
from tastemaker.core.ids import ExternalUserId, SearchId
from tastemaker.db.messages import Later, Message
from tastemaker.db.transaction import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """Of some creators those who may be stored, and the `new` ones among them, who are to be charged.

    Without a limit all are called new: whom the period has paid for already is left out when it is written.
    """

    allowed: Sequence[str] = ()
    new: Sequence[str] = ()
    platform: str = ""


NOBODY = "There is no such user, or no plan and usage of theirs."


async def take_campaign(session: Transaction, user_id: ExternalUserId) -> None:
    """Raises LimitReached when the plan has no campaign left."""
    if not await queries.take_campaign(session, user_id):
        raise LimitReached("Your plan has no campaign left. Archive one, or choose a larger plan.")


async def give_campaign_back(session: Transaction, user_id: ExternalUserId) -> None:
    """One campaign less is counted: it was archived or deleted."""
    await queries.give_campaign_back(session, user_id)


async def lock_usage(session: Transaction, user_id: ExternalUserId) -> None:
    """Before a campaign is locked, as pages do: so nobody waits for each other."""
    await queries.lock_usage(session, user_id)


async def refuse_without_allowance(session: Transaction, user_id: ExternalUserId) -> None:
    """Raises LimitReached when the period has no creator left: no call is paid for nothing."""
    allowance = await _lock_allowance(session, user_id)
    if allowance.left == 0:
        raise LimitReached(f"Your plan's creators of this period are used up ({allowance.used}).")


async def ask_whether_unlimited(message: Message, user_id: ExternalUserId) -> Later[bool]:
    """Whether the plan has no limit of creators, so that nobody's count has to be waited for."""
    read_limit = await queries.ask_limit(message, user_id)

    async def read() -> bool:
        limit = await read_limit()
        if limit is None:
            raise NotFound(NOBODY)
        return limit == queries.UNLIMITED

    return read


async def ask_what_is_left(message: Message, user_id: ExternalUserId) -> Later[float]:
    """How many creators the plan still allows in this moment; infinitely many without a limit."""
    read_allowance = await queries.ask_allowance(message, user_id)

    async def read() -> float:
        allowance = await read_allowance()
        if allowance is None:
            raise NotFound(NOBODY)
        return math.inf if allowance.left is None else allowance.left

    return read


async def plan_charge(
    message: Message, user_id: ExternalUserId, *, platform: str, stable_ids: Sequence[str], is_unlimited: bool
) -> Later[Charge]:
    """Who may be stored, in order, until the plan's limit; then the user's usage is locked.

    One already charged in this period is stored again without charge.
    """
    if is_unlimited or not stable_ids:
        everybody = Charge(allowed=stable_ids, new=stable_ids, platform=platform)
        return partial(_plan_everybody, everybody)
    read_locked = await queries.lock_allowance_for(message, user_id, platform=platform, stable_ids=stable_ids)

    async def read() -> Charge:
        locked = await read_locked()
        if locked is None:
            raise NotFound(NOBODY)
        allowance, paid = locked
        new = [stable_id for stable_id in stable_ids if stable_id not in paid][: allowance.left]
        allowed = paid.union(new)
        return Charge(
            allowed=[stable_id for stable_id in stable_ids if stable_id in allowed],
            new=new,
            platform=platform,
        )

    return read


async def charge(message: Message, user_id: ExternalUserId, planned: Charge, *, search_id: SearchId) -> None:
    """Charge what was planned in this transaction, once in the period; from here on the usage is locked."""
    if planned.new:
        await queries.charge(
            message, user_id, platform=planned.platform, stable_ids=planned.new, search_id=search_id
        )


async def _plan_everybody(everybody: Charge) -> Charge:
    return everybody


async def _lock_allowance(session: Transaction, user_id: ExternalUserId) -> Allowance:
    allowance = await queries.lock_allowance(session, user_id)
    if allowance is None:
        raise NotFound(NOBODY)
    return allowance
