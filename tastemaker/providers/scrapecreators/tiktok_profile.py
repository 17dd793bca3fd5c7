"""A TikTok account as its own page shows it: other names than in a search, and counts in two versions."""

from tastemaker.core.platforms import Platform
from tastemaker.providers import parsing
from tastemaker.providers.base import Creator, Page
from tastemaker.providers.mentions import distinct_links, emails_in, links_in
from tastemaker.providers.parsing import dig
from tastemaker.providers.scrapecreators.envelope import Envelope


def profile_of(envelope: Envelope) -> Page:
    """Raises ProviderError where there is no account in the answer."""
    user = envelope.body.get("user")
    if user is None and "user" in envelope.body:
        raise envelope.not_found()
    creator = to_profile(envelope.body)
    if creator is None:
        raise envelope.unknown_form()
    return Page(creators=(creator,), posts=(), next_cursor=None, cost=envelope.cost, raw=(envelope.raw,))


def to_profile(body: object) -> Creator | None:
    user = dig(body, "user")
    uid = parsing.identifier(dig(user, "id"))
    if uid is None:
        return None
    handle = parsing.handle(dig(user, "uniqueId"))
    bio = parsing.text(dig(user, "signature"))
    return Creator(
        platform=Platform.TIKTOK,
        stable_id=uid,
        handle=handle,
        name=parsing.text(dig(user, "nickname")),
        bio=bio,
        followers=_count(body, "followerCount"),
        following=_count(body, "followingCount"),
        posts_count=_count(body, "videoCount"),
        verified=parsing.truth(dig(user, "verified")),
        private=parsing.either(dig(user, "privateAccount"), dig(user, "secret")),
        avatar_url=parsing.web_address(dig(user, "avatarMedium")),
        profile_url=f"https://www.tiktok.com/@{handle}" if handle else None,
        emails=emails_in(bio),
        links=distinct_links([parsing.link(dig(user, "bioLink", "link")), *links_in(bio)]),
        country=parsing.text(dig(user, "region")),
        language=parsing.text(dig(user, "language")),
        extra_ids={"sec_uid": sec_uid} if (sec_uid := parsing.identifier(dig(user, "secUid"))) else {},
    )


def _count(body: object, name: str) -> int | None:
    """`statsV2` holds the true number as text; the older `stats` overflows at 2,147,483,647."""
    exact = parsing.count(dig(body, "statsV2", name))
    return parsing.count(dig(body, "stats", name)) if exact is None else exact
