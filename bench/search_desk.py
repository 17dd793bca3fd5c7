"""What the benchmarks of searches share: a provider that costs nothing, and a user who searches."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.accounts.queries import insert_user
from tastemaker.accounts.service import ensure_local_user, get_current_user
from tastemaker.campaigns.service import create_campaign
from tastemaker.core.ids import ExternalUserId, new_id
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database, open_database
from tastemaker.db.transaction import transaction
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
)
from tastemaker.searches.service import get_search, start_search
from tastemaker.searches.tasks import Sources, search_handlers
from tastemaker.searches.types import Search, make_request

PER_PAGE = 50
PLATFORM = Platform.TIKTOK
BIO = "Makes short films about chess, tea and old bicycles. Mail for work, please, and no calls."
CAPTION = "All about chess, part {}: the opening that nobody plays any more, and why it still wins games"

DECLARATION = Declaration(
    name="null",
    platforms=frozenset(Platform),
    capabilities=frozenset({Capability.KEYWORD_SEARCH}),
    page_size=PER_PAGE,
    cost_per_page=Cost(calls=1, units=1),
    calls_per_second=1_000_000,
    policy=PolicyClass(name="none", keep_days=None, derived_metrics=True, contacts=True),
    stable_id_path="id",
    cursor_kind=CursorKind.NUMBER,
    deadline_seconds=60,
)


def make_page(mark: str, number: int, of: int) -> Page:
    names = [f"{mark}{number:05}{place:03}" for place in range(PER_PAGE)]
    return Page(
        creators=[_creator(name, place) for place, name in enumerate(names)],
        posts=[_post(name, place) for place, name in enumerate(names)],
        next_cursor=str(number + 1) if number + 1 < of else None,
        cost=Cost(calls=1, units=1),
    )


def _creator(name: str, place: int) -> Creator:
    return Creator(
        platform=PLATFORM,
        stable_id=f"7{name}",
        handle=f"user.{name}",
        name=f"The name of {name}",
        bio=BIO,
        followers=1000 + place,
        following=50 + place,
        posts_count=100 + place,
        verified=False,
        avatar_url=f"https://images.example.com/{name}.jpeg",
        profile_url=f"https://www.example.com/@user.{name}",
        emails=(f"{name}@example.com",),
        links=(f"https://links.example.com/{name}",),
        country="US",
    )


def _post(name: str, place: int) -> Post:
    return Post(
        platform=PLATFORM,
        post_id=f"8{name}",
        creator_id=f"7{name}",
        text=CAPTION.format(name),
        url=f"https://www.example.com/@user.{name}/video/8{name}",
        published_at=datetime(2026, 1, 1, tzinfo=UTC),
        views=10_000 + place,
        likes=1_000 + place,
        comments=100 + place,
        shares=10 + place,
        duration_seconds=30,
        hashtags=("chess", "opening", "learn"),
    )


@dataclass
class NullProvider:
    """Pages that were made before: asking costs nothing, or a fixed wait."""

    pages: dict[str, Sequence[Page]]
    wait: float = 0.0
    declaration: Declaration = DECLARATION
    asked: int = 0

    async def search_keyword(self, http: httpx.AsyncClient, query: KeywordQuery, cursor: str | None) -> Page:
        del http
        self.asked += 1
        if self.wait:
            await asyncio.sleep(self.wait)
        return self.pages[query.keyword][int(cursor or 0)]


@dataclass
class Desk:
    database: Database
    user: CurrentUser

    async def start(self, keywords: Sequence[str], target: int) -> Search:
        async with transaction(self.database, self.user.claim) as tx:
            campaign = await create_campaign(tx, self.user, name=f"bench {new_id()}")
            request = make_request(platform=PLATFORM, keywords=keywords, target=target)
            return await start_search(tx, self.user, campaign, request, source="sandbox")

    async def end(self, search: Search) -> Search:
        while True:
            async with transaction(self.database, self.user.claim) as tx:
                now = await get_search(tx, self.user, str(search.id))
            if not now.status.is_open:
                return now
            await asyncio.sleep(0.05)


@asynccontextmanager
async def desk(url: str) -> AsyncIterator[Desk]:
    async with open_database(url) as opened:
        async with transaction(opened, SYSTEM) as tx:
            user = await ensure_local_user(tx)
        yield Desk(opened, user)


async def make_desks(at: Desk, users: int) -> list[Desk]:
    """The same database for that many users without limits; they stay there for the next run."""
    desks = []
    for number in range(users):
        user_id = ExternalUserId(f"bench {number}")
        async with transaction(at.database, SYSTEM) as tx:
            await insert_user(tx, user_id, full_name="Somebody", plan=at.user.plan, is_admin=False)
            desks.append(Desk(at.database, await get_current_user(tx, user_id)))
    return desks


@asynccontextmanager
async def working(opened: Database, provider: NullProvider, *, concurrency: int = 20) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    async with httpx.AsyncClient() as http:
        sources = Sources(http=http, providers={"sandbox": dict.fromkeys(Platform, provider)})
        settings = WorkerSettings(poll=0.2, concurrency=concurrency)
        worker = asyncio.create_task(
            run_worker(opened, search_handlers(sources), stopping=stopping, settings=settings)
        )
        try:
            yield
        finally:
            stopping.set()
            await worker
