"""Looking up one account: by a live provider within its limits and in the ledger, or in the sandbox."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from tastemaker.catalog.queries import Provenance
from tastemaker.config_store.hot_reload import Configuration
from tastemaker.config_store.keys import REUSE_PAGES_FOR
from tastemaker.core.accounts import read_account, read_stable_id
from tastemaker.core.errors import AppError, InvalidInput, NotFound
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.platforms import Platform
from tastemaker.core.settings import Settings
from tastemaker.db.claims import Tenant
from tastemaker.db.pool import Database
from tastemaker.db.transaction import in_transaction
from tastemaker.providers.base import (
    Cost,
    Creator,
    ErrorKind,
    Page,
    Post,
    ProfileLookup,
    ProfileQuery,
    ProviderError,
)
from tastemaker.providers.http import make_client
from tastemaker.providers.lookups import LookUp, ask, look_up
from tastemaker.providers.registry import sandbox_lookups
from tastemaker.sandbox.corpus import active_corpus
from tastemaker.sandbox.server import serve
from tastemaker.searches.enrichment.profiles import ProfileOrigin, store_profile
from tastemaker.searches.exclusions.filter import filter_for_reuse
from tastemaker.searches.exclusions.names import find_key
from tastemaker.searches.installation import Installation
from tastemaker.searches.types import LIVE, SANDBOX

ABSENT = {ErrorKind.NOT_FOUND, ErrorKind.PRIVATE}


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedProfile:
    """One account. What is no older than `max_age` is not asked for again; None is the configured age."""

    platform: Platform
    query: ProfileQuery
    sandbox: bool = False
    max_age: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundProfile:
    """As its provider tells it. `cost` and `fetched_at` are None for the sandbox, which costs nothing."""

    source: str
    provider: str
    cost: Cost | None
    fetched_at: datetime | None
    creator: Creator
    posts: tuple[Post, ...]


def want_profile(
    platform: str,
    account: str,
    *,
    by_id: bool = False,
    sandbox: bool = False,
    max_age: timedelta | None = None,
) -> WantedProfile:
    """`account` is a handle, an address or, with `by_id`, the platform's id. Raises InvalidInput."""
    wanted = Platform.parse(platform)
    read = read_stable_id(account, wanted) if by_id else read_account(account, wanted)
    query = ProfileQuery(handle=read.handle, stable_id=read.stable_id)
    return WantedProfile(platform=wanted, query=query, sandbox=sandbox, max_age=max_age)


def find_corpus(settings: Settings) -> Path:
    """The sandbox's active corpus; the first call makes one."""
    return active_corpus(settings.home, seed=settings.sandbox_seed)


async def look_up_profile(
    database: Database,
    user_id: ExternalUserId,
    wanted: WantedProfile,
    installation: Installation,
    config: Configuration,
    *,
    corpus: Callable[[Settings], Path] = find_corpus,
    instead: str = "ask the sandbox",
) -> FoundProfile:
    """A live call is paid, recorded in the ledger, and reused for a time.

    `instead`: what to do without a key. Raises NotFound, ProviderError, InvalidInput (no key, or an account
    that cannot be).
    """
    live = _live_adapter(wanted, installation, instead)
    async with make_client() as http:
        try:
            if live is None:
                async with _sandbox_adapter(wanted, installation, corpus) as adapter:
                    page = await ask(adapter, http, wanted.query)
                await _store(database, user_id, wanted, installation, adapter, page)
                return _found(SANDBOX, adapter, page.creators[0], page.posts)
            asked = LookUp(
                user_id=user_id,
                adapter=live,
                query=wanted.query,
                config=config,
                max_age=config[REUSE_PAGES_FOR] if wanted.max_age is None else wanted.max_age,
                presentable=partial(
                    filter_for_reuse, platform=wanted.platform, key=find_key(installation.settings)
                ),
            )
            paid = await look_up(database, http, asked)
        except ProviderError as error:
            raise _told(error) from None
    page = paid.page
    await _store(database, user_id, wanted, installation, live, page, when=paid.fetched_at)
    return _found(LIVE, live, page.creators[0], page.posts, cost=page.cost, fetched_at=paid.fetched_at)


async def _store(
    database: Database,
    user_id: ExternalUserId,
    wanted: WantedProfile,
    installation: Installation,
    adapter: ProfileLookup,
    page: Page,
    *,
    when: datetime | None = None,
) -> None:
    """In the catalog, and wherever the user's campaigns show the creator. `when` None: made up just now."""
    origin = ProfileOrigin(
        platform=wanted.platform,
        provenance=Provenance.of(adapter.declaration, made_up=when is None),
        key=find_key(installation.settings),
    )
    store = partial(store_profile, user_id=user_id, origin=origin, page=page, fetched_at=when)
    await in_transaction(database, Tenant(user_id), store)


def _live_adapter(wanted: WantedProfile, installation: Installation, instead: str) -> ProfileLookup | None:
    """None: the sandbox answers, because it is asked for, or because nothing is live here."""
    lookups = installation.registry.lookups
    if wanted.sandbox or not lookups:
        return None
    if wanted.platform not in lookups:
        need = installation.registry.needed_for(wanted.platform)
        raise InvalidInput(
            f"To look up {wanted.platform.value} live, {need} is needed. Set it, or {instead}."
        )
    return lookups[wanted.platform]


@asynccontextmanager
async def _sandbox_adapter(
    wanted: WantedProfile, installation: Installation, corpus: Callable[[Settings], Path]
) -> AsyncIterator[ProfileLookup]:
    async with serve(await asyncio.to_thread(corpus, installation.settings)) as base_url:
        yield sandbox_lookups(base_url)[wanted.platform]


def _told(error: ProviderError) -> AppError:
    """What was refused before any call is the asker's mistake; an unknown account is no mistake."""
    if error.kind in ABSENT:
        return NotFound(str(error))
    if error.kind is ErrorKind.BAD_REQUEST and not error.cost.calls:
        return InvalidInput(str(error))
    return error


def _found(
    source: str,
    adapter: ProfileLookup,
    creator: Creator,
    posts: Sequence[Post],
    *,
    cost: Cost | None = None,
    fetched_at: datetime | None = None,
) -> FoundProfile:
    return FoundProfile(
        source=source,
        provider=adapter.declaration.name,
        cost=cost,
        fetched_at=fetched_at,
        creator=creator,
        posts=tuple(posts),
    )
