"""A reel and its owner, as post and creator. Profiles have another form."""

from tastemaker.core.platforms import Platform
from tastemaker.providers import parsing
from tastemaker.providers.base import Creator, Post
from tastemaker.providers.mentions import emails_in, hashtags_in, links_in
from tastemaker.providers.parsing import dig

_VIEWS = ("video_play_count", "play_count", "ig_play_count", "video_view_count")


def to_creator(owner: object) -> Creator | None:
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


def to_post(reel: object) -> Post | None:
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
