"""A creator as it enters the results: the document that is stored, and why the creator matched.

The document is the original product's shape (a), key for key. Readers of the original rely on the keys and
types per platform, so this form is frozen. What it cannot say (ids, provenance) is in the catalog and in
`search_creators`.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tastemaker.core.platforms import Platform
from tastemaker.providers.base import Creator, Post

Document = dict[str, Any]


_NUMBER = re.compile(r"[0-9]{1,18}")


def to_document(creator: Creator, post: Post | None, keyword: str) -> Document:
    """One element of the array. `post` is the one that matched."""
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


_TOKEN = re.compile(r"\w+")


_FIRST_COMBINING = "\u0300"


def matched_fields(keyword: str, creator: Creator, posts: Iterable[Post]) -> list[str]:
    """Of post, description, hashtag, tag, name, handle, bio: those in which the keyword occurs.

    Every word of it, in any order, also inside a longer word; or all of it written together or apart
    (`make-up` for `makeup`, #veganfood for `vegan food`).
    """
    posts = list(posts)
    fields: dict[str, Iterable[str | None]] = {
        "post": [post.text for post in posts],
        "description": [post.description for post in posts],
        "hashtag": [tag for post in posts for tag in post.hashtags],
        "tag": [tag for post in posts for tag in post.tags],
        "name": (creator.name,),
        "handle": (creator.handle,),
        "bio": (creator.bio,),
    }
    pattern = _pattern(keyword)
    return [name for name, texts in fields.items() if _carry(texts, pattern)]


def best_post(keyword: str, posts: Iterable[Post]) -> Post | None:
    """The first post that carries the keyword, else the provider's first."""
    pattern = _pattern(keyword)
    posts = list(posts)
    for post in posts:
        if _carry((post.text, post.description, *post.hashtags, *post.tags), pattern):
            return post
    return posts[0] if posts else None


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A keyword as it is looked for: its words, all of them written together, and that as two whole words."""

    words: Sequence[str]
    together: str
    apart: re.Pattern[str]


@lru_cache(maxsize=256)
def _pattern(keyword: str) -> _Pattern:
    folded = _fold(keyword)
    together = "".join(_TOKEN.findall(folded))
    first = together[:1]
    halves = "|".join(rf"{together[1:place]}\W+{together[place:]}" for place in range(1, len(together)))
    # The first letter in front, where a search for it alone is quick; what is before it is looked at then.
    apart = rf"{first}(?<!\w{first})(?:{halves})\b" if halves else "(?!)"
    return _Pattern(folded.split(), together, re.compile(apart))


def _carry(texts: Iterable[str | None], pattern: _Pattern) -> bool:
    """Whether the texts, as one and folded, carry what is pattern: asked hundreds of times a page."""
    joined = " \n ".join(filter(None, texts))
    if not joined or not pattern.words:
        return False
    text = _fold(joined)
    for word in pattern.words:
        if word not in text:
            break
    else:
        return True
    together = pattern.together
    return bool(together) and (together in text or pattern.apart.search(text) is not None)


def _fold(text: str) -> str:
    """Case, width and accents aside: `Beauté` is `beaute`; the # of a hashtag does not count."""
    folded = text.casefold().replace("#", " ")
    if folded.isascii():  # most of what is folded, many times a page
        return folded
    decomposed = unicodedata.normalize("NFKD", text).casefold().replace("#", " ")
    return "".join(one for one in decomposed if one < _FIRST_COMBINING or not unicodedata.combining(one))
