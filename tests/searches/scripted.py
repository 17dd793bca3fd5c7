"""A scripted provider (the outermost door) and the verbs that tests of searches share."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import httpx

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.campaigns.service import ensure_campaign
from tastemaker.config_store.hot_reload import Configuration
from tastemaker.core.platforms import Platform
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tastemaker.jobs.schedules import run_schedules
from tastemaker.jobs.worker import run_worker
from tastemaker.jobs.worker_state import WorkerSettings
from tastemaker.providers.base import (
    Capability,
    Cost,
    Creator,
    CursorKind,
    Declaration,
    KeywordQuery,
    Page,
    PolicyClass,
    Post,
    ProfileLookup,
    ProfileQuery,
    Provider,
)
from tastemaker.searches.exclusions.names import SuppressionKey
from tastemaker.searches.service import get_search, start_search
from tastemaker.searches.tasks import SEARCH_SWEEPER, Sources, search_handlers
from tastemaker.searches.types import Search, make_request

DECLARATION = Declaration(
    name="scripted",
    platforms=frozenset({Platform.YOUTUBE}),
    capabilities=frozenset({Capability.KEYWORD_SEARCH}),
    page_size=10,
    cost_per_page=Cost(calls=1, units=1),
    calls_per_second=100,
    policy=PolicyClass(name="none", keep_days=None, derived_metrics=True, contacts=True),
    stable_id_path="id",
    cursor_kind=CursorKind.NUMBER,
    deadline_seconds=5,
)

PROFILED = replace(
    DECLARATION, capabilities=frozenset({Capability.KEYWORD_SEARCH, Capability.PROFILE}), tells_bios=False
)


def creator(number: int, **fields: object) -> Creator:
    values: dict[str, object] = {"name": f"Creator {number}", "followers": number * 10, "bio": "makes things"}
    return Creator(
        platform=Platform.YOUTUBE,
        stable_id=f"UC{number:06}",
        handle=f"creator{number}",
        **{**values, **fields},  # type: ignore[arg-type]  # fields come by name
    )


def post(number: int) -> Post:
    return Post(
        platform=Platform.YOUTUBE,
        post_id=f"v{number}",
        creator_id=f"UC{number:06}",
        text=f"all about chess {number}",
        url=f"https://video.example.com/{number}",
        views=number,
        likes=number,
    )


def page(numbers: Sequence[int], next_cursor: str | None) -> Page:
    return Page(
        creators=[creator(number) for number in numbers],
        posts=[post(number) for number in numbers],
        next_cursor=next_cursor,
        cost=Cost(calls=1, units=1),
    )


Script = Callable[[str, str | None], Page | Exception]


@dataclass
class ScriptedProvider:
    """Answers as the script says, and remembers what it was asked."""

    script: Script
    delay: float = 0.0
    declaration: Declaration = DECLARATION
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    async def search_keyword(self, http: httpx.AsyncClient, query: KeywordQuery, cursor: str | None) -> Page:
        self.asked.append((query.keyword, cursor))
        await asyncio.sleep(self.delay)
        answer = self.script(query.keyword, cursor)
        if isinstance(answer, Exception):
            raise answer
        return answer


def pages_of(per_page: int, total: int) -> Script:
    """Creators 0 … total-1, in pages; the cursor is the next number."""

    def script(keyword: str, cursor: str | None) -> Page:
        start = int(cursor or 0)
        numbers = range(start, min(start + per_page, total))
        return page(list(numbers), str(start + per_page) if start + per_page < total else None)

    return script


@dataclass
class ProfiledProvider(ScriptedProvider):
    """Its pages tell no bio. A profile is what `told` has by stable id: fields, or an error."""

    told: Mapping[str, Mapping[str, object] | Exception] = field(default_factory=dict)
    declaration: Declaration = PROFILED
    profile_cost: Cost = DECLARATION.cost_per_page
    looked_up: list[str] = field(default_factory=list)

    async def fetch_profile(self, http: httpx.AsyncClient, query: ProfileQuery) -> Page:
        stable_id = query.stable_id or ""
        self.looked_up.append(stable_id)
        await asyncio.sleep(self.delay)
        told = self.told.get(stable_id, {"bio": "makes things"})
        if isinstance(told, Exception):
            raise told
        number = int(stable_id.removeprefix("UC"))
        found = creator(number, **{"bio": None, **told})
        return replace(page([], None), creators=[found], cost=self.profile_cost)


def without_bios(script: Script) -> Script:
    def stripped(keyword: str, cursor: str | None) -> Page | Exception:
        answer = script(keyword, cursor)
        if isinstance(answer, Exception):
            return answer
        return replace(answer, creators=[replace(one, bio=None) for one in answer.creators])

    return stripped


@dataclass
class Bench:
    """A search under test."""

    database: Database
    user: CurrentUser

    async def start(
        self,
        *keywords: str,
        target: int = 100,
        platform: Platform = Platform.YOUTUBE,
        source: str = "sandbox",
        max_cost: int | None = None,
        enrich: bool = False,
    ) -> Search:
        async with transaction(self.database, self.user.claim) as tx:
            campaign = await ensure_campaign(tx, self.user, name="test")
            request = make_request(
                platform=platform,
                keywords=keywords or ("chess",),
                target=target,
                max_cost=max_cost,
                enrich=enrich,
            )
            return await start_search(tx, self.user, campaign, request, source=source)

    async def reload(self, search: Search) -> Search:
        async with transaction(self.database, self.user.claim) as tx:
            return await get_search(tx, self.user, str(search.id))

    async def finish(self, search: Search, *, within: float = 20.0, parked_ends: bool = True) -> Search:
        """Wait until the search has ended (or is parked)."""
        async with asyncio.timeout(within):
            while True:
                search = await self.reload(search)
                if not search.status.is_open or (parked_ends and search.parked_until):
                    return search
                await asyncio.sleep(0.02)


@asynccontextmanager
async def working(
    database: Database,
    provider: Provider,
    *,
    settings: WorkerSettings | None = None,
    config: Configuration | None = None,
    key: SuppressionKey | None = None,
) -> AsyncIterator[asyncio.Event]:
    """A worker beside the block, stopped gracefully when the block ends."""
    stopping = asyncio.Event()
    each = dict.fromkeys(Platform, provider)
    providers: Mapping[str, Mapping[Platform, Provider]] = {"sandbox": each, "live": each}
    async with httpx.AsyncClient() as http:
        lookups = {"sandbox": each, "live": each} if isinstance(provider, ProfileLookup) else {}
        handlers = search_handlers(Sources(http=http, providers=providers, key=key, lookups=lookups))
        worker = asyncio.create_task(
            run_worker(
                database,
                handlers,
                stopping=stopping,
                settings=settings or WorkerSettings(poll=0.1),
                config=config,
            )
        )
        try:
            yield stopping
        finally:
            stopping.set()
            await worker


@asynccontextmanager
async def sweeping(database: Database) -> AsyncIterator[None]:
    """The sweeper's schedule beside the block, in haste."""
    stopping = asyncio.Event()
    often = replace(SEARCH_SWEEPER, every=timedelta(seconds=0.1))
    task = asyncio.create_task(
        run_schedules(database, stopping=stopping, schedules=[often], poll_seconds=0.05)
    )
    try:
        yield
    finally:
        stopping.set()
        await task
