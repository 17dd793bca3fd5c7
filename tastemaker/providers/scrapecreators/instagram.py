"""Instagram: keyword search among reels (pages 1 to 11, slow, without bios), and profiles."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import httpx

from tastemaker.core.platforms import Platform
from tastemaker.core.prose import distinct_links, emails_in, hashtags_in, links_in
from tastemaker.providers import parsing
from tastemaker.providers.base import Capability, Creator, CursorKind, KeywordQuery, Page, Post, ProfileQuery
from tastemaker.providers.parameters import checked_account, checked_keyword, checked_options, unknown_cursor
from tastemaker.providers.parsing import dig, gather
from tastemaker.providers.scrapecreators.envelope import (
    NAME,
    Credentials,
    Envelope,
    call,
    declaration,
    endpoint,
    look_up,
)

LAST_PAGE = 11
DEADLINE_SECONDS = 90.0  # calls of 3 to 70 seconds were recorded
REELS = endpoint(
    "reels",
    "/v2/instagram/reels/search",
    Capability.KEYWORD_SEARCH,
    deadline_seconds=DEADLINE_SECONDS,
    stable_id_path="reels[].owner.id",
    page_size=10,
    cursor_kind=CursorKind.PAGE,
)
PROFILE = endpoint(
    "profile",
    "/v1/instagram/profile",
    Capability.PROFILE,
    deadline_seconds=DEADLINE_SECONDS,
    stable_id_path="data.user.id",
)
RELATED = endpoint(
    "related",
    "/v1/instagram/profile",
    Capability.SIMILAR,
    deadline_seconds=DEADLINE_SECONDS,
    stable_id_path="data.user.edge_related_profiles.edges[].node.id",
)
BASIC_PROFILE = endpoint(
    "basic_profile",
    "/v1/instagram/basic-profile",
    Capability.PROFILE,
    deadline_seconds=DEADLINE_SECONDS,
    stable_id_path="pk",
)
PATH = REELS.path
OPTIONS: Mapping[str, tuple[str, frozenset[str] | None]] = {"date_posted": ("date_posted", None)}

_PAGES = frozenset(map(str, range(1, LAST_PAGE + 1)))

_VIEWS = ("video_play_count", "play_count", "ig_play_count", "video_view_count")


class ScrapeCreatorsInstagram:
    """Every page is one call, and so is a profile."""

    def __init__(self, key: str, *, base_url: str, deadline_seconds: float | None = None) -> None:
        self._credentials = Credentials(key, base_url.rstrip("/"))
        self.declaration = declaration(
            Platform.INSTAGRAM,
            self._credentials,
            REELS,
            PROFILE,
            BASIC_PROFILE,
            RELATED,
            deadline_seconds=deadline_seconds,
        )

    async def search_keyword(self, http: httpx.AsyncClient, query: KeywordQuery, cursor: str | None) -> Page:
        """Reels that match, each with its owner. `query.region` is not a parameter and has no effect."""
        page = _page_number(cursor)
        parameters = {
            "query": checked_keyword(query),
            "page": str(page),
            **checked_options(query, OPTIONS),
        }
        asked = self.declaration.endpoint("reels")
        envelope = await call(http, self._credentials, asked, parameters, items_key="reels")
        found = gather((owner_to_creator(dig(reel, "owner")), reel_to_post(reel)) for reel in envelope.items)
        if envelope.items and not found.creators:
            raise envelope.unknown_form()
        return Page(
            creators=found.creators,
            posts=found.posts,
            next_cursor=str(page + 1) if envelope.items and page < LAST_PAGE else None,
            cost=envelope.cost,
            raw=(envelope.raw,),
            skipped=found.skipped,
        )

    async def fetch_profile(self, http: httpx.AsyncClient, query: ProfileQuery) -> Page:
        """By handle with its latest posts; by id alone, which outlives a change of handle, without them."""
        handle, stable_id = checked_account(query)
        checked_options(query, {})
        if handle is None:
            return await self._fetch_basic(http, stable_id)
        return profile_of(await self._look_up(http, "profile", handle))

    async def fetch_related(self, http: httpx.AsyncClient, query: ProfileQuery) -> Page:
        """The profile tells them, with name and picture alone. By id alone nobody is related."""
        handle, stable_id = checked_account(query)
        checked_options(query, {})
        if handle is None:
            return await self._fetch_basic(http, stable_id)
        envelope = await self._look_up(http, "related", handle)
        page = profile_of(envelope)
        nodes = ((owner_to_creator(node), None) for node in _related(envelope.body))
        related = gather(nodes, with_posts=False)
        return replace(
            page, creators=(*page.creators, *related.creators), skipped=page.skipped + related.skipped
        )

    async def _look_up(self, http: httpx.AsyncClient, name: str, handle: str) -> Envelope:
        return await look_up(
            http,
            self._credentials,
            self.declaration.endpoint(name),
            {"handle": handle},
            has_result=lambda body: dig(body, "data", "user") is not None,
        )

    async def _fetch_basic(self, http: httpx.AsyncClient, stable_id: str | None) -> Page:
        envelope = await look_up(
            http,
            self._credentials,
            self.declaration.endpoint("basic_profile"),
            {"userId": stable_id},
            has_result=lambda body: body.get("username") is not None,
        )
        return basic_profile_of(envelope)


def _page_number(cursor: str | None) -> int:
    if cursor is None:
        return 1
    if cursor not in _PAGES:
        raise unknown_cursor(NAME)
    return int(cursor)


def owner_to_creator(owner: object) -> Creator | None:
    owner_id = _owner_id(owner)
    if owner_id is None:
        return None
    handle = parsing.handle(dig(owner, "username"))
    bio = parsing.text(dig(owner, "biography"))
    return Creator(
        platform=Platform.INSTAGRAM,
        stable_id=owner_id,
        handle=handle,
        name=parsing.text(dig(owner, "full_name")),
        bio=bio,
        followers=parsing.count(dig(owner, "follower_count")),
        posts_count=parsing.count(dig(owner, "post_count")),
        verified=parsing.truth(dig(owner, "is_verified")),
        private=parsing.truth(dig(owner, "is_private")),
        avatar_url=parsing.web_address(dig(owner, "profile_pic_url")),
        profile_url=f"https://www.instagram.com/{handle}/" if handle else None,
        emails=emails_in(bio),
        links=links_in(bio),
    )


def reel_to_post(reel: object) -> Post | None:
    """Hidden likes are sent as -1. The reel's id also exists as its short code."""
    post_id = parsing.identifier(dig(reel, "id")) or parsing.identifier(dig(reel, "pk"))
    creator_id = _owner_id(dig(reel, "owner"))
    if post_id is None or creator_id is None:
        return None
    short_code = parsing.identifier(dig(reel, "shortcode"))
    caption = parsing.text(dig(reel, "caption")) or parsing.text(dig(reel, "caption", "text"))
    views = (parsing.count(dig(reel, name)) for name in _VIEWS)
    return Post(
        platform=Platform.INSTAGRAM,
        post_id=post_id,
        creator_id=creator_id,
        text=caption,
        url=f"https://www.instagram.com/reel/{short_code}/"
        if short_code
        else parsing.web_address(dig(reel, "url")),
        published_at=parsing.moment(dig(reel, "taken_at")),
        views=next((number for number in views if number is not None), None),
        likes=parsing.count(dig(reel, "like_count")),
        comments=parsing.count(dig(reel, "comment_count")),
        duration_seconds=parsing.seconds(dig(reel, "video_duration")),
        hashtags=hashtags_in(caption),
        sponsored=parsing.either(dig(reel, "is_paid_partnership"), dig(reel, "is_ad")),
        thumbnail_url=parsing.web_address(dig(reel, "thumbnail_src"))
        or parsing.web_address(dig(reel, "display_url")),
        short_code=short_code,
    )


