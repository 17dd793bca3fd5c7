import pytest

from tastemaker.core.accounts import AccountName
from tastemaker.core.platforms import Platform
from tastemaker.sandbox.tables.cells import (
    UnreadableCell,
    read_count,
    read_email,
    read_flag,
    read_handle,
    read_links,
    read_list,
    read_seconds,
    read_time,
)

YOUTUBE = Platform.YOUTUBE


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        ("12", 12),
        (" 1200 ", 1_200),
        ("16.7M", 16_700_000),
        ("16.7m", 16_700_000),
        ("16,7 Mio.", 16_700_000),
        ("42.5K", 42_500),
        ('"42.5K"'.strip('"'), 42_500),
        ("42.5K subscribers", 42_500),
        ("111M subscribers", 111_000_000),
        ("5 subscribers", 5),
        ("1,234 views", 1_234),
        ("3 Tsd.", 3_000),
        ("1.2B", 1_200_000_000),
        ("2,5 Mrd", 2_500_000_000),
        ("12万", 120_000),
        ("3.5억", 350_000_000),
        ("1.234.567", 1_234_567),
        ("1,234,567", 1_234_567),
        ("1 234 567", 1_234_567),
        ("1\u00a0234\u202f567", None),
        ("1\u00a0234\u00a0567", 1_234_567),
        ("1'234'567", 1_234_567),
        ("1.234", 1_234),
        ("1,234", 1_234),
        ("1.234.567,00", 1_234_567),
        ("1,234,567.00", 1_234_567),
        ("12,34,567", 1_234_567),
        ("633.00", 633),
        ("477900000.00", 477_900_000),
        ("1.2E+07", 12_000_000),
        ("1e3", 1_000),
    ],
)
def test_counts_in_all_their_forms(text: str, count: int | None) -> None:
    if count is None:
        with pytest.raises(UnreadableCell):
            read_count(text)
    else:
        assert read_count(text) == count


@pytest.mark.parametrize("text", ["", " ", "-", "N/A", "N/A'", "n/a", "None", "null", "NaN", "#N/A"])
def test_unknown_is_not_zero(text: str) -> None:
    assert read_count(text) is None
    assert read_time(text) is None
    assert read_seconds(text) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("#VALOR!", "spreadsheet"),
        ("#NAME?", "spreadsheet"),
        ("#REF!", "spreadsheet"),
        ("Spain", "shifted"),
        ("United States", "shifted"),
        ("348.5", "fraction"),
        ("-5", "below zero"),
        ("1e400", "beyond all bounds"),
        ("12 apples", "behind it"),
        ("12K apples", "behind it"),
        ("2021-03-04", "behind it"),
        ("1.23.4", "cannot be read"),
    ],
)
def test_what_is_no_count_is_told_apart(text: str, said: str) -> None:
    with pytest.raises(UnreadableCell, match=said):
        read_count(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2021-03-04T18:00:48Z", 1_614_880_848),
        ("2018-06-19T12:41:34-07:00", 1_529_437_294),
        ("2019-08-24", 1_566_604_800),
        ("2022-03", 1_646_092_800),
        ("17.14.11", 1_510_617_600),
        ("1614880848", 1_614_880_848),
        ("1614880848.0", 1_614_880_848),
        ("1614880848123", 1_614_880_848),
        ("10.1", None),
        ("29.09", None),
    ],
)
def test_times(text: str, seconds: int | None) -> None:
    assert read_time(text) == seconds


@pytest.mark.parametrize("text", ["yesterday", "2022-13", "2022-02-30", "17.40.40", "2 years ago"])
def test_unreadable_times(text: str) -> None:
    with pytest.raises(UnreadableCell, match="date"):
        read_time(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("11:26", 686), ("1:04:10", 3_850), ("434", 434), ("434.0", 434), ("PT1H2M3S", 3_723), ("PT45S", 45)],
)
def test_lengths(text: str, seconds: int) -> None:
    assert read_seconds(text) == seconds


def test_lengths_in_minutes_and_unreadable_ones() -> None:
    assert read_seconds("255.2", minutes=True) == 15_312
    with pytest.raises(UnreadableCell):
        read_seconds("long")
    with pytest.raises(UnreadableCell):
        read_seconds("inf")


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ('["oppo find x", "oppo"]', ["oppo find x", "oppo"]),
        ("a|b c|a", ["a", "b c"]),
        ('"a"|"b"', ["a", "b"]),
        ("a, b ,c", ["a", "b", "c"]),
        ('skepticism "critical thinking" revealed', ["skepticism", "critical thinking", "revealed"]),
        ("[none]", []),
        ("[broken", ["broken"]),
        ("", []),
    ],
)
def test_lists(text: str, entries: list[str]) -> None:
    assert read_list(text) == entries


@pytest.mark.parametrize(
    ("text", "account"),
    [
        ("someone", AccountName(YOUTUBE, handle="someone")),
        ("/@Some-One", AccountName(YOUTUBE, handle="Some-One")),
        ("http://www.youtube.com/@someone/videos", AccountName(YOUTUBE, handle="someone")),
        ("/@%E6%97%A5%E6%9C%AC", AccountName(YOUTUBE, handle="日本")),
        ("/user/SomeOne", AccountName(YOUTUBE, handle="SomeOne", is_old_name=True)),
        ("/SomeOne", AccountName(YOUTUBE, handle="SomeOne", is_old_name=True)),
        ("/channel/UCabcdefghijklmnopqrstuv", AccountName(YOUTUBE, stable_id="UCabcdefghijklmnopqrstuv")),
        ("", None),
        ("/@", None),
    ],
)
def test_handles(text: str, account: AccountName | None) -> None:
    if text == "/@":
        with pytest.raises(UnreadableCell):
            read_handle(text, YOUTUBE)
    else:
        assert read_handle(text, YOUTUBE) == account


def test_an_address_that_is_a_part_of_another_is_not_taken() -> None:
    assert read_email("e.k@example.com", "write chloée.k@example.com") == "chloée.k@example.com"
    assert read_email("oe@example.com", "write @zoe@example.com") is None
    assert read_email("doe@example.com", "write bobdoe@example.com") == "bobdoe@example.com"
    assert read_email("bob@example.com", None) == "bob@example.com"
    assert read_email("bob at home", None) is None


def test_lists_of_objects_and_of_python() -> None:
    assert read_list('[{"title": "x", "url": "https://example.com"}, null]') == ["https://example.com"]
    assert read_list("['tea', None, 'bread']") == ["tea", "bread"]
    assert read_links("https://example.com/?b=3;4, https://example.org") == [
        "https://example.com/?b=3;4",
        "https://example.org",
    ]
    assert read_links("example.com") == ["https://example.com"]


def test_flags() -> None:
    assert [read_flag(text) for text in ("1.0", "True", "0.0", "no", "", "maybe")] == [
        True, True, False, False, None, None,
    ]  # fmt: skip
