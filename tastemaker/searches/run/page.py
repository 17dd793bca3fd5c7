"""The page transaction: it stores, charges, moves the cursor and, at the end, ends the search.

A page is committed only if the run is where it was when the page was requested. Otherwise another worker has
committed this page, and only the cost of the call is written.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tastemaker.billing.plan_limits import Charge, charge, creators_left, plan_creators
from tastemaker.catalog.queries import NO_IDS, Provenance, list_newer, upsert
from tastemaker.config_store.keys import MAX_API_CALLS_TIKTOK
from tastemaker.core.platforms import Platform
from tastemaker.db.transaction import Transaction
from tastemaker.jobs import queries as job_queries
from tastemaker.jobs.types import ClaimedJob, Done
from tastemaker.providers.base import Creator, Declaration, Page, Post
from tastemaker.providers.page_store import PaidPage
from tastemaker.searches.campaign_creators_queries import refresh_in_campaign
from tastemaker.searches.exclusions.filter import FilteredPage, filter_page
from tastemaker.searches.exclusions.names import NO_KEY_ID, SuppressionKey
from tastemaker.searches.maintenance import publish_merges
from tastemaker.searches.results.documents import evidence_of, to_document
from tastemaker.searches.run import queries
from tastemaker.searches.run.call_queries import PlannedCall, begin_call
from tastemaker.searches.run.candidate_queries import END_PAGES
from tastemaker.searches.run.candidates import judge, list_seen
from tastemaker.searches.run.queries import LockedRun, NewResults, RunState
from tastemaker.searches.service import end_run, end_search
from tastemaker.searches.similar.queries import CandidateRole, keep_candidates
from tastemaker.searches.types import SANDBOX, EndReason

MOST_PAGES = 500
MAX_BARREN_PAGES = 3
"""In a row without a creator that is new to the keyword: it has no more.

Creators that another keyword of the search stored first are new to this one.
"""

MAX_BARREN_PAGES_OF_OTHERS = 20
"""The same where creators were left out, of whom it is unknown whether they are new."""


OF_THE_SEARCH: Final = {EndReason.TARGET_REACHED, EndReason.PLAN_LIMIT}
"""Reasons that end the whole search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """The run after the commit of its last page. `room`: creators that the search could still take."""

    room: int
    pages: int
    barren_pages: int
    seen_cursors: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingPage:
    """The next page of a run. `call_id`: its row in the ledger; `paid`: an earlier call has fetched it.

    `ahead`: the call that is already under way, where it was requested during the commit of the page before.
    """

    run: RunState
    call_id: UUID | None = None
    progress: RunProgress | None = None
    paid: PaidPage | None = None
    ahead: asyncio.Task[Page] | None = None


@dataclass(frozen=True, slots=True)
class Continue:
    """The run continues: with `next`, or by reading its state again."""

    next: PendingPage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedPage:
    """A page with its request. `call_id`: a call that is settled with it.

    `fetched_at`: when an earlier call fetched it. `most_pages`: the most that its keyword may have. `fresh`:
    how old a profile may be; None where nobody here tells profiles.
    """

    run: RunState
    progress: RunProgress | None
    job: ClaimedJob
    call_id: UUID | None
    page: Page
    platform: Platform
    declaration: Declaration
    source: str
    key: SuppressionKey | None = None
    fetched_at: datetime | None = None
    most_pages: int = MOST_PAGES
    fresh: timedelta | None = None

    @property
    def provenance(self) -> Provenance:
        return Provenance.of(self.declaration, made_up=self.source == SANDBOX)


@dataclass(frozen=True, slots=True)
class Catalogued:
    """A page in the catalog: the ids of its creators and posts there."""

    page: Page
    creator_ids: Mapping[str, int]
    post_ids: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Accepted:
    """The creators that enter the search, and their charge. `again`: the ids of those it had already.

    `is_limited`: the plan allows no more. `is_barren`: the page has no creator that is new to its keyword.
    `has_waiting`: some of the page wait for a profile.
    """

    creators: Sequence[Creator]
    again: Sequence[str]
    charge: Charge
    is_limited: bool
    is_barren: bool
    has_waiting: bool


