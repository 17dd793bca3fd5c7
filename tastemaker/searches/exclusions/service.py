"""Whom searches leave out: what a user excludes, and whom the operator suppresses for everybody.

An excluded creator is neither kept nor charged. A suppressed one is not even stored: not in the catalog, nor
in anybody's results; who is there already is taken out.
"""

from collections.abc import Sequence
from typing import ClassVar

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.core.errors import AppError, ExitCode, NotFound
from tastemaker.core.ids import CampaignId, new_id
from tastemaker.db.enums import ExclusionKind
from tastemaker.db.transaction import Transaction
from tastemaker.events.names import Source
from tastemaker.events.payloads import (
    CreatorSuppressed,
    ExclusionsChanged,
    SuppressionLifted,
)
from tastemaker.events.service import record, record_many
from tastemaker.providers.page_store import forget_creator
from tastemaker.searches.exclusions import queries
from tastemaker.searches.exclusions.names import CreatorName, SuppressionKey, fold_handle
from tastemaker.searches.service import snapshot

BATCH = 5000


class AdministratorRequired(AppError):
    """Only an administrator may do this."""

    status: ClassVar[int] = 403
    exit_code: ClassVar[ExitCode] = ExitCode.FAILED


class WrongSuppressionKey(AppError):
    """The list of suppressed people was made with a key that this program does not have."""

    status: ClassVar[int] = 503


async def exclude(
    session: Transaction,
    user: CurrentUser,
    people: Sequence[CreatorName],
    *,
    campaign_id: CampaignId | None = None,
    note: str | None = None,
) -> int:
    """How many were new on the list: the user's, or that of one campaign."""
    added = 0
    for start in range(0, len(people), BATCH):
        given = [(one.platform, one.kind, one.value) for one in people[start : start + BATCH]]
        added += await queries.add(session, user.user_id, campaign_id, given, note=note)
    if added:
        await _record(session, user, ExclusionsChanged(campaign_id=campaign_id, added=added, removed=0))
    return added


async def remove_exclusion(
    session: Transaction, user: CurrentUser, one: CreatorName, *, campaign_id: CampaignId | None = None
) -> None:
    """Off the list. Raises NotFound."""
    if not await queries.remove(session, user.user_id, campaign_id, one.platform, one.kind, one.value):
        raise NotFound("Nobody of that name is on this list.")
    await _record(session, user, ExclusionsChanged(campaign_id=campaign_id, added=0, removed=1))


async def suppress(
    session: Transaction,
    user: CurrentUser,
    key: SuppressionKey,
    one: CreatorName,
    *,
    reason: str | None = None,
) -> int:
    """Nobody's search stores this person any more, and what is stored goes; how many searches held them.

    Whom the catalog knows is suppressed by id and by every handle seen. The session has the system's claim.
    Raises AdministratorRequired, WrongSuppressionKey.
    """
    _require_administrator(user)
    if await queries.has_other_key(session, key.id):
        raise WrongSuppressionKey(
            "The list was made with another key: set TASTEMAKER_SUPPRESSION_KEY to that one."
        )
    known = await queries.find_known_creators(session, one.platform, kind=one.kind, value=one.value)
    names = {(one.kind, one.value)}
    for creator in known:
        names |= {(ExclusionKind.STABLE_ID, creator.stable_id)}
        names |= {(ExclusionKind.HANDLE, fold_handle(handle)) for handle in creator.handles}
    for kind, value in sorted(names):
        digest = key.digest(one.platform, kind, value)
        await queries.add_suppression(
            session, digest, key_id=key.id, platform=one.platform, kind=kind, reason=reason
        )
    held = 0
    for creator in known:
        stable = key.digest(one.platform, ExclusionKind.STABLE_ID, creator.stable_id)
        searches = await queries.erase_creator(session, one.platform, creator, digest=stable)
        await record_many(session, [snapshot(search, Source.ADMIN_ACTION) for search in searches])
        await forget_creator(session, one.platform, creator.stable_id)
        held += len(searches)
    event = CreatorSuppressed(platform=one.platform.value, searches=held)
    await _record_by_digest(session, event, key, one, user)
    return held


async def lift_suppression(
    session: Transaction, user: CurrentUser, key: SuppressionKey, one: CreatorName
) -> None:
    """Only of this one name. Raises AdministratorRequired, NotFound."""
    _require_administrator(user)
    if not await queries.remove_suppression(session, key.digest(one.platform, one.kind, one.value)):
        raise NotFound("Nobody of that name is suppressed.")
    await _record_by_digest(session, SuppressionLifted(platform=one.platform.value), key, one, user)


def _require_administrator(user: CurrentUser) -> None:
    if not user.is_admin:
        raise AdministratorRequired("Only an administrator suppresses people.")


async def _record(session: Transaction, user: CurrentUser, event: ExclusionsChanged) -> None:
    await record(
        session,
        event,
        aggregate_id=user.user_id,
        identifier=str(new_id()),
        source=Source.USER_ACTION,
        tenant_id=user.user_id,
    )


async def _record_by_digest(
    session: Transaction,
    event: CreatorSuppressed | SuppressionLifted,
    key: SuppressionKey,
    one: CreatorName,
    user: CurrentUser,
) -> None:
    await record(
        session,
        event,
        aggregate_id=key.digest(one.platform, one.kind, one.value),
        identifier=str(new_id()),
        source=Source.ADMIN_ACTION,
        metadata={"actor": user.user_id},
    )
