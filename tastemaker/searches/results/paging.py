"""Of which searches, in what order, and from where on results are read."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import orjson

from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import CampaignId, SearchId


class Sort(StrEnum):
    """`position` is the order of arrival. Numbers and times begin with the largest, names with A.

    Unknown values come last.
    """

    POSITION = "position"
    FOLLOWERS = "followers"
    VIEWS = "views"
    LIKES = "likes"
    LAST_POST = "last_post"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class SearchScope:
    """A creator that several of the searches found is returned once, from the first that has it."""

    search_ids: tuple[SearchId, ...]


@dataclass(frozen=True, slots=True)
class CampaignScope:
    """All creators of a campaign, with the values of the last page that showed each of them to it."""

    campaign_id: CampaignId


Scope = SearchScope | CampaignScope


@dataclass(frozen=True, slots=True)
class ResultPosition:
    """After which row to read on: that row's sort key, and what tells it from others of the same key."""

    key: int | str
    position: int
    creator_id: int


_LONGEST: Final = 400
_MOST: Final = 2**63


def encode_cursor(sort: Sort, place: ResultPosition | None) -> str | None:
    if place is None:
        return None
    said = orjson.dumps([sort, place.key, place.position, place.creator_id])
    return urlsafe_b64encode(said).rstrip(b"=").decode()


def decode_cursor(sort: Sort, cursor: str | None) -> ResultPosition | None:
    """None is the first page. Raises InvalidInput for what no page in this order has given out."""
    if cursor is None:
        return None
    try:
        named, key, position, creator_id = orjson.loads(
            urlsafe_b64decode(cursor[:_LONGEST].encode("ascii") + b"==")
        )
    except (ValueError, TypeError, AttributeError, binascii.Error):
        named, key, position, creator_id = None, None, None, None
    is_key = type(key) is int and -_MOST <= key < _MOST
    if sort is Sort.NAME:
        is_key = type(key) is str and "\0" not in key
    are_numbers = type(position) is int and type(creator_id) is int
    if (
        named != sort
        or not is_key
        or not are_numbers
        or not 0 <= position < 2**31
        or not 0 <= creator_id < _MOST
    ):
        raise InvalidInput("That is no place in these results; start again from their first page.")
    return ResultPosition(key, position, creator_id)
