"""What TikTok's own app calls an author and a video, as creator and post. Profiles have another form."""

from tastemaker.core.platforms import Platform
from tastemaker.providers import parsing
from tastemaker.providers.base import Creator, Post
from tastemaker.providers.mentions import distinct_hashtags, emails_in, hashtags_in, links_in
from tastemaker.providers.parsing import dig

_MILLISECONDS = 1000


def to_creator(author: object) -> Creator | None:
    """The author of a post, or an account found by name; the number of posts is 0 where it is unknown."""
    uid = parsing.identifier(dig(author, "uid"))
    if uid is None:
        return None
    handle = parsing.handle(dig(author, "unique_id"))
    bio = parsing.text(dig(author, "signature"))
    return Creator(
        platform=Platform.TIKTOK,
        stable_id=uid,
        handle=handle,
        name=parsing.text(dig(author, "nickname")),
        bio=bio,
        followers=parsing.count(dig(author, "follower_count")),
        following=parsing.count(dig(author, "following_count")),
        posts_count=parsing.count(dig(author, "aweme_count")) or None,
        verified=_is_verified(author),
        private=parsing.truth(dig(author, "secret")),
        avatar_url=parsing.web_address(dig(author, "avatar_medium", "url_list", 0)),
        profile_url=f"https://www.tiktok.com/@{handle}" if handle else None,
        emails=emails_in(bio),
        links=links_in(bio),
        country=parsing.text(dig(author, "region")),
        language=parsing.text(dig(author, "language")),
        extra_ids=_extra_ids(author),
    )


def to_post(video: object) -> Post | None:
    """The post. A number as id is only the last resort: JavaScript rounds it."""
    statistics = dig(video, "statistics")
    post_id = parsing.identifier(dig(video, "aweme_id")) or parsing.identifier(dig(statistics, "aweme_id"))
    creator_id = parsing.identifier(dig(video, "author", "uid"))
    if post_id is None or creator_id is None:
        return None
    caption = parsing.text(dig(video, "desc"))
    return Post(
        platform=Platform.TIKTOK,
        post_id=post_id,
        creator_id=creator_id,
        text=caption,
        url=_url(video, post_id),
        published_at=parsing.moment(dig(video, "create_time")),
        views=parsing.count(dig(statistics, "play_count")),
        likes=parsing.count(dig(statistics, "digg_count")),
        comments=parsing.count(dig(statistics, "comment_count")),
        shares=parsing.count(dig(statistics, "share_count")),
        saves=parsing.count(dig(statistics, "collect_count")),
        duration_seconds=parsing.seconds(dig(video, "video", "duration"), per_second=_MILLISECONDS),
        hashtags=_hashtags(video, caption),
        language=_language(video),
        sponsored=parsing.either(dig(video, "is_paid_partnership"), dig(video, "is_ad")),
        thumbnail_url=parsing.web_address(dig(video, "video", "cover", "url_list", 0)),
    )


def _is_verified(author: object) -> bool | None:
    """There is no flag; a verified author has a sentence that says so, as a person or as a company."""
    sentences = [dig(author, "custom_verify"), dig(author, "enterprise_verify_reason")]
    if any(parsing.text(sentence) for sentence in sentences):
        return True
    return False if "" in sentences else None


def _extra_ids(author: object) -> dict[str, str]:
    """`ins_id` is the author's handle on Instagram."""
    ids = {"sec_uid": dig(author, "sec_uid"), "instagram_handle": dig(author, "ins_id")}
    return {name: known for name, value in ids.items() if (known := parsing.identifier(value))}


def _url(video: object, post_id: str) -> str | None:
    """The share link without the tracking in its query."""
    if shared := parsing.web_address(dig(video, "share_url")):
        return shared.partition("?")[0]
    handle = parsing.handle(dig(video, "author", "unique_id"))
    return f"https://www.tiktok.com/@{handle}/video/{post_id}" if handle else None


def _hashtags(video: object, caption: str | None) -> tuple[str, ...]:
    """Marked places in the caption; those without a hashtag are mentions."""
    marks = dig(video, "text_extra")
    if not isinstance(marks, list):
        return hashtags_in(caption)
    return distinct_hashtags(tag for mark in marks if (tag := parsing.text(dig(mark, "hashtag_name"))))


def _language(video: object) -> str | None:
    """`un` is the platform's word for not knowing."""
    language = parsing.text(dig(video, "desc_language"))
    return None if language == "un" else language
