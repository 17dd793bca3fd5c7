"""The step of a run in which candidates get their profiles: fetched side by side, judged, admitted.

One transaction writes the profiles, admits who matches, charges and cuts at the target. A kill repeats at
most the calls under way. A profile that fails again and again leaves its candidate out; it never fails the
search.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Final

from tastemaker.billing.plan_limits import charge, plan_creators
from tastemaker.catalog.matching import Verdict
from tastemaker.catalog.queries import list_newer
from tastemaker.config_store.keys import KEEP_PROFILES_FOR
from tastemaker.db.enums import CandidateState, Enhancement
from tastemaker.db.pool import Database
from tastemaker.db.transaction import Transaction
from tastemaker.jobs import queries as job_queries
from tastemaker.jobs.types import Again, ClaimedJob, Done, JobResult
from tastemaker.providers.base import Creator, ErrorKind, Page
from tastemaker.providers.limits import backoff
from tastemaker.providers.lookups import CallOwner
from tastemaker.searches.enrichment.profiles import (
    FetchedProfile,
    ProfileAccess,
    fetch_profiles,
    set_states,
    write_profiles,
)
from tastemaker.searches.enrichment.queries import WantedCreator
from tastemaker.searches.exclusions.names import NO_KEY_ID
from tastemaker.searches.run import candidate_queries, queries
from tastemaker.searches.run.candidate_queries import WaitingCandidate
from tastemaker.searches.run.candidates import NOTHING, judge_known, shown_of
from tastemaker.searches.run.failures import provider_failed
from tastemaker.searches.run.page import Catalogued, FetchedPage, is_current, new_results
from tastemaker.searches.run.provider_calls import ProviderAccess
from tastemaker.searches.run.queries import LockedRun, RunState
from tastemaker.searches.service import end_search
from tastemaker.searches.types import EndReason

MOST_FAILURES: Final = 3
LONGEST_WAIT_SECONDS: Final = 120.0
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PendingCandidates:
    """The next candidates of a run that wait for a profile."""

    run: RunState
    candidates: Sequence[WaitingCandidate]


def profile_access(access: ProviderAccess) -> ProfileAccess | None:
    """None: nobody here tells profiles of this platform."""
    if access.lookup is None:
        return None
    return ProfileAccess(
        adapter=access.lookup,
        http=access.http,
        platform=access.platform,
        source=access.source,
        config=access.config,
        key=access.key,
    )


async def fetch_candidates(
    database: Database, access: ProfileAccess, pending: PendingCandidates
) -> Sequence[FetchedProfile]:
    run = pending.run
    wanted = [
        WantedCreator(one.creator_id, one.platform, one.stable_id, one.handle) for one in pending.candidates
    ]
    owner = CallOwner(search_id=run.search_id, run_id=run.run_id, max_cost=run.max_cost)
    return await fetch_profiles(database, access, run.user_id, wanted, owner)


async def commit_candidates(
    tx: Transaction,
    *,
    job: ClaimedJob,
    pending: PendingCandidates,
    access: ProviderAccess,
    profiles: ProfileAccess | None,
    fetched: Sequence[FetchedProfile],
) -> JobResult | None:
    """None: the run continues at once. Without `profiles` nobody can be judged: they are left out."""
    run = pending.run
    key_id = access.key.id if access.key else NO_KEY_ID
    locked = await queries.lock_run(tx, run, None, NOTHING, key_id=key_id)
    is_ours = await job_queries.progressed(tx, job)
    if locked is None or not is_ours or not is_current(locked, run):
        return Done()
    if locked.lacks_key:
        return None
    states = await write_profiles(tx, run.user_id, profiles.origin, fetched) if profiles else {}
    troubled = [one for one in fetched if one.wanted.creator_id not in states]
    gives_up = profiles is None or locked.failures + 1 >= MOST_FAILURES
    decided = {
        one.creator_id: CandidateState.LEFT_OUT
        for one in pending.candidates
        if one.creator_id in states or profiles is None or (gives_up and not _waits(troubled))
    }
    fresh = access.config[KEEP_PROFILES_FOR]
    known = [creator_id for creator_id, state in states.items() if state is Enhancement.COMPLETED]
    verdicts = await judge_known(tx, run, known, now=locked.now, fresh=fresh)
    chosen = [one for one in pending.candidates if verdicts.get(one.creator_id) is Verdict.YES]
    reason = await _admit(tx, run, locked, access, job, chosen, fetched, decided)
    if reason is not None:
        await end_search(tx, run.user_id, run.search_id, reason)
        return Done()
    return await _after_trouble(tx, run, job, access, troubled, failures=locked.failures, gives_up=gives_up)


async def _admit(
    tx: Transaction,
    run: RunState,
    locked: LockedRun,
    access: ProviderAccess,
    job: ClaimedJob,
    chosen: Sequence[WaitingCandidate],
    fetched: Sequence[FetchedProfile],
    decided: dict[int, CandidateState],
) -> EndReason | None:
    """Store who matches as far as target and plan allow, and charge. Why the search ends, if it does."""
    platform = access.platform
    room = chosen[: max(0, locked.target - locked.stored)]
    planned = await plan_creators(
        tx, run.user_id, platform=platform.value, stable_ids=[one.stable_id for one in room]
    )
    allowed = set(planned.allowed)
    admitted = [one for one in room if one.stable_id in allowed]
    told = {one.wanted.creator_id: one.page.creators[0] for one in fetched if one.page is not None}
    decided |= {one.creator_id: CandidateState.ADMITTED for one in admitted}
    if admitted:
        shown = [shown_of(one) for one in admitted]
        creators = [
            _completed(page.creators[0], told.get(one.creator_id))
            for one, page in zip(admitted, shown, strict=True)
        ]
        posts = [post for page in shown for post in page.posts]
        page = Page(creators=creators, posts=posts, next_cursor=None, cost=NOTHING)
        await queries.insert_results(
            tx, run, new_results(*await _as_page(tx, run, locked, access, job, page, admitted))
        )
        completed = {one.creator_id: Enhancement.COMPLETED for one in admitted}
        await set_states(tx, run.user_id, completed)
    await tx.run(
        candidate_queries.DECIDE,
        search_id=run.search_id,
        user_id=run.user_id,
        creator_ids=list(decided),
        states=[state.value for state in decided.values()],
    )
    await tx.run(
        candidate_queries.ADVANCE_CANDIDATES, **queries.ids(run), stored=len(admitted), failures=0, error=None
    )
    await charge(tx, run.user_id, planned, search_id=run.search_id)
    if locked.stored + len(admitted) >= locked.target:
        return EndReason.TARGET_REACHED
    return EndReason.PLAN_LIMIT if len(admitted) < len(room) else None


async def _as_page(
    tx: Transaction,
    run: RunState,
    locked: LockedRun,
    access: ProviderAccess,
    job: ClaimedJob,
    page: Page,
    admitted: Sequence[WaitingCandidate],
) -> tuple[FetchedPage, LockedRun, Catalogued, Sequence[Creator]]:
    """As `new_results` takes the creators of a page."""
    fetched = FetchedPage(
        run=run,
        progress=None,
        job=job,
        call_id=None,
        page=page,
        platform=access.platform,
        declaration=access.declaration,
        source=access.source,
        key=access.key,
    )
    known = await list_newer(tx, page.creators, page.posts, _LONG_AGO)
    page = replace(page, posts=[post for post in page.posts if post.post_id in known.posts])
    ids = {one.stable_id: one.creator_id for one in admitted}
    return fetched, locked, Catalogued(page, ids, known.posts), page.creators


async def _after_trouble(
    tx: Transaction,
    run: RunState,
    job: ClaimedJob,
    access: ProviderAccess,
    troubled: Sequence[FetchedProfile],
    *,
    failures: int,
    gives_up: bool,
) -> JobResult | None:
    error = next((one.error for one in troubled if one.error is not None), None)
    if error is None:
        return None
    following = replace(run, version=run.version + 1)
    if error.kind is ErrorKind.QUOTA:
        return await provider_failed(tx, job=job, run=following, call_id=None, error=error, access=access)
    if error.kind is ErrorKind.RATE_LIMITED:
        return Again(min(error.retry_after or 1.0, LONGEST_WAIT_SECONDS))
    if gives_up:
        return None
    await tx.run(
        candidate_queries.ADVANCE_CANDIDATES,
        **queries.ids(run),
        stored=0,
        failures=failures + 1,
        error=str(error),
    )
    return Again(backoff(failures + 1))


def _waits(troubled: Sequence[FetchedProfile]) -> bool:
    """For a quota or a slot, which is no failure of a profile."""
    waiting = {ErrorKind.QUOTA, ErrorKind.RATE_LIMITED}
    return any(one.error is not None and one.error.kind in waiting for one in troubled)


def _completed(shown: Creator, told: Creator | None) -> Creator:
    """As the search showed the creator, with what the profile knows."""
    if told is None:
        return shown
    known = {field.name: value for field in fields(Creator) if (value := getattr(told, field.name))}
    return replace(shown, **{name: value for name, value in known.items() if name != "extra_ids"})
