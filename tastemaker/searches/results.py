"""What was asked of the results: filters, order, and the place from which to read on."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import SearchId
from tastemaker.searches.types import FoundCreator


class Sort(StrEnum):
    """`position` is the order of arrival; the others put the largest first and the unknown last."""

    POSITION = "position"
    FOLLOWERS = "followers"
    VIEWS = "views"
    LIKES = "likes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A creator whose followers are unknown passes no limit on them."""

    min_followers: int | None = None
    max_followers: int | None = None
    has_email: bool = False


EVERYTHING = Filter()


@dataclass(frozen=True, slots=True)
class Place:
    """After which row to read on: that row's sort key, and what makes it unique."""

    key: int
    search_id: SearchId
    position: int


@dataclass(frozen=True, slots=True)
class FoundPage:
    """`next` is None on the last page."""

    creators: Sequence[FoundCreator]
    next: Place | None


def make_filter(*, min_followers: int | None, max_followers: int | None, has_email: bool) -> Filter:
    """Raises InvalidInput for limits that exclude everybody."""
    lowest, highest = min_followers or 0, max_followers
    if lowest < 0 or (highest is not None and highest < 0):
        raise InvalidInput("A number of followers is 0 or more.")
    if highest is not None and highest < lowest:
        raise InvalidInput(f"No creator has at least {lowest:,} and at most {highest:,} followers.")
    return Filter(min_followers=min_followers, max_followers=max_followers, has_email=has_email)
