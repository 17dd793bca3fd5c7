"""Why a creator matched: the fields that carry the keyword. Stated, never guessed."""

import re
import unicodedata
from collections.abc import Iterable
from itertools import pairwise

from tastemaker.providers.base import Creator, Post

_TOKEN = re.compile(r"\w+")


def matched_fields(keyword: str, creator: Creator, posts: Iterable[Post]) -> list[str]:
    """Of post, description, hashtag, tag, name, handle, bio: those in which the keyword occurs.

    Every word of it, in any order, also inside a longer word; or all of it written together or apart
    (`make-up` for `makeup`, #veganfood for `vegan food`).
    """
    posts = list(posts)
    fields = {
        "post": [post.text or "" for post in posts],
        "description": [post.description or "" for post in posts],
        "hashtag": [tag for post in posts for tag in post.hashtags],
        "tag": [tag for post in posts for tag in post.tags],
        "name": [creator.name or ""],
        "handle": [creator.handle or ""],
        "bio": [creator.bio or ""],
    }
    folded = _fold(keyword)
    return [name for name, texts in fields.items() if _carries(_fold(" \n ".join(texts)), folded)]


def best_post(keyword: str, posts: Iterable[Post]) -> Post | None:
    """The first post that carries the keyword, else the provider's first."""
    folded = _fold(keyword)
    posts = list(posts)
    for post in posts:
        if _carries(_fold(_everything(post)), folded):
            return post
    return posts[0] if posts else None


def _everything(post: Post) -> str:
    return " \n ".join((post.text or "", post.description or "", *post.hashtags, *post.tags))


def _carries(text: str, keyword: str) -> bool:
    words = keyword.split()
    if not words:
        return False
    if all(word in text for word in words):
        return True
    together = "".join(_TOKEN.findall(keyword))
    tokens = _TOKEN.findall(text)
    pairs = (first + second for first, second in pairwise(tokens))
    return bool(together) and (any(together in token for token in tokens) or together in pairs)


def _fold(text: str) -> str:
    """Case, width and accents aside: `Beauté` is `beaute`; the # of a hashtag does not count."""
    decomposed = unicodedata.normalize("NFKD", text).casefold().replace("#", " ")
    return "".join(character for character in decomposed if not unicodedata.combining(character))
