"""Where a page of results ended, as a word that a client hands back with the same filters and order."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final
from uuid import UUID

import orjson

from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import SearchId
from tastemaker.searches.results import Place, Sort

_LONGEST: Final = 200
_MOST: Final = 2**63


def write_place(sort: Sort, place: Place | None) -> str | None:
    if place is None:
        return None
    said = orjson.dumps([sort, place.key, str(place.search_id), place.position])
    return urlsafe_b64encode(said).rstrip(b"=").decode()


def read_place(sort: Sort, cursor: str | None) -> Place | None:
    """None is the first page. Raises InvalidInput for what no page in this order has given out."""
    if cursor is None:
        return None
    try:
        named, key, search_id, position = orjson.loads(
            urlsafe_b64decode(cursor[:_LONGEST].encode("ascii") + b"==")
        )
        place = Place(key=int(key), search_id=SearchId(UUID(search_id)), position=int(position))
    except (ValueError, TypeError, AttributeError, OverflowError, binascii.Error):
        named, place = None, Place(key=0, search_id=SearchId(UUID(int=0)), position=0)
    if named != sort or not -_MOST <= place.key < _MOST or not 0 <= place.position < 2**31:
        raise InvalidInput("That is no place in these results; start again from their first page.")
    return place
