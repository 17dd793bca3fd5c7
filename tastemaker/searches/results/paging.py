"""What is asked of the results: filters, order, and the cursor of the next page."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

import orjson

from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import SearchId


class Sort(StrEnum):
    """`position` is the order of arrival; the others put the largest first and the unknown last."""

    POSITION = "position"
    FOLLOWERS = "followers"
    VIEWS = "views"
    LIKES = "likes"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFilter:
    """A creator whose followers are unknown passes no limit on them."""

    min_followers: int | None = None
    max_followers: int | None = None
    has_email: bool = False

    @property
    def given(self) -> Mapping[str, int | bool]:
        """The filters that are set, by name."""
        values = {
            "min_followers": self.min_followers,
            "max_followers": self.max_followers,
            "has_email": self.has_email or None,
        }
        return {name: value for name, value in values.items() if value is not None}


EVERYTHING = ResultFilter()


@dataclass(frozen=True, slots=True)
class ResultPosition:
    """After which row to read on: that row's sort key, and what makes it unique."""

    key: int
    search_id: SearchId
    position: int


def make_filter(*, min_followers: int | None, max_followers: int | None, has_email: bool) -> ResultFilter:
    """Raises InvalidInput for limits that exclude everybody."""
    lowest, highest = min_followers or 0, max_followers
    if lowest < 0 or (highest is not None and highest < 0):
        raise InvalidInput("A number of followers is 0 or more.")
    if highest is not None and highest < lowest:
        raise InvalidInput(f"No creator has at least {lowest:,} and at most {highest:,} followers.")
    return ResultFilter(min_followers=min_followers, max_followers=max_followers, has_email=has_email)


_LONGEST: Final = 200


_MOST: Final = 2**63


def encode_cursor(sort: Sort, place: ResultPosition | None) -> str | None:
    if place is None:
        return None
    said = orjson.dumps([sort, place.key, str(place.search_id), place.position])
    return urlsafe_b64encode(said).rstrip(b"=").decode()


def decode_cursor(sort: Sort, cursor: str | None) -> ResultPosition | None:
    """None is the first page. Raises InvalidInput for what no page in this order has given out."""
    if cursor is None:
        return None
    try:
        named, key, search_id, position = orjson.loads(
            urlsafe_b64decode(cursor[:_LONGEST].encode("ascii") + b"==")
        )
        place = ResultPosition(key=int(key), search_id=SearchId(UUID(search_id)), position=int(position))
    except (ValueError, TypeError, AttributeError, OverflowError, binascii.Error):
        named, place = None, ResultPosition(key=0, search_id=SearchId(UUID(int=0)), position=0)
    if named != sort or not -_MOST <= place.key < _MOST or not 0 <= place.position < 2**31:
        raise InvalidInput("That is no place in these results; start again from their first page.")
    return place
