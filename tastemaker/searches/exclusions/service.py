"""Creators that searches leave out: excluded by a user, or suppressed by the operator for everybody.

An excluded creator is neither stored in a search nor charged. A suppressed creator is not stored at all, and
is deleted from the catalog and from all results.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.campaigns.queries import Campaign
from tastemaker.core.accounts import fold_handle
from tastemaker.core.errors import AppError, ExitCode, InvalidInput, NotFound
from tastemaker.core.ids import CampaignId, new_id
from tastemaker.db.enums import ExclusionKind
from tastemaker.db.transaction import Transaction
from tastemaker.events.creator_payloads import CreatorSuppressed, SuppressionLifted
from tastemaker.events.names import Source
from tastemaker.events.payloads import ExclusionsChanged
from tastemaker.events.service import record, record_many
from tastemaker.providers.page_store import forget_creator
from tastemaker.searches.exclusions import queries
from tastemaker.searches.exclusions.names import CreatorName, SuppressionKey
from tastemaker.searches.results.paging import Scope
from tastemaker.searches.results.selection_queries import Selection, insert_exclusions
from tastemaker.searches.service import snapshot

BATCH = 5000
NOTE_LENGTH = 5000


class AdministratorRequired(AppError):
    """Only an administrator may do this."""

    status: ClassVar[int] = 403
    exit_code: ClassVar[ExitCode] = ExitCode.FAILED


class WrongSuppressionKey(AppError):
    """The list of suppressed people was made with a key that this program does not have."""

    status: ClassVar[int] = 503


@dataclass(frozen=True, slots=True)
class Excluded:
    """`added` creators that were not on the list before; `batch_id` undoes it."""

    batch_id: UUID
    added: int


async def exclude(
    tx: Transaction,
    user: CurrentUser,
    people: Sequence[CreatorName],
    *,
    campaign_id: CampaignId | None = None,
    note: str | None = None,
    batch_id: UUID | None = None,
) -> int:
    """How many were new on the list: the user's, or that of one campaign. `batch_id` undoes it.

    Raises InvalidInput.
    """
    _check_note(note)
    added = 0
    for start in range(0, len(people), BATCH):
        part = people[start : start + BATCH]
        added += await queries.add(tx, user.user_id, campaign_id, part, note=note, batch_id=batch_id)
    if added:
        await _record(tx, user, ExclusionsChanged(campaign_id=campaign_id, added=added, removed=0))
    return added


async def exclude_found(tx: Transaction, user: CurrentUser, *, of: Campaign, campaign_id: CampaignId) -> int:
    """Put the creators that campaign `of` found on the other one's list; how many it found."""
    added = await tx.run(
        queries.ADD_FOUND,
        user_id=user.user_id,
        campaign_id=campaign_id,
        found_by=of.id,
        note=f"Found by the campaign {of.name}.",
    )
    if added:
        await _record(tx, user, ExclusionsChanged(campaign_id=campaign_id, added=added, removed=0))
    return await tx.only(queries.COUNT_FOUND, user_id=user.user_id, found_by=of.id)


async def exclude_selected(
    tx: Transaction,
    user: CurrentUser,
    scope: Scope,
    selection: Selection,
    *,
    campaign_id: CampaignId | None = None,
    note: str | None = None,
) -> Excluded:
    """Put the creators selected in results on the user's list, or on that of one campaign.

    Raises InvalidInput.
    """
    _check_note(note)
    batch_id = new_id()
    added = await insert_exclusions(
        tx, user.user_id, scope, selection, campaign_id=campaign_id, note=note, batch_id=batch_id
    )
    if added:
        await _record(tx, user, ExclusionsChanged(campaign_id=campaign_id, added=added, removed=0))
    return Excluded(batch_id, added)


async def undo_exclusion(tx: Transaction, user: CurrentUser, batch_id: UUID) -> int:
    """Remove exactly what one `exclude` or `exclude_selected` added; how many of it were still there."""
    campaign_ids = await tx.many(queries.REMOVE_BATCH, user_id=user.user_id, batch_id=batch_id)
    for campaign_id, removed in Counter(campaign_ids).items():
        await _record(tx, user, ExclusionsChanged(campaign_id=campaign_id, added=0, removed=removed))
    return len(campaign_ids)