def _owner_id(owner: object) -> str | None:
    return parsing.identifier(dig(owner, "id")) or parsing.identifier(dig(owner, "pk"))


def profile_of(envelope: Envelope) -> Page:
    """With the latest posts, which the same call tells. Raises ProviderError where there is no account."""
    data = envelope.body.get("data")
    user = dig(data, "user")
    if user is None and isinstance(data, dict) and "user" in data:
        raise envelope.not_found()
    creator = to_profile(user)
    if creator is None:
        raise envelope.unknown_form()
    nodes = list(_nodes(user))
    found = gather([(creator, None), *((creator, node_to_post(node, creator.stable_id)) for node in nodes)])
    return Page(
        creators=(creator,),
        posts=found.posts,
        next_cursor=None,
        cost=envelope.cost,
        raw=(envelope.raw,),
        skipped=len(nodes) - len(found.posts),
    )


def basic_profile_of(envelope: Envelope) -> Page:
    creator = to_basic_profile(envelope.body)
    if creator is None:
        raise envelope.unknown_form()
    return Page(creators=(creator,), posts=(), next_cursor=None, cost=envelope.cost, raw=(envelope.raw,))


def to_profile(user: object) -> Creator | None:
    """The e-mail address is the one that a business shows; `fbid` is the account's id in the Graph API."""
    user_id = parsing.identifier(dig(user, "id"))
    if user_id is None:
        return None
    handle = parsing.handle(dig(user, "username"))
    bio = parsing.text(dig(user, "biography"))
    return Creator(
        platform=Platform.INSTAGRAM,
        stable_id=user_id,
        handle=handle,
        name=parsing.text(dig(user, "full_name")),
        bio=bio,
        followers=parsing.count(dig(user, "edge_followed_by", "count")),
        following=parsing.count(dig(user, "edge_follow", "count")),
        posts_count=parsing.count(dig(user, "edge_owner_to_timeline_media", "count")),
        verified=parsing.truth(dig(user, "is_verified")),
        private=parsing.truth(dig(user, "is_private")),
        avatar_url=parsing.web_address(dig(user, "profile_pic_url")),
        profile_url=_profile_url(handle),
        emails=emails_in(f"{parsing.text(dig(user, 'business_email')) or ''}\n{bio or ''}"),
        links=_links(user, bio),
        extra_ids=_graph_id(dig(user, "fbid")),
    )


