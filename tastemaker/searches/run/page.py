"""Keeping a page: one transaction that stores, charges, moves the cursor and, at the end, ends the search.

The page counts only if the run is where it was when the page was asked for; otherwise somebody else has
kept this page, and nothing is written but the cost of the call.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from tastemaker.billing.plan_limits import Charge, charge, plan_charge
from tastemaker.catalog.queries import NO_IDS, list_newer, upsert
from tastemaker.catalog.types import Provenance
from tastemaker.core.platforms import Platform
from tastemaker.db.messages import in_one_message
from tastemaker.db.transaction import Transaction
from tastemaker.jobs.types import ClaimedJob
from tastemaker.providers.base import Creator, Declaration, Page, Post
from tastemaker.searches.exclusions.filter import FilteredPage, filter_page
from tastemaker.searches.exclusions.names import NO_KEY_ID, SuppressionKey
from tastemaker.searches.maintenance import publish_merges
from tastemaker.searches.results.documents import best_post, matched_fields, to_document
from tastemaker.searches.run import call_queries, queries
from tastemaker.searches.run.queries import LockedRun, LockedSearch, RunProgress, RunState
from tastemaker.searches.service import end_run, end_search
from tastemaker.searches.types import SANDBOX, EndReason

MOST_PAGES = 500


MAX_BARREN_PAGES = 3
"""In a row that brought nobody: a keyword has no more to give."""


MAX_BARREN_PAGES_OF_OTHERS = 20
"""The same where somebody was left out, of whom it is not known whether they came before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedPage:
    """A page with what it was fetched for. `call_id`: a call that is to be settled with it.

    `fetched_at`: when, where an earlier call brought it. `most_pages`: how many its keyword may have.
    """

    state: RunState
    job: ClaimedJob
    call_id: UUID | None
    page: Page
    platform: Platform
    declaration: Declaration
    source: str
    key: SuppressionKey | None = None
    fetched_at: datetime | None = None
    most_pages: int = MOST_PAGES

    @property
    def provenance(self) -> Provenance:
        """A sandbox's creators are nobody's: no policy limits them."""
        if self.source == SANDBOX:
            return Provenance(source=SANDBOX, policy=SANDBOX, keep_days=None)
        policy = self.declaration.policy
        return Provenance(source=self.declaration.name, policy=policy.name, keep_days=policy.keep_days)


@dataclass(frozen=True, slots=True)
class Kept:
    """Whether the run goes on; `stored` creators were new.

    `next_state` is the page after this one, where nothing stands against asking for it at once.
    """

    goes_on: bool
    stored: int = 0
    next_state: RunState | None = None
    next_call_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class _Accepted:
    creators: Sequence[Creator]
    charge: Charge
    is_limited: bool


@dataclass(frozen=True, slots=True)
class _Learnt:
    """A page that is in the catalog: its creators' and posts' ids there."""

    page: Page
    creator_ids: Mapping[str, int]
    post_ids: Mapping[str, int]


async def keep_page(
    session: Transaction,
    fetched: FetchedPage,
    *,
    next_call: call_queries.PlannedCall | None = None,
    is_last: bool = False,
) -> Kept:
    """`next_call` is written down with the page where the run goes on and nothing stands against it.

    `is_last`: nothing of the transaction follows, so it may end with the page's own last message.
    """
    state, page = fetched.state, fetched.page
    key_id = fetched.key.id if fetched.key else NO_KEY_ID
    opened = await queries.open_page(
        session,
        state,
        fetched.call_id,
        page.cost,
        key_id=key_id,
        job=fetched.job,
        platform=fetched.platform,
        stable_ids=[creator.stable_id for creator in page.creators],
    )
    if opened is None or not _is_current(opened.search, opened.run, state):
        return Kept(goes_on=False)
    search, run = opened.search, opened.run
    if search.lacks_key:  # since the page was asked for: the next state says so, and waits
        return Kept(goes_on=True)
    filtered = await filter_page(session, state, search, page, fetched.platform, fetched.key)
    learnt, accepted = await _learn_and_accept(session, fetched, opened, filtered)
    barren_pages = 0 if accepted.creators else run.barren_pages + 1
    is_barren = barren_pages >= _most_barren_pages(page, filtered)
    step = queries.Step(
        cursor=page.next_cursor,
        seen=[_digest(state.cursor)],
        found=len(page.creators),
        stored=len(accepted.creators),
        barren_pages=barren_pages,
        run_pages=run.pages + 1,
    )
    found = _found(fetched, search, learnt, accepted.creators)
    reason = _end_reason(fetched, search, run, accepted, is_barren=is_barren)
    following = _following(state, page, _outlook(fetched, search, run, accepted, barren_pages))
    goes_on_now = reason is None and not search.has_to_wait
    next_call_id = None
    async with in_one_message(session, is_last=is_last and reason is None) as message:
        if found is not None:
            await queries.store(message, state, found)
        await queries.advance(message, state, step)
        if next_call is not None and goes_on_now:
            next_call_id = await call_queries.write_call(message, following, next_call)
        await charge(message, state.user_id, accepted.charge, search_id=state.search_id)
    if reason is not None:
        await _end(session, state, reason)
    return Kept(
        goes_on=reason is None,
        stored=len(accepted.creators),
        next_state=following if goes_on_now else None,
        next_call_id=next_call_id,
    )


def can_ask_ahead(fetched: FetchedPage) -> bool:
    """Whether another page will be wanted, whoever of this one enters the search.

    As its last page left the run: what others do to the search meanwhile nobody knows.
    """
    page, before = fetched.page, fetched.state.progress
    return (
        before is not None
        and page.next_cursor is not None
        and _digest(page.next_cursor) not in before.seen_cursors | {_digest(fetched.state.cursor)}
        and before.room > len(page.creators)
        and before.barren_pages + 1 < MAX_BARREN_PAGES
        and before.pages + 1 < fetched.most_pages
    )


