"""From the service's words to ours. `parsing` never raises: what cannot be trusted is None."""

from tastemaker.core.platforms import Platform
from tastemaker.core.prose import emails_in, hashtags_in, links_in
from tastemaker.providers import parsing
from tastemaker.providers.base import Creator, Post
from tastemaker.providers.parsing import dig


def to_creator(item: object) -> Creator | None:
    account = dig(item, "account")
    stable_id = parsing.identifier(dig(account, "id"))
    if stable_id is None:
        return None
    handle = parsing.handle(dig(account, "handle"))
    bio = parsing.text(dig(account, "about"))
    return Creator(
        platform=Platform.INSTAGRAM,
        stable_id=stable_id,
        handle=handle,
        name=parsing.text(dig(account, "name")),
        bio=bio,
        followers=parsing.count(dig(account, "followers")),
        profile_url=f"https://www.instagram.com/{handle}/" if handle else None,
        emails=emails_in(bio),
        links=links_in(bio),
    )


def to_post(item: object) -> Post | None:
    post_id = parsing.identifier(dig(item, "best_post", "id"))
    creator_id = parsing.identifier(dig(item, "account", "id"))
    if post_id is None or creator_id is None:
        return None
    caption = parsing.text(dig(item, "best_post", "caption"))
    return Post(
        platform=Platform.INSTAGRAM,
        post_id=post_id,
        creator_id=creator_id,
        text=caption,
        url=parsing.web_address(dig(item, "best_post", "url")),
        likes=parsing.count(dig(item, "best_post", "likes")),
        hashtags=hashtags_in(caption),
    )
