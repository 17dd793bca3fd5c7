"""Profiles of several creators: fetched side by side, in the ledger, and written everywhere they are shown.

What a profile tells changes the catalog, the user's stored pages of results, and the copies of campaigns, in
one transaction. A failed call is a result as any other: it never fails what waits for it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

import httpx
import orjson

from tastemaker.catalog.queries import Provenance, upsert
from tastemaker.config_store.hot_reload import Configuration
from tastemaker.config_store.keys import KEEP_PROFILES_FOR
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.platforms import Platform
from tastemaker.db.enums import Enhancement
from tastemaker.db.pool import Database
from tastemaker.db.transaction import Transaction
from tastemaker.providers.base import Creator, ErrorKind, Page, ProfileLookup, ProfileQuery, ProviderError
from tastemaker.providers.lookups import NOW, CallOwner, LookUp, look_up
from tastemaker.searches.enrichment import queries
from tastemaker.searches.enrichment.queries import WantedCreator
from tastemaker.searches.exclusions.filter import filter_for_reuse
from tastemaker.searches.exclusions.names import SuppressionKey
from tastemaker.searches.maintenance import publish_merges
from tastemaker.searches.types import SANDBOX

BATCH: Final = 5
"""Profiles that are fetched side by side."""

_SURROGATE: Final = "handle:"
"""Begins the stable id of a creator whom only the handle is known of."""

ABSENT: Final = {ErrorKind.NOT_FOUND, ErrorKind.PRIVATE, ErrorKind.BAD_REQUEST}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileOrigin:
    """Platform and provenance of profiles, and the key under which people are suppressed."""

    platform: Platform
    provenance: Provenance
    key: SuppressionKey | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileAccess:
    """How profiles of a platform are asked for, with one snapshot of the configuration."""

    adapter: ProfileLookup
    http: httpx.AsyncClient
    platform: Platform
    source: str
    config: Configuration
    key: SuppressionKey | None

    @property
    def is_sandbox(self) -> bool:
        return self.source == SANDBOX

    @property
    def origin(self) -> ProfileOrigin:
        provenance = Provenance.of(self.adapter.declaration, made_up=self.is_sandbox)
        return ProfileOrigin(platform=self.platform, provenance=provenance, key=self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedProfile:
    """The answer for one creator: a page with that creator, or an error. `fetched_at` may be long ago."""

    wanted: WantedCreator
    page: Page | None = None
    fetched_at: datetime | None = None
    error: ProviderError | None = None

    @property
    def is_absent(self) -> bool:
        """The account is gone, closed, or another's by now: asking again cannot help."""
        return self.page is None and (self.error is None or self.error.kind in ABSENT)


async def fetch_profiles(
    database: Database,
    access: ProfileAccess,
    user_id: ExternalUserId,
    wanted: Sequence[WantedCreator],
    owner: CallOwner,
) -> list[FetchedProfile]:
    """One for each, in their order; with no transaction open. Raises nothing of the provider's."""
    return await asyncio.gather(*(_fetch(database, access, user_id, one, owner) for one in wanted))


async def write_profiles(
    tx: Transaction,
    user_id: ExternalUserId,
    origin: ProfileOrigin,
    profiles: Sequence[FetchedProfile],
) -> Mapping[int, Enhancement]:
    """How each of the creators stands now. Suppressed people are skipped, and nothing of them is written.

    A failed call that may be tried again has no state yet, and is not among the result.
    """
    states: dict[int, Enhancement] = {}
    ids = sorted({one.wanted.creator_id for one in profiles})
    await tx.many(queries.LOCK_SEARCHES, user_id=user_id, creator_ids=ids)
    fetched: dict[int, Creator] = {}
    for one in profiles:
        presentable = None
        if one.page is not None:
            presentable = await filter_for_reuse(tx, one.page, origin.platform, origin.key)
        if presentable is None or not presentable.creators or one.fetched_at is None:
            if one.is_absent or one.page is not None:
                states[one.wanted.creator_id] = Enhancement.SKIPPED
            continue
        written = await upsert(
            tx, presentable.creators, presentable.posts, provenance=origin.provenance, now=one.fetched_at
        )
        await tx.run(
            queries.MARK_FETCHED,
            creator_ids=sorted({one.wanted.creator_id, *written.creators.values()}),
            fetched_at=one.fetched_at,
        )
        await publish_merges(tx, user_id, written.known_by_handle)
        states[one.wanted.creator_id] = Enhancement.COMPLETED
        fetched[one.wanted.creator_id] = presentable.creators[0]
    await set_states(tx, user_id, states, fetched)
    return states