def next_state(fetched: FetchedPage) -> RunState:
    """The page after this one, before it is known what this one brings."""
    return _following(fetched.state, fetched.page, None)


def _following(state: RunState, page: Page, progress: RunProgress | None) -> RunState:
    return replace(state, cursor=page.next_cursor, version=state.version + 1, progress=progress)


def _outlook(
    fetched: FetchedPage, search: LockedSearch, run: LockedRun, accepted: _Accepted, barren_pages: int
) -> RunProgress:
    return RunProgress(
        room=search.target - search.stored - len(accepted.creators),
        pages=run.pages + 1,
        barren_pages=barren_pages,
        seen_cursors=run.seen_cursors | {_digest(fetched.state.cursor)},
    )


def _is_current(search: LockedSearch, run: LockedRun, state: RunState) -> bool:
    return search.status.is_open and run.status.is_open and run.version == state.version


async def _learn_and_accept(
    session: Transaction, fetched: FetchedPage, opened: queries.OpenPage, filtered: FilteredPage
) -> tuple[_Learnt, _Accepted]:
    """Everything the page told goes into the catalog, whoever of it enters the search.

    What an earlier call brought replaces nothing that the catalog was told since. Those enter whom the
    search does not hold, as many as target and plan allow, in order.
    """
    page, user_id, moment = filtered.page, fetched.state.user_id, fetched.fetched_at
    known = NO_IDS if moment is None else await list_newer(session, page.creators, page.posts, moment)
    by_id = {creator.stable_id: creator for creator in filtered.creators}
    room = opened.search.target - opened.search.stored
    new = [stable_id for stable_id in by_id if stable_id not in opened.held][:room]
    on_page = {creator.stable_id for creator in page.creators}
    async with in_one_message(session) as message:
        read_kept = await upsert(
            message,
            [creator for creator in page.creators if creator.stable_id not in known.creators],
            [post for post in page.posts if post.post_id not in known.posts and post.creator_id in on_page],
            provenance=fetched.provenance,
            now=moment or opened.search.now,
        )
        read_charge = await plan_charge(  # after the catalog: here the user's usage may be locked
            message,
            user_id,
            platform=fetched.platform.value,
            stable_ids=new,
            is_unlimited=opened.is_unlimited,
        )
    kept, planned = await read_kept(), await read_charge()
    await publish_merges(session, user_id, kept.known_by_handle)
    learnt = _Learnt(page, {**known.creators, **kept.creators}, {**known.posts, **kept.posts})
    creators = [by_id[stable_id] for stable_id in planned.allowed]
    return learnt, _Accepted(creators, planned, is_limited=len(creators) < len(new))


def _found(
    fetched: FetchedPage, search: LockedSearch, learnt: _Learnt, new: Sequence[Creator]
) -> queries.Found | None:
    """The new creators as they enter the search."""
    if not new:
        return None
    keyword = fetched.state.keyword
    posts = _posts_by_creator(learnt.page.posts)
    best = {creator.stable_id: best_post(keyword, posts.get(creator.stable_id, ())) for creator in new}
    return queries.Found(
        platform=fetched.platform,
        documents=[to_document(creator, best[creator.stable_id], keyword) for creator in new],
        first_position=search.stored + 1,
        stable_ids=[creator.stable_id for creator in new],
        creator_ids=[learnt.creator_ids[creator.stable_id] for creator in new],
        post_ids=[learnt.post_ids[post.post_id] if post else None for post in best.values()],
        matched_in=[matched_fields(keyword, creator, posts.get(creator.stable_id, ())) for creator in new],
        now=search.now,
        expires_at=fetched.provenance.expires_at(fetched.fetched_at or search.now),
    )


def _end_reason(
    fetched: FetchedPage, search: LockedSearch, run: LockedRun, accepted: _Accepted, *, is_barren: bool
) -> EndReason | None:
    cursor = fetched.page.next_cursor
    if search.stored + len(accepted.creators) >= search.target:
        return EndReason.TARGET_REACHED
    if accepted.is_limited:
        return EndReason.PLAN_LIMIT
    if cursor is None:
        return EndReason.EXHAUSTED
    if _digest(cursor) in run.seen_cursors | {_digest(fetched.state.cursor)}:
        return EndReason.CURSOR_LOOP
    if is_barren:
        return EndReason.NO_NEW_CREATORS
    return EndReason.PAGE_CAP if run.pages + 1 >= fetched.most_pages else None


def _most_barren_pages(page: Page, filtered: FilteredPage) -> int:
    somebody_was_left_out = len(filtered.creators) < len(page.creators)
    return MAX_BARREN_PAGES_OF_OTHERS if somebody_was_left_out else MAX_BARREN_PAGES


async def _end(session: Transaction, state: RunState, reason: EndReason) -> None:
    """Target and plan end the whole search; the other reasons end this keyword."""
    if reason in {EndReason.TARGET_REACHED, EndReason.PLAN_LIMIT}:
        await end_search(session, state.user_id, state.search_id, reason)
    else:
        await end_run(session, state.user_id, state.search_id, state.run_id, reason)


def _posts_by_creator(posts: Sequence[Post]) -> Mapping[str, list[Post]]:
    grouped: dict[str, list[Post]] = {}
    for post in posts:
        grouped.setdefault(post.creator_id, []).append(post)
    return grouped


def _digest(cursor: str | None) -> str:
    """A cursor may have hundreds of characters; eight bytes of its hash tell whether it came before."""
    return hashlib.blake2b((cursor or "").encode(), digest_size=8).hexdigest()
