"""The real tables as a corpus: what goes in, what does not and why, and what a search over HTTP finds."""

import csv
import gzip
import unicodedata
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tastemaker.core.platforms import Platform
from tastemaker.sandbox.corpus import CorpusInfo, info
from tastemaker.sandbox.library import Library
from tastemaker.sandbox.server import serve
from tastemaker.sandbox.store import CreatorRow, PostRow
from tastemaker.sandbox.tables.importing import ImportReport, import_tables
from tastemaker.sandbox.tables.rows import Reason

pytestmark = [pytest.mark.shared_data, pytest.mark.slow]

Row = dict[str, str]
Page = list[dict[str, Any]]

GOTHAM_CHESS = "UCQHX6ViZmPsWiYSFAyS0a3Q"


@pytest.fixture(scope="module")
def imported(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ImportReport]:
    path = tmp_path_factory.mktemp("real") / "corpus.sqlite3"
    folders = [shared_data / "kaggle", shared_data / "gpl3", *sorted((shared_data / "mit").glob("*.gz"))]
    return path, import_tables(path, folders)


@pytest.fixture(scope="module")
def report(imported: tuple[Path, ImportReport]) -> ImportReport:
    return imported[1]


@pytest.fixture(scope="module")
def library(imported: tuple[Path, ImportReport]) -> Library:
    return Library(imported[0])


@pytest.fixture(scope="module")
def described(imported: tuple[Path, ImportReport]) -> CorpusInfo:
    return info(imported[0])


@pytest.fixture
async def real(imported: tuple[Path, ImportReport]) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(imported[0]) as url, httpx.AsyncClient(base_url=url) as client:
        yield client


def read(path: Path) -> Iterator[Row]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
        yield from csv.DictReader(text)


def test_every_row_is_accounted_for(report: ImportReport, described: CorpusInfo) -> None:
    assert (report.files, report.rows, report.accepted) == (25, 68_165, 65_462)
    assert report.reasons == {Reason.ORPHAN: 2_703}
    brought = report.accepted - report.merged
    assert max(report.creators, report.posts) < brought < report.creators + report.posts
    assert (report.creators, report.posts) == (
        sum(described.creators.values()),
        sum(described.posts.values()),
    )
    assert [(each.file, each.reason) for each in report.unusable] == [
        ("stelive_collabs.csv.gz", Reason.FILE),
        ("stelive_followers.csv.gz", Reason.FILE),
        ("stelive_streams.csv.gz", Reason.FILE),
    ]


def test_the_orphans_are_the_videos_whose_channel_no_row_tells(
    shared_data: Path, report: ImportReport
) -> None:
    rows = list(read(shared_data / "gpl3" / "youtube_videos_obs_2021_2026.csv.gz"))
    owned = {row["video_id"] for row in rows if row["channel_id"] or row["channel_title"]}
    orphans = [row for row in rows if row["video_id"] not in owned]
    others = {row["video_id"] for row in read(shared_data / "kaggle" / "youtube_trending_2017.csv.gz")}
    assert len([row for row in orphans if row["video_id"] not in others]) == report.reasons[Reason.ORPHAN]


def test_every_listed_account_is_there_once(shared_data: Path, described: CorpusInfo) -> None:
    listed: dict[str, set[str]] = {"instagram": set(), "tiktok": set()}
    for row in read(shared_data / "kaggle" / "influencers_2022.csv.gz"):
        listed.get(row["platform"], set()).add(row["handle"].casefold())
    assert described.creators[Platform.INSTAGRAM] == len(listed["instagram"])
    assert described.creators[Platform.TIKTOK] == len(listed["tiktok"])


@pytest.mark.parametrize("platform", [Platform.INSTAGRAM, Platform.TIKTOK])
def test_followers_are_those_of_the_latest_list(
    shared_data: Path, library: Library, platform: Platform
) -> None:
    latest: dict[str, tuple[str, set[int]]] = {}
    for row in read(shared_data / "kaggle" / "influencers_2022.csv.gz"):
        if row["platform"] == platform.slug:
            snapshot, counts = latest.get(row["handle"], ("", set()))
            same = counts if row["snapshot"] == snapshot else set()
            if row["snapshot"] >= snapshot:
                latest[row["handle"]] = (row["snapshot"], {*same, int(row["followers"])})
    for handle, (_, counts) in latest.items():
        creator = library.creator_by_handle(platform, handle)
        assert creator is not None, handle
        assert creator.followers in counts, handle


def test_channel_ids_that_differ_by_case_are_different_channels(shared_data: Path, library: Library) -> None:
    ids = {row["channel_id"] for row in read(shared_data / "gpl3" / "youtube_channels_obs_2021_2026.csv.gz")}
    lookalikes = [one for one in ids if one.lower().startswith("uco6ak")]
    assert len(lookalikes) > 2
    assert len(library.creators_by_id(Platform.YOUTUBE, lookalikes)) == len(lookalikes)


