"""CSV that a spreadsheet opens safely and a program reads exactly."""

import csv
import io
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from tastemaker.core.ids import SearchId, new_id
from tastemaker.core.platforms import Platform
from tastemaker.searches.results.export import CAMPAIGN_COLUMNS, POST_COLUMNS, Columns, columns_of, csv_chunks
from tastemaker.searches.results.queries import FoundCreator

POST_HEADER = (
    "Username,Followers,Bio,Email,Video URL,Description,Likes,Comments,Shares,Views,Hashtags,Created Date,"
    "Keywords,Platform"
)
CHANNEL_HEADER = (
    "Channel Name,Subscribers,Bio,Email,Social Links,Video Title,Video URL,Views,Duration (seconds),Hashtags,"
    "Keywords,Platform"
)
CAMPAIGN_HEADER = (
    "Platform,Creator/Channel Name,Followers,Video/Content URL,Title/Description,Views,Likes,Comments,Shares,"
    "Duration (seconds),Hashtags,Date,Keywords,Email"
)
ADDED_HEADER = "Handle,Name,Profile URL,Matched in,Language,Country,E-mail"


@pytest.mark.parametrize(
    ("platforms", "header"),
    [
        ([Platform.TIKTOK], POST_HEADER),
        ([Platform.INSTAGRAM], POST_HEADER),
        ([Platform.YOUTUBE], CHANNEL_HEADER),
        ([Platform.YOUTUBE, Platform.YOUTUBE], CAMPAIGN_HEADER),
        ([Platform.TIKTOK, Platform.YOUTUBE], CAMPAIGN_HEADER),
        ([], CAMPAIGN_HEADER),
    ],
)
async def test_the_columns_are_those_people_rely_on(platforms: list[Platform], header: str) -> None:
    assert await written([], columns_of(platforms)) == f"{header},{ADDED_HEADER}\r\n"


async def test_what_identifies_a_creator_comes_after_the_columns_people_rely_on() -> None:
    creator = found(
        name="Anna",
        profile_url="https://www.tiktok.com/@anna",
        matched_in=("post", "bio"),
        language="pl",
        country="PL",
        emails=("a@example.org", "b@example.org"),
    )
    for columns in (POST_COLUMNS, CAMPAIGN_COLUMNS, columns_of([Platform.YOUTUBE])):
        (row,) = rows(await written([creator], columns))
        assert [row[name] for name in ADDED_HEADER.split(",")] == [
            "anna",
            "Anna",
            "https://www.tiktok.com/@anna",
            "post; bio",
            "pl",
            "PL",
            "a@example.org",
        ]


async def test_numbers_are_exact_and_the_unknown_is_empty() -> None:
    (row,) = rows(await written([found(followers=1_234_567, views=2**40, likes=None)], CAMPAIGN_COLUMNS))
    assert (row["Followers"], row["Views"], row["Likes"]) == ("1234567", str(2**40), "")
    assert (row["Hashtags"], row["Date"], row["Email"]) == ("chess; opening", "2026-11-20", "a@example.org")
    (row,) = rows(await written([found(post_published_at=None, name=None)], CAMPAIGN_COLUMNS))
    assert (row["Date"], row["Creator/Channel Name"]) == ("", "anna")


@pytest.mark.parametrize(
    "formula",
    [
        "=HYPERLINK(1)",
        "+1+1",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "\uff1d1+1",
        '=cmd|" /C calc"!A0',
    ],
)
async def test_formulas_are_marked_as_text(formula: str) -> None:
    (row,) = rows(await written([found(bio=formula)], POST_COLUMNS))
    assert row["Bio"] == f"'{formula}"


async def test_hostile_text_stays_in_its_field() -> None:
    bio = 'one\r\ntwo,"three"\rfour; \x1b[31mfive\u202e'
    (row,) = rows(await written([found(bio=bio)], POST_COLUMNS))
    assert row["Bio"] == bio
    assert (row["Username"], row["Platform"]) == ("anna", "TikTok")


async def test_a_byte_order_mark_only_where_asked_for() -> None:
    assert (await written([], POST_COLUMNS, bom=True)).startswith("\ufeffUsername")
    assert (await written([], POST_COLUMNS)).startswith("Username")


@pytest.mark.slow
async def test_memory_stays_the_same_however_many_there_are() -> None:
    async def peak(rows_wanted: int) -> int:
        tracemalloc.start()
        async for _ in csv_chunks(many(rows_wanted), CAMPAIGN_COLUMNS):
            pass
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    assert await peak(5_000) < 2 * await peak(1_000)


async def written(creators: list[FoundCreator], columns: Columns, *, bom: bool = False) -> str:
    async def told() -> AsyncIterator[FoundCreator]:
        for one in creators:
            yield one

    return "".join([chunk async for chunk in csv_chunks(told(), columns, bom=bom)])


async def many(number: int) -> AsyncIterator[FoundCreator]:
    for _ in range(number):
        yield found(bio="x" * 200)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def found(**fields: object) -> FoundCreator:
    values: dict[str, object] = {
        "position": 1,
        "platform": Platform.TIKTOK,
        "stable_id": "1",
        "handle": "anna",
        "name": "Anna",
        "followers": 10,
        "bio": None,
        "emails": ("a@example.org",),
        "links": (),
        "verified": None,
        "country": None,
        "language": None,
        "profile_url": None,
        "post_text": "on chess",
        "post_url": "https://video.example.com/1",
        "post_published_at": datetime(2026, 11, 20, 23, 59, tzinfo=UTC),
        "views": 5,
        "likes": 4,
        "comments": None,
        "shares": None,
        "duration_seconds": None,
        "hashtags": ("chess", "opening"),
        "keyword": "chess",
        "matched_in": ("post",),
        "search_id": SearchId(new_id()),
    }
    return FoundCreator(**{**values, **fields})  # type: ignore[arg-type]  # fields come by name
