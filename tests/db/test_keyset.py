from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import orjson
import pytest

from tastemaker.core.errors import InvalidInput
from tastemaker.db.keyset import Place, checked_limit, page_of, read_cursor

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def first_cursor(key: UUID | int, at: datetime = NOON) -> str:
    page = page_of([1, 2], 1, of="fruit", place=lambda _: Place(at, key))
    assert page.next is not None
    return page.next


@pytest.mark.parametrize("key", [uuid4(), 0, 2**62])
def test_a_cursor_comes_back_as_the_place_it_was_made_of(key: UUID | int) -> None:
    assert read_cursor(first_cursor(key), of="fruit") == Place(NOON, key)
    tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
    assert read_cursor(first_cursor(key, tokyo), of="fruit") == Place(NOON, key)
    assert read_cursor(None, of="fruit") is None


@pytest.mark.parametrize(
    "cursor",
    [
        *("", "x", "é", "\0", "====", "a" * 401, "bnVsbA"),
        *(
            urlsafe_b64encode(orjson.dumps(said)).decode().rstrip("=")
            for said in (
                None, 7, {}, [], ["fruit"], ["fruit", 1, 2], ["fruit", "yesterday", 1],
                ["fruit", NOON.isoformat(), "no id"], ["fruit", NOON.isoformat(), None],
                ["fruit", NOON.isoformat(), True], ["fruit", NOON.isoformat(), 1.5],
                ["fruit", "0001-01-01T00:00:00+14:00", 1], ["meat", NOON.isoformat(), 1],
            )
        ),
    ],
)  # fmt: skip
def test_what_no_page_gave_out_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput):
        read_cursor(cursor, of="fruit")


def test_one_row_more_tells_that_there_is_another_page() -> None:
    assert page_of([1, 2], 2, of="fruit", place=lambda row: Place(NOON, row)).next is None
    assert page_of([], 2, of="fruit", place=lambda row: Place(NOON, row)).rows == ()
    page = page_of([1, 2, 3], 2, of="fruit", place=lambda row: Place(NOON, row))
    assert page.rows == (1, 2)
    assert read_cursor(page.next, of="fruit") == Place(NOON, 2)


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_page_has_bounds(limit: int) -> None:
    with pytest.raises(InvalidInput):
        checked_limit(limit)
