"""The accounts of a person: on which platforms, how large, since when, and the odd ones among them."""

import math
import unicodedata
from collections.abc import Callable, Iterator
from random import Random

import orjson

from tastemaker.core.platforms import Platform
from tastemaker.sandbox.formatting import LATEST
from tastemaker.sandbox.identity import numbered_id, stable_id
from tastemaker.sandbox.store import CreatorRow, handle_key
from tastemaker.sandbox.synthetic.profiles import (
    bio,
    channel_keywords,
    email_address,
    handle_parts,
    profile_links,
    profile_name,
    write_handle,
)
from tastemaker.sandbox.synthetic.vocabulary import Person, happens

DAY = 86_400

_SETS = (
    (Platform.YOUTUBE,),
    (Platform.TIKTOK,),
    (Platform.INSTAGRAM,),
    (Platform.YOUTUBE, Platform.INSTAGRAM),
    (Platform.TIKTOK, Platform.INSTAGRAM),
    (Platform.YOUTUBE, Platform.TIKTOK),
    (Platform.YOUTUBE, Platform.TIKTOK, Platform.INSTAGRAM),
)
_SET_SHARES = (0.30, 0.25, 0.17, 0.07, 0.07, 0.06, 0.08)

_TYPICAL_FOLLOWERS = {Platform.YOUTUBE: 12_000, Platform.TIKTOK: 20_000, Platform.INSTAGRAM: 9_000}
_SPREAD = {Platform.YOUTUBE: 2.0, Platform.TIKTOK: 1.9, Platform.INSTAGRAM: 1.8}
_EXACT_BELOW = 1_000
_FAMOUS = 500_000
_MOST_FOLLOWERS = 180_000_000

EVERY = 2_500
"""One of each kind among so many persons."""

LONG_BIO = 10_000


def accounts(who: Person, seed: int, first_row: int) -> Iterator[CreatorRow]:
    """One row per platform the person is on, numbered from `first_row`."""
    parts = handle_parts(who)
    platforms = who.dice.choices(_SETS, _SET_SHARES)[0]
    if needs_youtube(who.index):
        platforms = (Platform.YOUTUBE,)
    for row, platform in enumerate(platforms, start=first_row):
        yield make_odd(_account(who, seed, row, platform, parts), seed, who.index)


def _account(who: Person, seed: int, row: int, platform: Platform, parts: list[str]) -> CreatorRow:
    dice = who.dice
    followers = _followers(dice, platform, who.reach)
    handle = write_handle(dice, platform, parts)
    email = email_address(dice, handle) if happens(dice, who.email_share) else None
    links = profile_links(dice, handle)
    joined = LATEST - int((0.3 + 9 * dice.random()) * 365) * DAY
    posts_count = 5 + int(dice.lognormvariate(4.5, 1.1))
    return CreatorRow(
        id=row,
        platform=platform.value,
        stable_id=numbered_id(platform, seed, row),
        handle=handle,
        handle_key=handle_key(handle),
        name=profile_name(who),
        bio=bio(who, platform, email, links),
        tags=channel_keywords(who) if platform is Platform.YOUTUBE else None,
        category=who.niche.key,
        country=who.country if happens(dice, 0.85) else None,
        language=who.language.code,
        followers=followers,
        hidden_followers=int(platform is Platform.YOUTUBE and happens(dice, 0.03)),
        following=int(dice.lognormvariate(5.2, 1.0)) if platform is not Platform.YOUTUBE else None,
        posts_count=posts_count,
        views_total=int(followers * dice.lognormvariate(4.2, 0.8)) if platform is Platform.YOUTUBE else None,
        likes_total=int(followers * dice.lognormvariate(3.2, 0.8)) if platform is Platform.TIKTOK else None,
        verified=int(happens(dice, 0.6 if followers > _FAMOUS else 0.02)),
        state=_state(dice, platform),
        email=email,
        links=orjson.dumps(links).decode() if links else None,
        joined_at=joined,
    )


