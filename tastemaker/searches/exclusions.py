"""Whom searches leave out: what a user excludes, and whom the operator suppresses for everybody.

An excluded creator is neither kept nor charged. A suppressed one is not even stored: not in the catalog, nor
in anybody's results; who is there already is taken out.
"""

import csv
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.core.errors import AppError, ExitCode, InvalidInput, NotFound
from tastemaker.core.ids import CampaignId, new_id
from tastemaker.core.platforms import Platform
from tastemaker.core.text import clean_line
from tastemaker.db.enums import ExclusionKind
from tastemaker.events.names import Source
from tastemaker.events.payloads import (
    CreatorSuppressed,
    ExclusionsChanged,
    SuppressionLifted,
)
from tastemaker.events.service import record, record_many
from tastemaker.providers.page_store import forget_creator
from tastemaker.searches import exclusion_queries, forgetting_queries
from tastemaker.searches.snapshots import snapshot
from tastemaker.searches.suppression_key import SuppressionKey

LONGEST = 200
BATCH = 5000


@dataclass(frozen=True, slots=True)
class Somebody:
    """A creator as one names it: by handle, folded, or by the platform's unchanging id."""

    platform: Platform
    kind: ExclusionKind
    value: str


class OperatorsOnly(AppError):
    """Only an administrator may do this."""

    status: ClassVar[int] = 403
    exit_code: ClassVar[ExitCode] = ExitCode.FAILED


class ForeignKey(AppError):
    """The list of suppressed people was made with a key that this program does not have."""

    status: ClassVar[int] = 503


def somebody(platform: str, name: str, *, is_id: bool = False) -> Somebody:
    """Raises InvalidInput."""
    value = clean_line(name)
    if not is_id:
        value = fold_handle(value)
    if not 1 <= len(value) <= LONGEST:
        raise InvalidInput(f"A handle or an id has 1 to {LONGEST} characters.")
    kind = ExclusionKind.STABLE_ID if is_id else ExclusionKind.HANDLE
    return Somebody(Platform.parse(platform), kind, value)


def fold_handle(handle: str) -> str:
    """As handles are compared: without @, width and case aside."""
    return unicodedata.normalize("NFKC", handle).casefold().strip().lstrip("@")


def read_list(lines: Iterable[str]) -> Iterator[Somebody]:
    """A CSV with the columns `platform` and `handle` or `id`, in any order. Raises InvalidInput."""
    rows = csv.DictReader(lines)
    columns = {name.strip().lower(): name for name in rows.fieldnames or ()}
    if "platform" not in columns or not columns.keys() & {"handle", "id"}:
        raise InvalidInput("The list needs a first line with `platform` and `handle` or `id`.")
    for row in rows:
        said = {name: (row[column] or "").strip() for name, column in columns.items()}
        if said.get("id"):
            yield somebody(said["platform"], said["id"], is_id=True)
        elif said.get("handle"):
            yield somebody(said["platform"], said["handle"])


async def exclude(
    session: AsyncSession,
    user: CurrentUser,
    people: Sequence[Somebody],
    *,
    campaign_id: CampaignId | None = None,
    note: str | None = None,
) -> int:
    """How many were new on the list: the user's, or that of one campaign."""
    added = 0
    for start in range(0, len(people), BATCH):
        given = [(one.platform, one.kind, one.value) for one in people[start : start + BATCH]]
        added += await exclusion_queries.add(session, user.user_id, campaign_id, given, note=note)
    if added:
        await _tell(session, user, ExclusionsChanged(campaign_id=campaign_id, added=added, removed=0))
    return added


async def readmit(
    session: AsyncSession, user: CurrentUser, one: Somebody, *, campaign_id: CampaignId | None = None
) -> None:
    """Off the list. Raises NotFound."""
    if not await exclusion_queries.remove(
        session, user.user_id, campaign_id, one.platform, one.kind, one.value
    ):
        raise NotFound("Nobody of that name is on this list.")
    await _tell(session, user, ExclusionsChanged(campaign_id=campaign_id, added=0, removed=1))


async def suppress(
    session: AsyncSession,
    user: CurrentUser,
    key: SuppressionKey,
    one: Somebody,
    *,
    reason: str | None = None,
) -> int:
    """Nobody's search stores this person any more, and what is stored goes; how many searches held them.

    Whom the catalog knows is suppressed by id and by every handle seen. The session has the system's claim.
    Raises OperatorsOnly, ForeignKey.
    """
    _refuse_others(user)
    if await exclusion_queries.has_foreign_key(session, key.id):
        raise ForeignKey("The list was made with another key: set TASTEMAKER_SUPPRESSION_KEY to that one.")
    known = await forgetting_queries.find_known(session, one.platform, kind=one.kind, value=one.value)
    names = {(one.kind, one.value)}
    for creator in known:
        names |= {(ExclusionKind.STABLE_ID, creator.stable_id)}
        names |= {(ExclusionKind.HANDLE, fold_handle(handle)) for handle in creator.handles}
    for kind, value in sorted(names):
        digest = key.digest(one.platform, kind, value)
        await exclusion_queries.add_suppression(
            session, digest, key_id=key.id, platform=one.platform, kind=kind, reason=reason
        )
    held = 0
    for creator in known:
        stable = key.digest(one.platform, ExclusionKind.STABLE_ID, creator.stable_id)
        searches = await forgetting_queries.forget(session, one.platform, creator, digest=stable)
        await record_many(session, [snapshot(search, Source.ADMIN_ACTION) for search in searches])
        await forget_creator(session, one.platform, creator.stable_id)
        held += len(searches)
    event = CreatorSuppressed(platform=one.platform.value, searches=held)
    await _tell_digest(session, event, key, one, user)
    return held


async def lift_suppression(
    session: AsyncSession, user: CurrentUser, key: SuppressionKey, one: Somebody
) -> None:
    """Only of this one name. Raises OperatorsOnly, NotFound."""
    _refuse_others(user)
    if not await exclusion_queries.remove_suppression(session, key.digest(one.platform, one.kind, one.value)):
        raise NotFound("Nobody of that name is suppressed.")
    await _tell_digest(session, SuppressionLifted(platform=one.platform.value), key, one, user)


def _refuse_others(user: CurrentUser) -> None:
    if not user.is_admin:
        raise OperatorsOnly("Only an administrator suppresses people.")


async def _tell(session: AsyncSession, user: CurrentUser, event: ExclusionsChanged) -> None:
    await record(
        session,
        event,
        aggregate_id=user.user_id,
        identifier=str(new_id()),
        source=Source.USER_ACTION,
        tenant_id=user.user_id,
    )


async def _tell_digest(
    session: AsyncSession,
    event: CreatorSuppressed | SuppressionLifted,
    key: SuppressionKey,
    one: Somebody,
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