def to_basic_profile(body: object) -> Creator | None:
    user_id = parsing.identifier(dig(body, "pk")) or parsing.identifier(dig(body, "id"))
    if user_id is None:
        return None
    handle = parsing.handle(dig(body, "username"))
    bio = parsing.text(dig(body, "biography"))
    return Creator(
        platform=Platform.INSTAGRAM,
        stable_id=user_id,
        handle=handle,
        name=parsing.text(dig(body, "full_name")),
        bio=bio,
        followers=parsing.count(dig(body, "follower_count")),
        following=parsing.count(dig(body, "following_count")),
        posts_count=parsing.count(dig(body, "media_count")),
        verified=parsing.truth(dig(body, "is_verified")),
        private=parsing.truth(dig(body, "is_private")),
        avatar_url=parsing.web_address(dig(body, "profile_pic_url")),
        profile_url=_profile_url(handle),
        emails=emails_in(bio),
        links=_links(body, bio),
        extra_ids=_graph_id(dig(body, "fbid_v2")),
    )


def node_to_post(node: object, creator_id: str) -> Post | None:
    """A post of the account's own page. Only videos have views; a hidden count of likes is -1."""
    post_id = parsing.identifier(dig(node, "id"))
    if post_id is None:
        return None
    short_code = parsing.identifier(dig(node, "shortcode"))
    caption = parsing.text(dig(node, "edge_media_to_caption", "edges", 0, "node", "text"))
    kind = "reel" if dig(node, "product_type") == "clips" else "p"
    likes = parsing.count(dig(node, "edge_liked_by", "count"))
    return Post(
        platform=Platform.INSTAGRAM,
        post_id=post_id,
        creator_id=creator_id,
        text=caption,
        url=f"https://www.instagram.com/{kind}/{short_code}/" if short_code else None,
        published_at=parsing.moment(dig(node, "taken_at_timestamp")),
        views=parsing.count(dig(node, "video_view_count")),
        likes=parsing.count(dig(node, "edge_media_preview_like", "count")) if likes is None else likes,
        comments=parsing.count(dig(node, "edge_media_to_comment", "count")),
        duration_seconds=parsing.seconds(dig(node, "video_duration")),
        hashtags=hashtags_in(caption),
        thumbnail_url=parsing.web_address(dig(node, "thumbnail_src"))
        or parsing.web_address(dig(node, "display_url")),
        short_code=short_code,
    )


def _nodes(user: object) -> Iterator[object]:
    edges = dig(user, "edge_owner_to_timeline_media", "edges")
    for edge in edges if isinstance(edges, list) else ():
        yield dig(edge, "node")


def _related(body: object) -> Iterator[object]:
    edges = dig(body, "data", "user", "edge_related_profiles", "edges")
    for edge in edges if isinstance(edges, list) else ():
        yield dig(edge, "node")


def _links(user: object, bio: str | None) -> tuple[str, ...]:
    entries = dig(user, "bio_links")
    listed = [parsing.link(dig(entry, "url")) for entry in entries] if isinstance(entries, list) else []
    return distinct_links([*listed, parsing.link(dig(user, "external_url")), *links_in(bio)])


def _profile_url(handle: str | None) -> str | None:
    return f"https://www.instagram.com/{handle}/" if handle else None


def _graph_id(value: object) -> dict[str, str]:
    return {"graph_id": graph_id} if (graph_id := parsing.identifier(value)) else {}
