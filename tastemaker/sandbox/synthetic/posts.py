"""What an account published. Views follow followers, likes follow views, comments follow likes."""

from collections.abc import Iterator
from random import Random

import orjson

from tastemaker.core.platforms import Platform
from tastemaker.sandbox.formatting import LATEST
from tastemaker.sandbox.identity import post_id
from tastemaker.sandbox.store import CreatorRow, PostRow
from tastemaker.sandbox.synthetic.accounts import DAY
from tastemaker.sandbox.synthetic.vocabulary import Niche, Person, happens, pick

_VIEWS_PER_FOLLOWER = {Platform.YOUTUBE: 0.11, Platform.TIKTOK: 0.30, Platform.INSTAGRAM: 0.17}
_LIKES_PER_VIEW = {Platform.YOUTUBE: 0.035, Platform.TIKTOK: 0.09, Platform.INSTAGRAM: 0.06}
_SPONSORED = 0.06
_SHORTS = 0.22
_LONGEST_SHORT = 60


def posts(who: Person, account: CreatorRow, count: int, first_row: int) -> Iterator[PostRow]:
    write = _video if account.platform == Platform.YOUTUBE else _reel
    return (write(who, account, row) for row in range(first_row, first_row + count))


def _video(who: Person, account: CreatorRow, row: int) -> PostRow:
    """A YouTube video or short; some hide likes or have comments turned off, none tell shares."""
    dice = who.dice
    niche = _niche(who)
    word, other, number, tags = _ingredients(who, niche)
    title = pick(dice, who.language.titles).format(w=word, x=other, n=number)
    caption = pick(dice, who.language.captions).format(w=word, x=other, n=number)
    sponsored = happens(dice, _SPONSORED)
    notice = f"{who.language.sponsored}.\n" if sponsored else ""
    short = happens(dice, _SHORTS)
    published, views, likes, comments = _figures(dice, account)
    return PostRow(
        row,
        account.platform,
        post_id(Platform.YOUTUBE, published, dice.getrandbits(64)),
        account.id,
        f"{title[:1].upper()}{title[1:]}" + (f" #{tags[0]} #shorts" if short else ""),
        f"{notice}{caption}\n\n#{' #'.join(tags)}",
        orjson.dumps([word, other, *tags]).decode(),
        published,
        7 + int(dice.random() * (_LONGEST_SHORT - 6)) if short else 61 + int(dice.expovariate(1 / 600)),
        views,
        likes if happens(dice, 0.96) else None,
        comments if happens(dice, 0.97) else None,
        None,
        None,
        account.language,
        int(sponsored),
        niche.category,
    )


def _reel(who: Person, account: CreatorRow, row: int) -> PostRow:
    """A TikTok video or an Instagram reel: one text with its hashtags inside."""
    dice = who.dice
    niche = _niche(who)
    word, other, number, tags = _ingredients(who, niche)
    caption = pick(dice, who.language.captions).format(w=word, x=other, n=number)
    sponsored = happens(dice, _SPONSORED)
    if sponsored:
        tags = (*tags, "ad")
    published, views, likes, comments = _figures(dice, account)
    platform = Platform.TIKTOK if account.platform == Platform.TIKTOK else Platform.INSTAGRAM
    return PostRow(
        row,
        account.platform,
        post_id(platform, published, dice.getrandbits(64)),
        account.id,
        f"{caption} #{' #'.join(tags)}",
        None,
        orjson.dumps(tags).decode(),
        published,
        6 + int(dice.expovariate(1 / 28)),
        views if platform is Platform.TIKTOK or happens(dice, 0.9) else None,
        likes,
        comments,
        int(likes * dice.lognormvariate(-3, 0.8)),
        int(likes * dice.lognormvariate(-2.2, 0.7)),
        account.language,
        int(sponsored),
        niche.key,
    )


def _niche(who: Person) -> Niche:
    return who.niche if happens(who.dice, 0.8) else who.second_niche


def _ingredients(who: Person, niche: Niche) -> tuple[str, str, int, tuple[str, ...]]:
    """Two words, a small number, two to four hashtags."""
    dice = who.dice
    words = niche.words_in(who.language.code)
    at = int(dice.random() ** 1.4 * len(words))
    other = words[(at + 1 + int(dice.random() * (len(words) - 1))) % len(words)]
    start, span = int(dice.random() * len(niche.tags)), 2 + int(dice.random() * 3)
    tags = (niche.tags + niche.tags)[start : start + span]
    return words[at], other, 2 + int(dice.random() * 28), tags


def _figures(dice: Random, account: CreatorRow) -> tuple[int, int, int, int]:
    """When it was published; its views, likes and comments."""
    age = min(int(dice.expovariate(1 / 240) * DAY) + 3600, LATEST - (account.joined_at or 0))
    platform = Platform(account.platform)
    followers = account.followers or 0
    views = int((followers + 40) * _VIEWS_PER_FOLLOWER[platform] * dice.lognormvariate(0, 1.1))
    likes = int(views * min(_LIKES_PER_VIEW[platform] * dice.lognormvariate(0, 0.5), 0.6))
    return LATEST - age, views, likes, int(likes * min(dice.lognormvariate(-3.4, 0.7), 0.5))
