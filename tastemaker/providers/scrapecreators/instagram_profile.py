"""An Instagram account as its own page shows it, and as the short form by id does."""

from collections.abc import Iterator

from tastemaker.core.platforms import Platform
from tastemaker.providers import parsing
from tastemaker.providers.base import Creator, Page, Post
from tastemaker.providers.gathering import gather
from tastemaker.providers.mentions import distinct_links, emails_in, hashtags_in, links_in
from tastemaker.providers.parsing import dig
from tastemaker.providers.scrapecreators.envelope import Envelope


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
    gathered = gather([(creator, None), *((creator, to_post(node, creator.stable_id)) for node in nodes)])
    return Page(
        creators=(creator,),
        posts=gathered.posts,
        next_cursor=None,
        cost=envelope.cost,
        raw=(envelope.raw,),
        skipped=len(nodes) - len(gathered.posts),
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


def to_post(node: object, creator_id: str) -> Post | None:
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


def _links(user: object, bio: str | None) -> tuple[str, ...]:
    entries = dig(user, "bio_links")
    listed = [parsing.link(dig(entry, "url")) for entry in entries] if isinstance(entries, list) else []
    return distinct_links([*listed, parsing.link(dig(user, "external_url")), *links_in(bio)])


def _profile_url(handle: str | None) -> str | None:
    return f"https://www.instagram.com/{handle}/" if handle else None


def _graph_id(value: object) -> dict[str, str]:
    return {"graph_id": graph_id} if (graph_id := parsing.identifier(value)) else {}
