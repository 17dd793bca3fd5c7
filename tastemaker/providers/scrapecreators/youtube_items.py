"""Videos, shorts and channels of a search as posts and creators, and a channel's own page as a creator."""

from datetime import datetime

from tastemaker.core.platforms import Platform
from tastemaker.providers import parsing
from tastemaker.providers.base import Creator, Post
from tastemaker.providers.mentions import distinct_links, emails_in, hashtags_in, links_in
from tastemaker.providers.parsing import dig

_NO_HANDLE = "channel/"
_VAGUE = ("week", "month", "year")


def is_channel(item: object) -> bool:
    """Channels that match are listed among the others and say so."""
    return bool(dig(item, "type") == "channel")


def to_creator(item: object) -> Creator | None:
    """The channel of a video: its name and picture are all that a search tells."""
    return _labelled(dig(item, "channel"))


def channel_to_creator(item: object) -> Creator | None:
    return _labelled(item)


def to_post(item: object) -> Post | None:
    """A short on a shelf has neither date nor length, and its count of views is rounded."""
    video_id = parsing.identifier(dig(item, "id"))
    channel_id = parsing.identifier(dig(item, "channel", "id"))
    if video_id is None or channel_id is None:
        return None
    title = parsing.text(dig(item, "title"))
    views = parsing.count(dig(item, "viewCountInt"))
    return Post(
        platform=Platform.YOUTUBE,
        post_id=video_id,
        creator_id=channel_id,
        text=title,
        url=f"https://www.youtube.com/watch?v={video_id}",
        published_at=_published_at(item),
        views=parsing.count(dig(item, "viewCountText")) if views is None else views,
        duration_seconds=parsing.seconds(dig(item, "lengthSeconds")),
        hashtags=hashtags_in(title),
        thumbnail_url=parsing.web_address(dig(item, "thumbnail")),
    )


def to_channel(body: object) -> Creator | None:
    """A channel's own page. `country` there is a name and not a code, so it is not taken over."""
    channel_id = parsing.identifier(dig(body, "channelId"))
    if channel_id is None:
        return None
    bio = parsing.text(dig(body, "description"))
    email = parsing.text(dig(body, "email"))
    return Creator(
        platform=Platform.YOUTUBE,
        stable_id=channel_id,
        handle=_handle_in(dig(body, "channel")) or parsing.handle(dig(body, "handle")),
        name=parsing.text(dig(body, "name")),
        bio=bio,
        followers=_either_count(body, "subscriberCount"),
        posts_count=_either_count(body, "videoCount"),
        views_total=_either_count(body, "viewCount"),
        avatar_url=parsing.web_address(dig(body, "avatar", "image", "sources", 0, "url")),
        profile_url=f"https://www.youtube.com/channel/{channel_id}",
        emails=emails_in(f"{email or ''}\n{bio or ''}"),
        links=distinct_links([*_listed(dig(body, "links")), *links_in(bio)]),
    )


def _published_at(item: object) -> datetime | None:
    """Only where it is known to the day: `publishedTime` is made out of words such as "2 years ago"."""
    words = parsing.text(dig(item, "publishedTimeText")) or ""
    is_vague = any(unit in words for unit in _VAGUE)
    return None if is_vague else parsing.moment(dig(item, "publishedTime"))


def _labelled(label: object) -> Creator | None:
    channel_id = parsing.identifier(dig(label, "id"))
    if channel_id is None:
        return None
    handle = parsing.handle(dig(label, "handle"))
    return Creator(
        platform=Platform.YOUTUBE,
        stable_id=channel_id,
        handle=None if handle and handle.startswith(_NO_HANDLE) else handle,
        name=parsing.text(dig(label, "title")),
        followers=_either_count(label, "subscriberCount"),
        avatar_url=parsing.web_address(dig(label, "thumbnail")),
        profile_url=f"https://www.youtube.com/channel/{channel_id}",
    )


def _either_count(body: object, name: str) -> int | None:
    """The number, else what is written beside it: "2.75M subscribers"."""
    number = parsing.count(dig(body, name))
    return parsing.count(dig(body, f"{name}Text")) if number is None else number


def _handle_in(url: object) -> str | None:
    """From http://www.youtube.com/@handle; channels without a handle have another address."""
    address = parsing.web_address(url) or ""
    return parsing.handle(address.partition("/@")[2].partition("/")[0])


def _listed(links: object) -> list[str | None]:
    return [parsing.link(entry) for entry in links] if isinstance(links, list) else []