async def commit_page(
    tx: Transaction, fetched: FetchedPage, *, next_call: PlannedCall | None = None
) -> Continue | Done:
    """Write the page; the caller's transaction commits it. Done: the run has ended, or is another worker's.

    `next_call` enters the ledger with the page, if the run continues at once.
    """
    run, page = fetched.run, fetched.page
    key_id = fetched.key.id if fetched.key else NO_KEY_ID
    locked = await queries.lock_run(tx, run, fetched.call_id, page.cost, key_id=key_id)
    is_ours = await job_queries.progressed(tx, fetched.job)
    if locked is None or not is_ours or not is_current(locked, run):
        return Done()
    if locked.lacks_key:  # since the page was requested: the next step parks the search
        return Continue()
    filtered = await filter_page(tx, run, locked, page, fetched.platform, fetched.key)
    catalogued, accepted = await _catalog_and_accept(tx, fetched, locked, filtered)
    barren_pages = locked.barren_pages + 1 if accepted.is_barren else 0
    names = [*accepted.again, *(creator.stable_id for creator in accepted.creators)]
    await refresh_in_campaign(tx, run, [catalogued.creator_ids[name] for name in names])
    if accepted.creators:
        await queries.insert_results(tx, run, new_results(fetched, locked, catalogued, accepted.creators))
    await queries.add_posts(tx, run, fetched.platform, _posts_of(accepted.again, catalogued))
    if run.like is not None:
        await keep_candidates(tx, run, _candidates(fetched, filtered, catalogued))
    await tx.run(
        queries.ADVANCE_RUN,
        **queries.ids(run),
        cursor=page.next_cursor,
        seen=_digest(run.cursor),
        found=len(page.creators),
        skipped=page.skipped,
        stored=len(accepted.creators),
        barren_pages=barren_pages,
        run_pages=locked.pages + 1,
    )
    is_barren = barren_pages >= _most_barren_pages(page, filtered)
    reason = _end_reason(fetched, locked, accepted, is_barren=is_barren)
    if accepted.has_waiting and reason not in {None, *OF_THE_SEARCH}:
        await tx.run(END_PAGES, run_id=run.run_id, user_id=run.user_id, reason=reason)
        reason = None
    following = None
    if reason is None and run.criteria is None and not locked.has_to_wait:
        progress = _progress(fetched, locked, accepted, barren_pages)
        following = PendingPage(run=next_state(fetched), progress=progress)
        if next_call is not None:
            following = replace(following, call_id=await begin_call(tx, following.run, next_call))
    await charge(tx, run.user_id, accepted.charge, search_id=run.search_id)
    if reason is not None:
        await _end(tx, fetched, reason)
        return Done()
    return Continue(following)


async def is_next_wanted(tx: Transaction, fetched: FetchedPage) -> bool:
    """Whether the run is still ours, and search and plan have room for more than this page's creators."""
    found = len(fetched.page.creators)
    if not await job_queries.holds(tx, fetched.job):
        return False
    run = fetched.run
    if not await tx.one(queries.IS_NEXT_WANTED, **_fence(run), found=found):
        return False
    return await creators_left(tx, run.user_id) > found


def can_ask_ahead(fetched: FetchedPage) -> bool:
    """Whether another page will be wanted for every content of this page.

    Judged by the run after its last page; what others do to the search meanwhile is unknown.
    """
    page, before = fetched.page, fetched.progress
    return (
        before is not None
        and fetched.run.criteria is None
        and page.next_cursor is not None
        and _digest(page.next_cursor) not in before.seen_cursors | {_digest(fetched.run.cursor)}
        and before.room > len(page.creators)
        and before.barren_pages + 1 < MAX_BARREN_PAGES
        and before.pages + 1 < fetched.most_pages
    )


def next_state(fetched: FetchedPage) -> RunState:
    """The run at its next page."""
    return replace(fetched.run, cursor=fetched.page.next_cursor, version=fetched.run.version + 1)


