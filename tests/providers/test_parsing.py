import math
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tastemaker.core.numbers import MAX_COUNT
from tastemaker.providers import parsing
from tastemaker.providers.parsing import count

UNTIMED = settings(deadline=None)  # a busy machine is no failure
ANYTHING = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.datetimes()
    | st.lists(st.integers()) | st.dictionaries(st.text(), st.integers())
    | st.text("0123456789.,' KkMmBb-+e\u00a0")
)  # fmt: skip

WRITTEN = {
    "0": 0, "007": 7, " 7 ": 7, "1234": 1_234,
    "1,234": 1_234, "1.234": 1_234, "1'234": 1_234, "1\u2019234": 1_234, "1\u00a0234": 1_234,
    "1 234 567": 1_234_567, "1\u202f234\u202f567": 1_234_567, "1.234.567": 1_234_567,
    "477900000.00": 477_900_000, "101.00": 101, "1,234.00": 1_234, "1.234,00": 1_234,
    "42.5K": 42_500, "42,5K": 42_500, "12.3 K": 12_300, "0.5K": 500, "845K": 845_000, "1.2345K": 1_234,
    "16.7m": 16_700_000, "2.75M": 2_750_000, "1.2B": 1_200_000_000, "1,234,567K": 1_234_567_000,
    "42.5K subscribers": 42_500, "1 subscriber": 1, "14,860,541 views": 14_860_541, "9,221 videos": 9_221,
    "3 million": 3_000_000, "12,5 Mio.": 12_500_000, "1,2 Mrd.": 1_200_000_000, "5 Tsd": 5_000,
}  # fmt: skip

UNCLEAR = [
    "", " ", "many", "No views", "5 apples", "-5", "+5", "1K+", "<10", "10-20", "NaN", "Infinity",
    "0x10", "1.5", "0.123", "12,34", "1,2,3", "1.23.456", ".5K", "5.", "1,234K", "1.234M", "1_000", "٤٢",
    "9" * 20, "9" * 60, "999999999999B",
]  # fmt: skip


@pytest.mark.parametrize(("written", "number"), WRITTEN.items())
def test_a_written_count_is_read(written: str, number: int) -> None:
    assert count(written) == number


@pytest.mark.parametrize("written", UNCLEAR)
def test_an_unclear_count_is_unknown(written: str) -> None:
    assert count(written) is None


@UNTIMED
@given(st.integers(0, MAX_COUNT), st.sampled_from([",", ".", " ", "'", "\u00a0", "\u202f", ""]))
def test_every_grouped_number_is_read_back(number: int, mark: str) -> None:
    assert count(f"{number:,}".replace(",", mark)) == number
    assert count(number) == number


@UNTIMED
@given(st.integers(1, 9_999), st.integers(0, 99), st.sampled_from("kKmMbB"), st.sampled_from(".,"))
def test_every_shortened_number_is_read_back(whole: int, hundredths: int, unit: str, mark: str) -> None:
    factor = {"k": 10**3, "m": 10**6, "b": 10**9}[unit.lower()]
    known = None if mark == "," and unit in "bB" else whole * factor + hundredths * factor // 100
    assert count(f"{whole}{mark}{hundredths:02}{unit}") == known


@UNTIMED
@given(ANYTHING)
def test_anything_is_a_count_in_range_or_unknown(value: object) -> None:
    known = count(value)
    assert known is None or (type(known) is int and 0 <= known <= MAX_COUNT)


@UNTIMED
@given(ANYTHING)
def test_nothing_breaks_a_reader(value: object) -> None:
    assert parsing.truth(value) in {True, False, None}
    assert isinstance(parsing.identifier(value), str | None)
    assert isinstance(parsing.text(value), str | None)
    assert isinstance(parsing.handle(value), str | None)
    assert isinstance(parsing.web_address(value), str | None)
    assert isinstance(parsing.iso_duration(value), int | None)
    assert isinstance(parsing.seconds(value), int | None)
    when = parsing.moment(value)
    assert when is None or when.utcoffset() is not None
    assert parsing.dig(value, "a", 0, "b") is None


@pytest.mark.parametrize(
    "value",
    [
        1767600000,
        1767600000.0,
        1767600000000,
        "1767600000",
        "2026-01-05T08:00:00Z",
        "2026-01-05T08:00:00.000Z",
        "2026-01-05T10:00:00+02:00",
        "2026-01-05T08:00:00",
    ],
)
def test_a_moment_is_read_in_every_form(value: object) -> None:
    assert parsing.moment(value) == datetime(2026, 1, 5, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "value", [0, -1, math.inf, math.nan, True, None, "", "yesterday", "10.1", "1970-01-01", 10**30, "9" * 400]
)
def test_an_absurd_moment_is_unknown(value: object) -> None:
    assert parsing.moment(value) is None


@pytest.mark.parametrize(
    ("value", "length"),
    [
        ("PT4M13S", 253),
        ("PT1H2M3S", 3723),
        ("P1DT1S", 86_401),
        ("PT90M", 5_400),
        ("P0D", None),
        ("PT0S", None),
        ("P", None),
        ("4:13", None),
        (253, None),
        (None, None),
    ],
)
def test_a_duration_of_the_standard_is_read(value: object, length: int | None) -> None:
    assert parsing.iso_duration(value) == length


def test_a_duration_in_parts_is_rounded_to_seconds() -> None:
    assert [parsing.seconds(part, per_second=1000) for part in (83_851, 0, 400, -5, True)] == [
        84,
        None,
        None,
        None,
        None,
    ]
    assert [parsing.seconds(part) for part in (75.7, math.inf, 1e300, "75")] == [76, None, None, None]


def test_either_is_unknown_only_where_nothing_is_known() -> None:
    assert [parsing.either(*values) for values in ((None, True), (0, None), (None, "x"), (0, 1))] == [
        True,
        False,
        None,
        True,
    ]


def test_a_handle_loses_its_sign_and_nothing_else() -> None:
    assert [parsing.handle(value) for value in ("@Jane.Doe", " jane ", "@", "", None, 7)] == [
        "Jane.Doe", "jane", None, None, None, None,
    ]  # fmt: skip
