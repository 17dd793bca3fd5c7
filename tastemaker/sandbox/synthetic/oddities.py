"""The few creators in every few thousand that break naive code: real data has all of these."""

import unicodedata
from collections.abc import Callable

from tastemaker.core.platforms import Platform
from tastemaker.sandbox.identity import stable_id
from tastemaker.sandbox.store import CreatorRow, handle_key

EVERY = 2_500
"""One of each kind among so many persons."""

LONG_BIO = 10_000


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
