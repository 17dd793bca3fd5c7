"""Why a creator matched: the fields that carry the keyword. Stated, never guessed."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tastemaker.providers.base import Creator, Post

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
    sought = _sought(keyword)
    return [name for name, texts in fields.items() if _carry(texts, sought)]


def best_post(keyword: str, posts: Iterable[Post]) -> Post | None:
    """The first post that carries the keyword, else the provider's first."""
    sought = _sought(keyword)
    posts = list(posts)
    for post in posts:
        if _carry((post.text, post.description, *post.hashtags, *post.tags), sought):
            return post
    return posts[0] if posts else None


@dataclass(frozen=True, slots=True)
class _Sought:
    """A keyword as it is looked for: its words, all of them written together, and that as two whole words."""

    words: Sequence[str]
    together: str
    apart: re.Pattern[str]


@lru_cache(maxsize=256)
def _sought(keyword: str) -> _Sought:
    folded = _fold(keyword)
    together = "".join(_TOKEN.findall(folded))
    first = together[:1]
    halves = "|".join(rf"{together[1:place]}\W+{together[place:]}" for place in range(1, len(together)))
    # The first letter in front, where a search for it alone is quick; what is before it is looked at then.
    apart = rf"{first}(?<!\w{first})(?:{halves})\b" if halves else "(?!)"
    return _Sought(folded.split(), together, re.compile(apart))


def _carry(texts: Iterable[str | None], sought: _Sought) -> bool:
    """Whether the texts, as one and folded, carry what is sought: asked hundreds of times a page."""
    joined = " \n ".join(filter(None, texts))
    if not joined or not sought.words:
        return False
    text = _fold(joined)
    for word in sought.words:
        if word not in text:
            break
    else:
        return True
    together = sought.together
    return bool(together) and (together in text or sought.apart.search(text) is not None)


def _fold(text: str) -> str:
    """Case, width and accents aside: `Beauté` is `beaute`; the # of a hashtag does not count."""
    folded = text.casefold().replace("#", " ")
    if folded.isascii():  # most of what is folded, many times a page
        return folded
    decomposed = unicodedata.normalize("NFKD", text).casefold().replace("#", " ")
    return "".join(one for one in decomposed if one < _FIRST_COMBINING or not unicodedata.combining(one))
