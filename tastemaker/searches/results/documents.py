"""A creator as it enters the results: the document that is stored, and why the creator matched.

The document is the original product's shape (a), key for key. Readers of the original rely on the keys and
types per platform, so this form is frozen. What it cannot say (ids, provenance) is in the catalog and in
`search_creators`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tastemaker.core.folding import Term, term
from tastemaker.core.platforms import Platform
from tastemaker.providers.base import Creator, Post

Document = dict[str, Any]


_NUMBER = re.compile(r"[0-9]{1,18}")


def to_document(creator: Creator, post: Post | None, keyword: str) -> Document:
    """One element of the array. `post` is the one that is shown."""
    return {
        "creator": _creator(creator),
        "video": _video(post),
        "hashtags": _hashtags(creator.platform, post),
        "platform": creator.platform.value,
        "enhancementStatus": "completed" if creator.bio is not None else "pending",
        **_platform_fields(creator, post, keyword),
    }


def _creator(creator: Creator) -> Document:
    common = {
        "name": creator.name or creator.handle or "",
        "followers": creator.followers,
        "avatarUrl": creator.avatar_url or "",
        "bio": creator.bio or "",
        "emails": list(creator.emails),
    }
    if creator.platform is Platform.YOUTUBE:
        return {
            **common,
            "handle": creator.handle or "",
            "channelId": creator.stable_id,
            "socialLinks": list(creator.links),
        }
    return {**common, "uniqueId": creator.handle or "", "verified": bool(creator.verified)}


def _video(post: Post | None) -> Document:
    if post is None:
        return {"description": "", "url": "", "statistics": {}}
    return {
        "description": post.text or "",
        "url": post.url or "",
        "statistics": {
            "likes": post.likes,
            "comments": post.comments,
            "views": post.views,
            "shares": post.shares,
        },
    }


def _hashtags(platform: Platform, post: Post | None) -> list[str]:
    tags = [] if post is None else list(post.hashtags)
    return [f"#{tag}" for tag in tags] if platform is Platform.INSTAGRAM else tags


def _platform_fields(creator: Creator, post: Post | None, keyword: str) -> Document:
    published = post.published_at if post else None
    match creator.platform:
        case Platform.TIKTOK:
            return {"createTime": int(published.timestamp()) if published else None}
        case Platform.INSTAGRAM:
            return {
                "publishedTime": published.isoformat() if published else None,
                "postId": post.post_id if post else "",
                "shortCode": (post.short_code or "") if post else "",
                "ownerUsername": creator.handle or "",
                "ownerFullName": creator.name or "",
                "ownerId": _owner_id(creator.stable_id),
            }
        case Platform.YOUTUBE:
            return {
                "publishedTime": published.isoformat() if published else None,
                "lengthSeconds": post.duration_seconds if post else None,
                "keywords": [keyword],
            }


def _owner_id(stable_id: str) -> int | str:
    """The original's number; what is none, or would not fit 64 bits, stays as it is."""
    return int(stable_id) if _NUMBER.fullmatch(stable_id) else stable_id


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a creator is in the results: the post that is shown, and the fields that carry the keyword.

    `matched_in` has post, description, hashtag and tag only if this very post carries the keyword there, and
    name, handle and bio. Without one of the first four the post is what the provider answered first for the
    keyword, and no match.
    """

    post: Post | None
    matched_in: Sequence[str]


def evidence_of(keyword: str, creator: Creator, posts: Sequence[Post]) -> Evidence:
    """The first post that carries the keyword, else the provider's first.

    By the matching of `core.folding`: every word in one field, or all of it written together or apart
    (`make-up` for `makeup`, #veganfood for `vegan food`).
    """
    wanted = term(keyword)
    of_creator = _fields_of(
        wanted, {"name": [creator.name], "handle": [creator.handle], "bio": [creator.bio]}
    )
    for post in posts:
        if of_post := _fields_of(
            wanted,
            {
                "post": [post.text],
                "description": [post.description],
                "hashtag": post.hashtags,
                "tag": post.tags,
            },
        ):
            return Evidence(post, [*of_post, *of_creator])
    return Evidence(posts[0] if posts else None, of_creator)


def _fields_of(wanted: Term, texts: Mapping[str, Iterable[str | None]]) -> list[str]:
    return [field for field, values in texts.items() if wanted.occurs_in(values)]
