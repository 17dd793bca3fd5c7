"""Creators that a user has selected in results: by their ids, or all that pass a filter but some."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any, Final
from uuid import UUID

from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import CampaignId, ExternalUserId
from tastemaker.db.pool import Database
from tastemaker.db.statements import any_of, composed
from tastemaker.db.transaction import Transaction
from tastemaker.searches.results.filter_queries import (
    FILTERS,
    OF_CAMPAIGN,
    OF_SEARCH,
    OF_SEARCHES,
    asked,
    in_scope,
)
from tastemaker.searches.results.filtering import EVERYTHING, ResultFilter
from tastemaker.searches.results.paging import Scope, Sort
from tastemaker.searches.results.queries import FoundCreator, count_results, stream_passing

MOST_IDS = 10_000


@dataclass(frozen=True, slots=True)
class Chosen:
    """These creators, by their ids in the catalog. Ids that are not among the results are ignored."""

    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AllBut:
    """All that pass the filter, but for these."""

    wanted: ResultFilter
    ids: tuple[int, ...] = ()


Selection = Chosen | AllBut


def _exclude(source: str) -> str:
    return f"""
    INSERT INTO exclusions (tenant_id, campaign_id, platform, kind, value, note, created_at, batch_id)
    SELECT %(user_id)s, CAST(%(for_campaign)s AS uuid), creator.platform, 'stable_id', creator.stable_id,
           CAST(%(note)s AS text), app_now(), CAST(%(batch_id)s AS uuid)
    FROM creators creator
    WHERE creator.id IN (SELECT held.creator_id {source} {{filters}})
    ON CONFLICT DO NOTHING
    """  # noqa: S608 - of this module's own constants


_FILTERED: Final = any_of(**FILTERS)

EXCLUDE_OF_CAMPAIGN = composed(_exclude(OF_CAMPAIGN), NoneType, filters=_FILTERED)
EXCLUDE_OF_SEARCH = composed(_exclude(OF_SEARCH), NoneType, filters=_FILTERED)
EXCLUDE_OF_SEARCHES = composed(_exclude(OF_SEARCHES), NoneType, filters=_FILTERED)


async def count_selected(tx: Transaction, user_id: ExternalUserId, scope: Scope, selection: Selection) -> int:
    """Raises InvalidInput for more ids than a page may send."""
    wanted, more = _filters(selection)
    return await count_results(tx, user_id, scope, wanted=wanted, more=more)


async def stream_selected(
    database: Database,
    user_id: ExternalUserId,
    scope: Scope,
    selection: Selection,
    *,
    sort: Sort = Sort.POSITION,
) -> AsyncIterator[FoundCreator]:
    """As `stream_passing`. Raises InvalidInput for more ids than a page may send."""
    wanted, more = _filters(selection)
    async for found in stream_passing(database, user_id, scope, wanted=wanted, sort=sort, more=more):
        yield found


async def insert_exclusions(
    tx: Transaction,
    user_id: ExternalUserId,
    scope: Scope,
    selection: Selection,
    *,
    campaign_id: CampaignId | None,
    note: str | None,
    batch_id: UUID,
) -> int:
    """How many of the selected were not on that list before. Raises InvalidInput."""
    wanted, more = _filters(selection)
    names, values = asked(user_id, scope, wanted, more)
    statement = in_scope(scope, EXCLUDE_OF_CAMPAIGN, EXCLUDE_OF_SEARCH, EXCLUDE_OF_SEARCHES)
    return await tx.run(
        statement.choose(filters=names), **values, for_campaign=campaign_id, note=note, batch_id=batch_id
    )


def _filters(selection: Selection) -> tuple[ResultFilter, Mapping[str, Any]]:
    if len(selection.ids) > MOST_IDS:
        raise InvalidInput(
            f"At most {MOST_IDS:,} creators are selected one by one; select all, but for some, instead."
        )
    if isinstance(selection, Chosen):
        return EVERYTHING, {"only": list(selection.ids)}
    return selection.wanted, {"besides": list(selection.ids)} if selection.ids else {}