async def remove_exclusion(
    tx: Transaction, user: CurrentUser, one: CreatorName, *, campaign_id: CampaignId | None = None
) -> None:
    """Raises NotFound."""
    if not await queries.remove(tx, user.user_id, campaign_id, one):
        raise NotFound("Nobody of that name is on this list.")
    await _record(tx, user, ExclusionsChanged(campaign_id=campaign_id, added=0, removed=1))


async def remove_exclusion_by_id(tx: Transaction, user: CurrentUser, exclusion_id: UUID) -> queries.Exclusion:
    """What was removed. Raises NotFound."""
    removed = await tx.one(queries.REMOVE_BY_ID, user_id=user.user_id, id=exclusion_id)
    if removed is None:
        raise NotFound("There is no such exclusion.")
    await _record(tx, user, ExclusionsChanged(campaign_id=removed.campaign_id, added=0, removed=1))
    return removed


async def suppress(
    tx: Transaction,
    user: CurrentUser,
    key: SuppressionKey,
    one: CreatorName,
    *,
    reason: str | None = None,
) -> int:
    """Keep a creator out of every search, and delete what is stored; how many searches held them.

    A creator of the catalog is suppressed by id and by every handle seen. The transaction has the system's
    claim. Raises AdministratorRequired, WrongSuppressionKey.
    """
    require_administrator(user)
    if await queries.has_other_key(tx, key.id):
        raise WrongSuppressionKey(
            "The list was made with another key: set TASTEMAKER_SUPPRESSION_KEY to that one."
        )
    known = await tx.many(
        queries.FIND_KNOWN_CREATORS, platform=one.platform.value, kind=one.kind.value, value=one.value
    )
    names = {(one.kind, one.value)}
    for creator in known:
        names |= {(ExclusionKind.STABLE_ID, creator.stable_id)}
        names |= {(ExclusionKind.HANDLE, fold_handle(handle)) for handle in creator.handles}
    for kind, value in sorted(names):
        await tx.run(
            queries.ADD_SUPPRESSION,
            digest=key.digest(one.platform, kind, value),
            key_id=key.id,
            platform=one.platform.value,
            kind=kind.value,
            reason=reason,
        )
    held = 0
    for creator in known:
        stable = key.digest(one.platform, ExclusionKind.STABLE_ID, creator.stable_id)
        searches = await queries.erase_creator(tx, one.platform, creator, digest=stable)
        await record_many(tx, [snapshot(search, Source.ADMIN_ACTION) for search in searches])
        await forget_creator(tx, one.platform, creator.stable_id)
        held += len(searches)
    event = CreatorSuppressed(platform=one.platform.value, searches=held)
    await _record_by_digest(tx, event, key, one, user)
    return held


async def lift_suppression(tx: Transaction, user: CurrentUser, key: SuppressionKey, one: CreatorName) -> None:
    """Only of this one name. Raises AdministratorRequired, NotFound."""
    require_administrator(user)
    if not await tx.run(queries.REMOVE_SUPPRESSION, digest=key.digest(one.platform, one.kind, one.value)):
        raise NotFound("Nobody of that name is suppressed.")
    await _record_by_digest(tx, SuppressionLifted(platform=one.platform.value), key, one, user)


def require_administrator(user: CurrentUser) -> None:
    """Raises AdministratorRequired."""
    if not user.is_admin:
        raise AdministratorRequired("Only an administrator suppresses people.")


def _check_note(note: str | None) -> None:
    if note is not None and len(note) > NOTE_LENGTH:
        raise InvalidInput(f"A note has {len(note):,} characters; at most {NOTE_LENGTH:,} are accepted.")


async def _record(tx: Transaction, user: CurrentUser, event: ExclusionsChanged) -> None:
    await record(
        tx,
        event,
        aggregate_id=user.user_id,
        identifier=str(new_id()),
        source=Source.USER_ACTION,
        tenant_id=user.user_id,
    )


async def _record_by_digest(
    tx: Transaction,
    event: CreatorSuppressed | SuppressionLifted,
    key: SuppressionKey,
    one: CreatorName,
    user: CurrentUser,
) -> None:
    await record(
        tx,
        event,
        aggregate_id=key.digest(one.platform, one.kind, one.value),
        identifier=str(new_id()),
        source=Source.ADMIN_ACTION,
        metadata={"actor": user.user_id},
    )
