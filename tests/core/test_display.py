from datetime import UTC, datetime, timedelta, timezone

import pytest

from tastemaker.core.display import UNKNOWN, ago, counted, moment, percent, seconds, short, size, time_of_day


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (None, UNKNOWN),
        (0, "0"),
        (999, "999"),
        (1_000, "1K"),
        (1_234, "1.2K"),
        (9_999, "9.9K"),
        (12_345, "12.3K"),
        (123_456, "123K"),
        (999_999, "999K"),
        (1_000_000, "1M"),
        (1_299_999, "1.2M"),
        (12_000_000, "12M"),
        (3_400_000_000, "3.4B"),
        (2**62, "4,611,686,018B"),
    ],
)
def test_counts_are_cut_and_never_rounded_up(number: int | None, shown: str) -> None:
    assert short(number) == shown


def test_words_agree_with_their_number() -> None:
    assert counted(1, "creator") == "1 creator"
    assert counted(1_200, "creator") == "1,200 creators"
    assert counted(2, "search", "searches") == "2 searches"


def test_times_are_utc_whatever_zone_they_come_in() -> None:
    late = datetime(2026, 11, 23, 23, 30, tzinfo=timezone(timedelta(hours=-2)))
    assert moment(late) == "2026-11-24 01:30"
    assert moment(datetime(2026, 11, 23, 8, 0)) == "2026-11-23 08:00"  # noqa: DTZ001 - as columns without zone are read
    assert moment(None) == UNKNOWN
    now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    assert time_of_day(now.replace(hour=8), now=now) == "08:00 UTC"
    assert time_of_day(late, now=now) == "01:30 UTC on 24 November"


def test_durations_and_sizes() -> None:
    assert [seconds(value) for value in (0.42, 12.3, 300)] == ["0.4 s", "12 s", "5 min"]
    assert [size(value) for value in (17, 2_000, 76_000_000, 5_500_000_000)] == [
        "17 bytes",
        "2 kB",
        "76 MB",
        "5.5 GB",
    ]


@pytest.mark.parametrize(
    ("passed", "shown"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(hours=23, minutes=59), "23 h ago"),
        (timedelta(days=29), "29 d ago"),
        (timedelta(days=70), "2 mo ago"),
        (timedelta(days=800), "2 y ago"),
    ],
)
def test_ages_have_one_unit(passed: timedelta, shown: str) -> None:
    now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    assert ago(now - passed, now=now) == shown


def test_unknown_is_a_dash() -> None:
    assert [ago(None, now=datetime.now(UTC)), percent(None), percent(0.0411)] == [UNKNOWN, UNKNOWN, "4.1 %"]