async def store_profile(
    tx: Transaction,
    *,
    user_id: ExternalUserId,
    origin: ProfileOrigin,
    page: Page,
    fetched_at: datetime | None,
) -> None:
    """One profile that was looked up by itself. `fetched_at` None: now."""
    creator = page.creators[0]
    known = await tx.one(
        queries.FIND_KNOWN, platform=origin.platform.value, stable_id=creator.stable_id, handle=creator.handle
    )
    wanted = WantedCreator(known or 0, origin.platform, creator.stable_id, creator.handle)
    now = await tx.only(NOW)
    profile = FetchedProfile(wanted=wanted, page=page, fetched_at=fetched_at or now)
    await write_profiles(tx, user_id, origin, [profile])


async def set_states(
    tx: Transaction,
    user_id: ExternalUserId,
    states: Mapping[int, Enhancement],
    fetched: Mapping[int, Creator] | None = None,
) -> None:
    """In the user's campaigns and stored pages; the values of those that were `fetched` too."""
    if not states:
        return
    ids = sorted(states)
    for row in await tx.many(queries.LIST_DOCUMENTS, user_id=user_id, creator_ids=ids):
        documents = _rewritten(row.creators, row.members, states, fetched or {})
        if documents is not None:
            await tx.run(
                queries.SET_DOCUMENTS, id=row.id, user_id=user_id, creators=orjson.dumps(documents).decode()
            )
    if fetched:
        await tx.run(queries.REFRESH_COPIES, user_id=user_id, creator_ids=sorted(fetched))
    await tx.run(
        queries.SET_ENHANCEMENT,
        user_id=user_id,
        creator_ids=ids,
        states=[states[creator_id].value for creator_id in ids],
    )


async def _fetch(
    database: Database,
    access: ProfileAccess,
    user_id: ExternalUserId,
    wanted: WantedCreator,
    owner: CallOwner,
) -> FetchedProfile:
    is_surrogate = wanted.stable_id.startswith(_SURROGATE)
    query = ProfileQuery(handle=wanted.handle, stable_id=None if is_surrogate else wanted.stable_id)
    if query == ProfileQuery():
        return FetchedProfile(wanted=wanted)
    asked = LookUp(
        user_id=user_id,
        adapter=access.adapter,
        query=query,
        config=access.config,
        max_age=access.config[KEEP_PROFILES_FOR],
        presentable=partial(filter_for_reuse, platform=access.platform, key=access.key),
        owner=owner,
        made_up=access.is_sandbox,
    )
    try:
        paid = await look_up(database, access.http, asked)
    except ProviderError as error:
        return FetchedProfile(wanted=wanted, error=error)
    told = paid.page.creators[0] if paid.page.creators else None
    if told is None or (not is_surrogate and told.stable_id != wanted.stable_id):
        return FetchedProfile(wanted=wanted)  # the handle belongs to another account now
    page = replace(paid.page, creators=[told])
    return FetchedProfile(wanted=wanted, page=page, fetched_at=paid.fetched_at)


def _rewritten(
    stored: Any,  # noqa: ANN401 - a JSON array of the original's shapes
    members: Sequence[int],
    states: Mapping[int, Enhancement],
    fetched: Mapping[int, Creator],
) -> list[Any] | None:
    """The documents with what is known now; None where the page has another form than ours."""
    if not isinstance(stored, list) or len(stored) != len(members):
        return None
    documents = list(stored)
    for place, creator_id in enumerate(members):
        document = documents[place]
        if creator_id not in states or not isinstance(document, dict):
            continue
        documents[place] = {**document, "enhancementStatus": states[creator_id].value}
        if (creator := fetched.get(creator_id)) and isinstance(document.get("creator"), dict):
            documents[place]["creator"] = {**document["creator"], **_told(creator)}
    return documents


def _told(creator: Creator) -> dict[str, Any]:
    """What the profile knows, under the keys of a document; what it does not know stays."""
    told: dict[str, Any] = {
        "name": creator.name,
        "followers": creator.followers,
        "avatarUrl": creator.avatar_url,
        "bio": creator.bio,
        "emails": list(creator.emails) or None,
    }
    if creator.platform is Platform.YOUTUBE:
        told["socialLinks"] = list(creator.links) or None
    else:
        told["verified"] = creator.verified
    return {name: value for name, value in told.items() if value is not None}