async def test_searching_chess_finds_gotham_chess(real: httpx.AsyncClient) -> None:
    items = await every_item(real, q="chess", type="video")
    assert GOTHAM_CHESS in {item["snippet"]["channelId"] for item in items}
    channels = await every_item(real, q="chess", type="channel")
    assert GOTHAM_CHESS in [item["id"]["channelId"] for item in channels]


@pytest.mark.parametrize("keyword", ["chess", "makeup", "유니"])
async def test_only_channels_that_carry_the_word_are_found_and_each_once(
    real: httpx.AsyncClient, library: Library, keyword: str
) -> None:
    items = await every_item(real, q=keyword, type="channel")
    ids = [item["id"]["channelId"] for item in items]
    assert ids
    assert len(set(ids)) == len(ids)
    for creator in library.creators_by_id(Platform.YOUTUBE, ids):
        assert keyword in texts(creator, library.posts_of(creator)), creator
    videos = await every_item(real, q=keyword, type="video")
    with_posts = {
        each.stable_id for each in library.creators_by_id(Platform.YOUTUBE, ids) if library.posts_of(each)
    }
    assert {item["snippet"]["channelId"] for item in videos} == with_posts


@pytest.mark.parametrize("keyword", ["chess", "makeup", "music"])
async def test_numbers_equal_the_source_rows(
    shared_data: Path, real: httpx.AsyncClient, keyword: str
) -> None:
    items = await every_item(real, q=keyword, type="video")
    ids = list(dict.fromkeys(item["id"]["videoId"] for item in items))[:200]
    expected = {name: newest_values(shared_data, set(ids), name) for name in ("views", "likes", "comments")}
    compared = 0
    for start in range(0, len(ids), 50):
        answer = await real.get("/youtube/v3/videos", params=known(id=",".join(ids[start : start + 50])))
        for item in answer.json()["items"]:
            for name, field in (("views", "viewCount"), ("likes", "likeCount"), ("comments", "commentCount")):
                counts = expected[name].get(item["id"])
                shown = item["statistics"].get(field)
                assert (int(shown) in counts) if counts else (shown is None), (item["id"], name)
                compared += counts is not None
    assert compared > len(ids) // 2


async def test_subscribers_equal_the_newest_source_row(shared_data: Path, real: httpx.AsyncClient) -> None:
    newest: dict[str, tuple[str, str]] = {}
    for row in read(shared_data / "gpl3" / "youtube_channels_obs_2021_2026.csv.gz"):
        if row["subscribers"] and row["observed_at"] >= max(
            newest.get(row["channel_id"], ("", ""))[0], "2023"
        ):
            newest[row["channel_id"]] = (row["observed_at"], row["subscribers"])
    ids = sorted(newest)
    assert len(ids) > 50
    for start in range(0, len(ids), 50):
        answer = await real.get("/youtube/v3/channels", params=known(id=",".join(ids[start : start + 50])))
        for item in answer.json()["items"]:
            assert item["statistics"]["subscriberCount"] == newest[item["id"]][1], item["id"]


def known(**params: str) -> dict[str, str]:
    return {"part": "snippet,statistics", "key": "sandbox"} | params


async def every_item(client: httpx.AsyncClient, **params: str) -> Page:
    items: Page = []
    token: str | None = None
    while True:
        following = {"pageToken": token} if token else {}
        answer = await client.get("/youtube/v3/search", params=known(maxResults="50") | params | following)
        items += answer.json()["items"]
        token = answer.json().get("nextPageToken")
        if token is None:
            return items


def texts(creator: CreatorRow, posts: list[PostRow]) -> str:
    said = [creator.name, creator.handle, creator.tags, creator.category, creator.bio]
    for post in posts:
        said += [post.title, post.tags, post.description]
    return unicodedata.normalize("NFKC", " ".join(filter(None, said))).casefold()


def newest_values(shared_data: Path, ids: set[str], name: str) -> dict[str, set[int]]:
    """By video, the numbers of the newest rows that tell one; on one day two countries may differ."""
    newest: dict[str, tuple[str, set[int]]] = {}
    for row in observations(shared_data, name):
        if row["id"] in ids and row["value"]:
            time, values = newest.get(row["id"], ("", set()))
            if row["time"] >= time:
                newest[row["id"]] = (
                    row["time"],
                    {*(values if row["time"] == time else ()), int(row["value"])},
                )
    return {video: values for video, (_, values) in newest.items()}


def observations(shared_data: Path, name: str) -> Iterator[Row]:
    for row in read(shared_data / "gpl3" / "youtube_videos_obs_2021_2026.csv.gz"):
        yield {"id": row["video_id"], "time": row["observed_at"], "value": row.get(name, "")}
    column = {"comments": "comment_total"}.get(name, name)
    for row in read(shared_data / "kaggle" / "youtube_trending_2017.csv.gz"):
        yield {"id": row["video_id"], "time": row["trend_date"], "value": row[column]}
    for file in ("stelive_videos", "stelive_music"):
        for row in read(shared_data / "mit" / f"{file}.csv.gz"):
            yield {"id": row["video_id"], "time": "", "value": row.get(f"{name[:-1]}_count", "")}
