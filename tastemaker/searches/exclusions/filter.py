"""The exclusion filter of a page, in the page's transaction, before anything is stored or charged."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tastemaker.core.accounts import fold_handle
from tastemaker.core.platforms import Platform
from tastemaker.db.enums import ExclusionKind
from tastemaker.db.transaction import Transaction
from tastemaker.providers.base import Creator, Page
from tastemaker.searches.exclusions import queries
from tastemaker.searches.exclusions.names import NO_KEY_ID, SuppressionKey
from tastemaker.searches.run.queries import LockedRun, RunState


@dataclass(frozen=True, slots=True)
class FilteredPage:
    """`page` without the suppressed and their posts; `creators` also without those the user excludes."""

    page: Page
    creators: Sequence[Creator]


async def filter_page(
    tx: Transaction,
    run: RunState,
    search: LockedRun,
    page: Page,
    platform: Platform,
    key: SuppressionKey | None,
) -> FilteredPage:
    if search.suppresses and key is not None:
        page = await _without_suppressed(tx, page, platform, key)
    creators = page.creators
    if search.excludes:
        creators = await _without_excluded(tx, run, creators, platform)
    return FilteredPage(page, creators)


async def filter_for_reuse(
    tx: Transaction, page: Page, platform: Platform, key: SuppressionKey | None
) -> Page | None:
    """The page without suppressed creators, to keep it for others. None: their key is missing here."""
    if await queries.has_other_key(tx, key.id if key else NO_KEY_ID):
        return None
    return page if key is None else await _without_suppressed(tx, page, platform, key)


async def _without_suppressed(tx: Transaction, page: Page, platform: Platform, key: SuppressionKey) -> Page:
    """The page without the suppressed creators and their posts."""
    names = {creator.stable_id: _digests(key, platform, creator) for creator in page.creators}
    suppressed = await queries.list_suppressed(tx, [one for two in names.values() for one in two])
    if not suppressed:
        return page
    gone = {stable_id for stable_id, digests in names.items() if suppressed.intersection(digests)}
    return replace(
        page,
        creators=[creator for creator in page.creators if creator.stable_id not in gone],
        posts=[post for post in page.posts if post.creator_id not in gone],
    )


async def _without_excluded(
    tx: Transaction, run: RunState, creators: Sequence[Creator], platform: Platform
) -> Sequence[Creator]:
    excluded = await queries.list_excluded(
        tx,
        run.user_id,
        run.search_id,
        platform,
        stable_ids=[creator.stable_id for creator in creators],
        handles=[fold_handle(creator.handle) for creator in creators if creator.handle],
    )
    return [
        creator
        for creator in creators
        if (ExclusionKind.STABLE_ID, creator.stable_id) not in excluded
        and (ExclusionKind.HANDLE, fold_handle(creator.handle or "")) not in excluded
    ]


def _digests(key: SuppressionKey, platform: Platform, creator: Creator) -> list[str]:
    digests = [key.digest(platform, ExclusionKind.STABLE_ID, creator.stable_id)]
    if creator.handle:
        digests.append(key.digest(platform, ExclusionKind.HANDLE, fold_handle(creator.handle)))
    return digests
