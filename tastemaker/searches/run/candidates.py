"""A search with criteria: whom a page shows is compared with them, and only who matches is stored.

Everybody else is in the catalog only. Who cannot be judged yet is a candidate and waits for a profile, which
a step of the run fetches (`candidate_step.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from pydantic import TypeAdapter

from tastemaker.catalog.filtering import CreatorFilter, read_fields
from tastemaker.catalog.matching import Verdict, matches
from tastemaker.db.enums import CandidateState
from tastemaker.db.transaction import Transaction
from tastemaker.providers.base import Cost, Creator, Page
from tastemaker.searches.enrichment.profiles import BATCH
from tastemaker.searches.run import candidate_queries
from tastemaker.searches.run.candidate_queries import WaitingCandidate
from tastemaker.searches.run.queries import LockedRun, RunState

NOTHING: Final = Cost(calls=0, units=0)
_PAGES: Final = TypeAdapter(Page)


@dataclass(frozen=True, slots=True)
class Judged:
    """The new creators of a page, by stable id: who matches, and who waits for a profile."""

    matching: Sequence[str]
    waiting: Sequence[str]


def criteria_of(run: RunState) -> CreatorFilter:
    """As `search_params` keeps them: pairs of an address's query."""
    return CreatorFilter(**read_fields(CreatorFilter, [(name, value) for name, value in run.criteria or ()]))


async def list_seen(
    tx: Transaction, where: Mapping[str, Any], run: RunState, stable_ids: Sequence[str]
) -> dict[str, bool]:
    """Whom of these the search has looked at, and whether this keyword had met them before."""
    if run.criteria is None:
        return {}
    rows = await tx.many(candidate_queries.LIST_SEEN, **where, run_id=run.run_id, stable_ids=list(stable_ids))
    seen = {row.stable_id: row.is_known for row in rows}
    if of_others := [stable_id for stable_id, is_known in seen.items() if not is_known]:
        await tx.run(candidate_queries.MARK_SEEN, **where, stable_ids=of_others)
    return seen


async def judge(
    tx: Transaction,
    run: RunState,
    locked: LockedRun,
    page: Page,
    creator_ids: Mapping[str, int],
    *,
    fresh: timedelta | None,
) -> Judged:
    """Compare the page's creators with the criteria, and keep who waits.

    `fresh`: how old a profile may be; None where nobody here tells profiles, so that nobody waits.
    """
    new = page.creators[: max(0, (run.most_looked or 0) - locked.looked_at)]
    ids = [creator_ids[one.stable_id] for one in new]
    verdicts = await judge_known(tx, run, ids, now=locked.now, fresh=fresh)
    states = [_state(verdicts[creator_id], can_ask=fresh is not None) for creator_id in ids]
    if new:
        await tx.run(
            candidate_queries.INSERT_CANDIDATES,
            search_id=run.search_id,
            user_id=run.user_id,
            run_id=run.run_id,
            platform=new[0].platform.value,
            stable_ids=[one.stable_id for one in new],
            creator_ids=ids,
            states=[state.value for state in states],
            pages=[
                _alone(page, one) if state is CandidateState.WAITING else None
                for one, state in zip(new, states, strict=True)
            ],
        )
    by_state = list(zip(new, states, strict=True))
    return Judged(
        [one.stable_id for one, state in by_state if state is CandidateState.ADMITTED],
        [one.stable_id for one, state in by_state if state is CandidateState.WAITING],
    )


async def judge_known(
    tx: Transaction, run: RunState, creator_ids: Sequence[int], *, now: datetime, fresh: timedelta | None
) -> Mapping[int, Verdict]:
    """By what the catalog knows of them now, so that what is admitted is what its rows say."""
    criteria = criteria_of(run)
    facts = await tx.many(
        candidate_queries.LIST_FACTS.choose(which="ids"),
        ids=list(creator_ids),
        fresh_seconds=(fresh or timedelta(0)).total_seconds(),
        limit=len(creator_ids),
    )
    return {one.creator_id: matches(criteria, one, now) for one in facts}


async def list_waiting(tx: Transaction, run: RunState) -> Sequence[WaitingCandidate]:
    """The next ones, no more than the target still needs: none of their calls can be too many."""
    if run.criteria is None:
        return []
    return await tx.many(
        candidate_queries.LIST_WAITING,
        user_id=run.user_id,
        run_id=run.run_id,
        limit=min(BATCH, max(run.room, 1)),
    )


def shown_of(candidate: WaitingCandidate) -> Page:
    """The candidate and its posts as the search showed them."""
    return _PAGES.validate_python(candidate.page)


def _state(verdict: Verdict, *, can_ask: bool) -> CandidateState:
    if verdict is Verdict.YES:
        return CandidateState.ADMITTED
    waits = verdict is Verdict.NEEDS_PROFILE and can_ask
    return CandidateState.WAITING if waits else CandidateState.LEFT_OUT


def _alone(page: Page, creator: Creator) -> str:
    posts = [post for post in page.posts if post.creator_id == creator.stable_id]
    alone = Page(creators=[creator], posts=posts, next_cursor=None, cost=NOTHING)
    return orjson.dumps(_PAGES.dump_python(replace(alone, raw=()), mode="json")).decode()