def _followers(dice: Random, platform: Platform, reach: float) -> int:
    """Log-normal by platform; four fifths of the spread is the person, one fifth the platform's luck."""
    spread = _SPREAD[platform]
    count = _TYPICAL_FOLLOWERS[platform] * math.exp(spread * (0.9 * reach + dice.gauss(0, 0.436)))
    count = max(3, min(int(count), _MOST_FOLLOWERS))
    return _three_digits(count) if platform is Platform.YOUTUBE else count


def _three_digits(count: int) -> int:
    """YouTube publishes no more than three significant digits of a subscriber count, rounded down."""
    step = int("1" + "0" * (len(str(count)) - 3)) if count >= _EXACT_BELOW else 1
    return count // step * step


def _state(dice: Random, platform: Platform) -> str:
    """RankedCreator by a search and gone, or closed, when looked at: it happens on these two platforms."""
    if platform is Platform.YOUTUBE or not happens(dice, 0.022):
        return "public"
    return "deactivated" if happens(dice, 0.3) else "private"


def make_odd(account: CreatorRow, seed: int, index: int) -> CreatorRow:
    """`account`, unchanged unless its person's number is one of the odd ones."""
    change = _KINDS.get(index % EVERY)
    return change(account, seed, index // EVERY) if change else account


def needs_youtube(index: int) -> bool:
    """Pairs of handles and of channel ids are only pairs when both are on the platform that allows them."""
    return _KINDS.get(index % EVERY) in {_composed_handle, _decomposed_handle, _twin_id, _other_twin_id}


def _long_bio(account: CreatorRow, _seed: int, _round: int) -> CreatorRow:
    text = (account.bio or "") + " " + "All about this channel, once more. " * 300
    return account._replace(bio=text[:LONG_BIO])


def _right_to_left_override(account: CreatorRow, _seed: int, _round: int) -> CreatorRow:
    return account._replace(name=f"\u202e{account.name}")


def _composed_handle(account: CreatorRow, _seed: int, round_: int) -> CreatorRow:
    return _with_handle(account, unicodedata.normalize("NFC", f"CaféZoë{round_ or ''}"))


def _decomposed_handle(account: CreatorRow, _seed: int, round_: int) -> CreatorRow:
    return _with_handle(account, unicodedata.normalize("NFD", f"CaféZoë{round_ or ''}"))


def _twin_id(account: CreatorRow, seed: int, round_: int) -> CreatorRow:
    return _with_twin_id(account, _twins(seed, round_)[0])


def _other_twin_id(account: CreatorRow, seed: int, round_: int) -> CreatorRow:
    return _with_twin_id(account, _twins(seed, round_)[1])


def _joined_emoji(account: CreatorRow, _seed: int, _round: int) -> CreatorRow:
    return account._replace(name=f"👩🏽\u200d❤️\u200d💋\u200d👨🏿 {account.name} 🏳️\u200d🌈")


def _stacked_marks(account: CreatorRow, _seed: int, _round: int) -> CreatorRow:
    return account._replace(name="".join(f"{letter}\u0336\u0351\u0329" for letter in account.name or "x"))


def _with_handle(account: CreatorRow, handle: str) -> CreatorRow:
    return account._replace(handle=handle, handle_key=handle_key(handle))


def _with_twin_id(account: CreatorRow, channel_id: str) -> CreatorRow:
    return account._replace(stable_id=channel_id)


def _twins(seed: int, round_: int) -> tuple[str, str]:
    """Two channel ids that differ in the case of a single letter."""
    first = stable_id(Platform.YOUTUBE, seed, "twin", round_)
    at = next(place for place, letter in enumerate(first) if place > 1 and letter.isalpha())
    return first, first[:at] + first[at].swapcase() + first[at + 1 :]


_KINDS: dict[int, Callable[[CreatorRow, int, int], CreatorRow]] = {
    11: _long_bio,
    23: _right_to_left_override,
    31: _composed_handle,
    32: _decomposed_handle,
    41: _twin_id,
    42: _other_twin_id,
    53: _joined_emoji,
    67: _stacked_marks,
}