def _fence(run: RunState) -> dict[str, object]:
    return {"run_id": run.run_id, "user_id": run.user_id, "version": run.version}


def is_current(locked: LockedRun, run: RunState) -> bool:
    return locked.search_status.is_open and locked.status.is_open and locked.version == run.version


async def _catalog_and_accept(
    tx: Transaction, fetched: FetchedPage, locked: LockedRun, filtered: FilteredPage
) -> tuple[Catalogued, _Accepted]:
    """The whole page enters the catalog; creators that are new enter the search, in order.

    Target and plan limit how many. What an earlier call fetched replaces nothing newer in the catalog.
    """
    page, run, moment = filtered.page, fetched.run, fetched.fetched_at
    stable_ids = [creator.stable_id for creator in fetched.page.creators]
    platform = fetched.platform.value
    whose = {"search_id": run.search_id, "user_id": run.user_id}
    where = {**whose, "platform": platform, "position": locked.position}
    rows = await tx.many(queries.LIST_HELD, **where, run_id=run.run_id, stable_ids=stable_ids)
    held = {row.stable_id: row.is_known for row in rows}
    newer = NO_IDS if moment is None else await list_newer(tx, page.creators, page.posts, moment)
    by_id = {creator.stable_id: creator for creator in filtered.creators}
    seen = await list_seen(tx, where, run, stable_ids)
    new = [stable_id for stable_id in by_id if stable_id not in held and stable_id not in seen]
    if run.like is not None:  # its creators enter when all are there to be compared
        new = []
    if of_others := [stable_id for stable_id in by_id if held.get(stable_id) is False]:
        await tx.run(queries.MARK_FOUND, **where, stable_ids=of_others)
    on_page = {creator.stable_id for creator in page.creators}
    written = await upsert(
        tx,
        [creator for creator in page.creators if creator.stable_id not in newer.creators],
        [post for post in page.posts if post.post_id not in newer.posts and post.creator_id in on_page],
        provenance=fetched.provenance,
        now=moment or locked.now,
    )
    creator_ids = {**newer.creators, **written.creators}
    waiting: Sequence[str] = ()
    if run.criteria is not None:
        unseen = replace(page, creators=[by_id[stable_id] for stable_id in new])
        judged = await judge(tx, run, locked, unseen, creator_ids, fresh=fetched.fresh)
        new, waiting = list(judged.matching), judged.waiting
    new = new[: locked.target - locked.stored]
    # After the catalog: here the usage of the user may be locked.
    planned = await plan_creators(tx, run.user_id, platform=platform, stable_ids=new)
    await publish_merges(tx, run.user_id, written.known_by_handle)
    catalogued = Catalogued(page, creator_ids, {**newer.posts, **written.posts})
    creators = [by_id[stable_id] for stable_id in planned.allowed]
    return catalogued, _Accepted(
        creators,
        [stable_id for stable_id in by_id if stable_id in held],
        planned,
        is_limited=len(creators) < len(new),
        is_barren=run.like is None
        and all(held.get(stable_id, seen.get(stable_id, False)) for stable_id in by_id),
        has_waiting=bool(waiting),
    )


def new_results(
    fetched: FetchedPage, locked: LockedRun, catalogued: Catalogued, new: Sequence[Creator]
) -> NewResults:
    keyword = fetched.run.keyword
    posts = _posts_by_creator(catalogued.page.posts)
    shown = [evidence_of(keyword, creator, posts.get(creator.stable_id, ())) for creator in new]
    return NewResults(
        platform=fetched.platform,
        documents=[to_document(creator, one.post, keyword) for creator, one in zip(new, shown, strict=True)],
        stable_ids=[creator.stable_id for creator in new],
        creator_ids=[catalogued.creator_ids[creator.stable_id] for creator in new],
        post_ids=[catalogued.post_ids[one.post.post_id] if one.post else None for one in shown],
        matched_in=[one.matched_in for one in shown],
        other_post_ids=[
            [
                catalogued.post_ids[post_id]
                for post_id in dict.fromkeys(post.post_id for post in posts.get(creator.stable_id, ()))
                if one.post and post_id != one.post.post_id
            ][: queries.MOST_POSTS]
            for creator, one in zip(new, shown, strict=True)
        ],
        now=locked.now,
        expires_at=fetched.provenance.expires_at(fetched.fetched_at or locked.now),
    )


