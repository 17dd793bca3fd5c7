"""Files that a spreadsheet opens safely and a program reads exactly."""

import csv
import io
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime

import pytest
from openpyxl import load_workbook
from pyarrow import parquet

from tastemaker.core.ids import SearchId, new_id
from tastemaker.core.platforms import Platform
from tastemaker.db.enums import ExportFormat
from tastemaker.searches.exports import formats
from tastemaker.searches.exports.formats import batched, row_pieces
from tastemaker.searches.results.export import (
    CAMPAIGN_COLUMNS,
    FIELDS,
    POST_COLUMNS,
    Columns,
    columns_of,
    row_of,
)
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


async def test_a_workbook_runs_nothing_and_links_to_profile_and_post() -> None:
    creator = found(
        bio="=HYPERLINK(1)",
        name="anna\x07",
        followers=2**40,
        profile_url="https://example.org/@anna",
        post_url="javascript:alert(1)",
    )
    book = load_workbook(io.BytesIO(await made([creator], ExportFormat.XLSX)))
    head, row = book["Creators"].rows
    cells = dict(zip([one.value for one in head], row, strict=True))
    assert list(cells) == list(POST_COLUMNS)
    assert (cells["Bio"].value, cells["Bio"].data_type) == ("=HYPERLINK(1)", "s")
    assert (cells["Name"].value, cells["Followers"].value) == ("anna", 2**40)
    assert cells["Created Date"].value == datetime(2026, 11, 20)  # noqa: DTZ001 - a date of a sheet
    assert cells["Profile URL"].hyperlink.target == "https://example.org/@anna"
    assert cells["Video URL"].hyperlink is None


async def test_parquet_has_every_field_with_its_type() -> None:
    content = await made([found(followers=None, views=2**40), found()], ExportFormat.PARQUET)
    table = parquet.read_table(io.BytesIO(content))
    assert table.column_names == list(FIELDS)
    assert table["views"].to_pylist()[0] == 2**40
    assert table["followers"].to_pylist()[0] is None
    assert table["published_on"].to_pylist()[0] == date(2026, 11, 20)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [ExportFormat.CSV, ExportFormat.XLSX, ExportFormat.PARQUET])
async def test_memory_stays_the_same_however_many_there_are(
    kind: ExportFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "MOST_LINKS", 500)  # a workbook keeps its links in memory, up to a limit

    async def peak(rows_wanted: int) -> int:
        tracemalloc.start()
        batches = batched(as_rows(many(rows_wanted)), size=100)
        async for _ in row_pieces(batches, kind, CAMPAIGN_COLUMNS, bom=False):
            pass
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    assert await peak(5_000) < 2 * await peak(1_000)


async def written(creators: list[FoundCreator], columns: Columns, *, bom: bool = False) -> str:
    return (await made(creators, ExportFormat.CSV, columns, bom=bom)).decode()


async def made(
    creators: list[FoundCreator], kind: ExportFormat, columns: Columns = POST_COLUMNS, *, bom: bool = False
) -> bytes:
    async def told() -> AsyncIterator[FoundCreator]:
        for one in creators:
            yield one

    batches = batched(as_rows(told()), size=2)
    return b"".join([piece async for piece, _ in row_pieces(batches, kind, columns, bom=bom)])


async def as_rows(creators: AsyncIterator[FoundCreator]) -> AsyncIterator[tuple[object, ...]]:
    async for one in creators:
        yield row_of(one)


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
        "similarity": None,
        "because": (),
    }
    return FoundCreator(**{**values, **fields})  # type: ignore[arg-type]  # fields come by name
