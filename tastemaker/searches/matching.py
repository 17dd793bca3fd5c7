"""Why a creator matched: the fields that carry the keyword. Stated, never guessed."""

import unicodedata
from collections.abc import Iterable

from tastemaker.providers.base import Creator, Post


def matched_fields(keyword: str, creator: Creator, posts: Iterable[Post]) -> list[str]:
    """Of post, hashtag, name, handle, bio: those in which every word of the keyword occurs."""
    words = _fold(keyword).split()
    posts = list(posts)
    fields = {
        "post": " ".join(post.text or "" for post in posts),
        "hashtag": " ".join(tag for post in posts for tag in post.hashtags),
        "name": creator.name or "",
        "handle": creator.handle or "",
        "bio": creator.bio or "",
    }
    return [name for name, text in fields.items() if _carries(_fold(text), words)]


def best_post(keyword: str, posts: Iterable[Post]) -> Post | None:
    """The first post that carries the keyword in text or hashtags, else the provider's first."""
    words = _fold(keyword).split()
    posts = list(posts)
    for post in posts:
        if _carries(_fold(" ".join((post.text or "", *post.hashtags))), words):
            return post
    return posts[0] if posts else None


def _carries(text: str, words: list[str]) -> bool:
    return bool(words) and all(word in text for word in words)


def _fold(text: str) -> str:
    """Case, width and accents aside: `Beauté` is `beaute`; the # of a hashtag does not count."""
    decomposed = unicodedata.normalize("NFKD", text).casefold().replace("#", " ")
    return "".join(character for character in decomposed if not unicodedata.combining(character))
