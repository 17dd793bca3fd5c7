"""From the items of a page to its creators and posts, each once, in the provider's order."""

from collections.abc import Iterable
from dataclasses import dataclass

from tastemaker.providers.base import Creator, Post


@dataclass(frozen=True, slots=True)
class Gathered:
    creators: tuple[Creator, ...]
    posts: tuple[Post, ...]
    skipped: int


def gather(items: Iterable[tuple[Creator | None, Post | None]], *, with_posts: bool = True) -> Gathered:
    """What could be read of each item. A post without its creator is lost; a creator without a post stays.

    `skipped` counts the items of which something was lost; with `with_posts` False none was expected.
    """
    creators: dict[str, Creator] = {}
    posts: dict[str, Post] = {}
    skipped = 0
    for creator, post in items:
        skipped += creator is None or (post is None and with_posts)
        if creator:
            creators.setdefault(creator.stable_id, creator)
            if post:
                posts.setdefault(post.post_id, post)
    return Gathered(tuple(creators.values()), tuple(posts.values()), skipped)
