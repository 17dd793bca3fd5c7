"""Discovering creators: a search of the catalog with the user's campaigns, and one creator of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.campaigns.service import get_campaign
from tastemaker.catalog.search import ANY_CREATOR, CatalogFilter, CatalogQuery, Found, Ranking, search
from tastemaker.catalog.terms import read_query
from tastemaker.core.ids import CampaignId
from tastemaker.db.transaction import Transaction
from tastemaker.searches.discover.queries import LIST_DISCOVERED, LIST_NEWEST_POSTS, DiscoveredCreator
from tastemaker.searches.installation import Installation
from tastemaker.searches.results.facet_queries import FacetName, Facets, ordered
from tastemaker.searches.results.panel_queries import CreatorResult, find_in_catalog
from tastemaker.searches.types import SANDBOX

HIDDEN: Final = "(e-mail)"
"""Stands for an address in a text."""

_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What is asked. `counts` False leaves total and facets out, for the rows that follow a page."""

    text: str = ""
    wanted: CatalogFilter = ANY_CREATOR
    sort: Ranking = Ranking.RELEVANCE
    limit: int = 50
    after: str | None = None
    counts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoverPage:
    """`words` are those of the text that are marked in what is shown."""

    found: Found
    creators: Sequence[DiscoveredCreator]
    facets: Facets
    words: Sequence[str]


def shows_sandbox(installation: Installation) -> bool:
    """Made-up creators are shown until a live provider is there."""
    return not installation.registry.searches


async def discover(
    tx: Transaction, user: CurrentUser, asked: Discovery, *, with_sandbox: bool
) -> DiscoverPage:
    """One page of the creators that match. Raises InvalidInput, NotFound for an unknown campaign."""
    wanted = asked.wanted
    found = await search(
        tx,
        CatalogQuery(
            tenant_id=user.user_id,
            text=asked.text,
            wanted=wanted,
            found_in=await _campaign_ids(tx, user, wanted.campaigns),
            not_found_in=await _campaign_ids(tx, user, wanted.exclude_campaigns),
            order=asked.sort,
            with_sandbox=with_sandbox,
            limit=asked.limit,
            after=asked.after,
            counts=asked.counts,
        ),
    )
    rows = await tx.many(LIST_DISCOVERED, ids=list(found.ids), user_id=user.user_id)
    return DiscoverPage(
        found=found,
        creators=[_without_addresses(row) for row in rows],
        facets=_facets(found, wanted),
        words=read_query(asked.text).words,
    )


async def find_discovered(tx: Transaction, creator_id: int, *, with_sandbox: bool) -> CreatorResult | None:
    """A creator that no search of the user found, without its addresses."""
    if not 0 <= creator_id < 2**63:
        return None
    found = await find_in_catalog(tx, creator_id, await tx.many(LIST_NEWEST_POSTS, creator_id=creator_id))
    if found is None or (found.source == SANDBOX and not with_sandbox):
        return None
    if found.name is None and found.handle is None:  # its values have expired
        return None
    return replace(found, emails=tuple(HIDDEN for _ in found.emails[:1]), bio=_hide(found.bio))


async def _campaign_ids(
    tx: Transaction, user: CurrentUser, references: Sequence[str]
) -> Sequence[CampaignId]:
    return [(await get_campaign(tx, user, reference)).id for reference in references]


def _facets(found: Found, wanted: CatalogFilter) -> Facets:
    counted: Mapping[str, Mapping[str, int]] = found.facets
    of = {
        facet: ordered(facet, counted[facet.value], wanted) for facet in FacetName if facet.value in counted
    }
    return Facets(found.total, of)


def _without_addresses(row: DiscoveredCreator) -> DiscoveredCreator:
    return replace(row, bio=_hide(row.bio), texts=tuple(_hide(text) or "" for text in row.texts))


def _hide(text: str | None) -> str | None:
    return None if text is None else _ADDRESS.sub(HIDDEN, text)