def _candidates(
    fetched: FetchedPage, filtered: FilteredPage, catalogued: Catalogued
) -> Mapping[int, CandidateRole]:
    """The creators that a similar search is to compare, by their ids, and the creator itself."""
    is_first = fetched.run.cursor is None
    itself = fetched.page.creators[0].stable_id if is_first and fetched.page.creators else None
    role = CandidateRole.RELATED if is_first else CandidateRole.FOUND
    roles = {creator.stable_id: role for creator in filtered.creators if not creator.private}
    if itself is not None:
        roles[itself] = CandidateRole.TARGET
    ids = catalogued.creator_ids
    return {ids[stable_id]: one for stable_id, one in roles.items() if stable_id in ids}


def _posts_of(stable_ids: Sequence[str], catalogued: Catalogued) -> Sequence[tuple[str, int]]:
    wanted = set(stable_ids)
    return [
        (post.creator_id, catalogued.post_ids[post.post_id])
        for post in catalogued.page.posts
        if post.creator_id in wanted
    ]


def _progress(fetched: FetchedPage, locked: LockedRun, accepted: _Accepted, barren_pages: int) -> RunProgress:
    return RunProgress(
        room=locked.target - locked.stored - len(accepted.creators),
        pages=locked.pages + 1,
        barren_pages=barren_pages,
        seen_cursors=locked.seen_cursors | {_digest(fetched.run.cursor)},
    )


def _end_reason(
    fetched: FetchedPage, locked: LockedRun, accepted: _Accepted, *, is_barren: bool
) -> EndReason | None:
    cursor = fetched.page.next_cursor
    if locked.stored + len(accepted.creators) >= locked.target:
        return EndReason.TARGET_REACHED
    if accepted.is_limited:
        return EndReason.PLAN_LIMIT
    if cursor is None:
        return EndReason.EXHAUSTED
    if _digest(cursor) in locked.seen_cursors | {_digest(fetched.run.cursor)}:
        return EndReason.CURSOR_LOOP
    if is_barren:
        return EndReason.NO_NEW_CREATORS
    return EndReason.PAGE_CAP if locked.pages + 1 >= fetched.most_pages else None


def _most_barren_pages(page: Page, filtered: FilteredPage) -> int:
    left_out = len(filtered.creators) < len(page.creators)
    return MAX_BARREN_PAGES_OF_OTHERS if left_out else MAX_BARREN_PAGES


async def _end(tx: Transaction, fetched: FetchedPage, reason: EndReason) -> None:
    """Target and plan end the whole search; the other reasons end this keyword."""
    run = fetched.run
    if reason in OF_THE_SEARCH:
        await end_search(tx, run.user_id, run.search_id, reason)
    else:
        error = _cut(fetched) if reason is EndReason.PAGE_CAP else None
        await end_run(tx, run.user_id, run.search_id, run.run_id, reason, error=error)


def _cut(fetched: FetchedPage) -> str:
    """What cut the keyword off, and how to continue it."""
    pages = "1 page that was" if fetched.most_pages == 1 else f"{fetched.most_pages:,} pages that were"
    cut = f"“{fetched.run.keyword}” has more results than the {pages} read"
    if fetched.platform is not Platform.TIKTOK:
        return f"{cut}. A keyword may have no more pages."
    return f"{cut}. `tastemaker config set {MAX_API_CALLS_TIKTOK.name} NUMBER` allows more."


def _posts_by_creator(posts: Sequence[Post]) -> Mapping[str, list[Post]]:
    grouped: dict[str, list[Post]] = {}
    for post in posts:
        grouped.setdefault(post.creator_id, []).append(post)
    return grouped


def _digest(cursor: str | None) -> str:
    """Eight bytes of a cursor's hash: enough to recognise one of hundreds of characters."""
    return hashlib.blake2b((cursor or "").encode(), digest_size=8).hexdigest()
