import html
import re
from typing import Any

import httpx
import pytest

from tastemaker.core.platforms import Platform
from tastemaker.sandbox.library import Library
from tastemaker.sandbox.store import CreatorRow, PostRow
from tests.sandbox.conftest import Get

YOUTUBE = Platform.YOUTUBE


@pytest.fixture(scope="module")
def channels(library: Library) -> list[CreatorRow]:
    return library.creators(library.creators_for(YOUTUBE, "makeup"))


def creator_with(channels: list[CreatorRow], **fields: object) -> CreatorRow:
    return next(each for each in channels if all(getattr(each, name) == is_ for name, is_ in fields.items()))


async def every_page(youtube: Get, **params: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - URL parameters
    bodies, token = [], None
    while True:
        answer = await youtube("search", **params, **({"pageToken": token} if token else {}))
        bodies.append(answer.json())
        token = bodies[-1].get("nextPageToken")
        if token is None:
            return bodies


def reason(answer: httpx.Response) -> tuple[int, str, str]:
    (error,) = answer.json()["error"]["errors"]
    assert answer.json()["error"]["code"] == answer.status_code
    return answer.status_code, error["domain"], error["reason"]


async def test_a_search_page_has_the_api_s_shape(youtube: Get) -> None:
    answer = (await youtube("search", q="makeup", type="video", maxResults=25, regionCode="jp")).json()
    assert answer["kind"] == "youtube#searchListResponse"
    assert answer["regionCode"] == "JP"
    assert answer["pageInfo"]["resultsPerPage"] == 25
    assert len(answer["items"]) == 25
    assert len(answer["nextPageToken"]) == 588
    for item in answer["items"]:
        assert item["id"]["kind"] == "youtube#video"
        assert re.fullmatch(r"[\w-]{11}", item["id"]["videoId"])
        assert re.fullmatch(r"UC[\w-]{22}", item["snippet"]["channelId"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", item["snippet"]["publishedAt"])


async def test_pages_differ_and_end(youtube: Get, library: Library) -> None:
    bodies = await every_page(youtube, q="makeup", type="video", maxResults=20)
    found = [item["snippet"]["channelId"] for body in bodies for item in body["items"]]
    assert len(bodies) > 2
    assert [len(body["items"]) for body in bodies[:-1]] == [20] * (len(bodies) - 1)
    everybody = library.creators(library.creators_for(YOUTUBE, "makeup"))
    assert set(found) == {each.stable_id for each in everybody if library.posts_of(each)}
    assert 0.15 < 1 - len(set(found)) / len(found) < 0.35


async def test_channels_can_be_searched(youtube: Get) -> None:
    bodies = await every_page(youtube, q="makeup", type="channel", maxResults=50)
    ids = [item["id"]["channelId"] for body in bodies for item in body["items"]]
    assert len(ids) > 50
    assert len(set(ids)) == len(ids)


async def test_without_a_type_channels_come_among_videos(youtube: Get) -> None:
    items = (await youtube("search", q="makeup", maxResults=20)).json()["items"]
    assert {item["id"]["kind"] for item in items} == {"youtube#channel", "youtube#video"}


async def test_titles_in_a_search_are_escaped_and_descriptions_cut(youtube: Get, library: Library) -> None:
    bodies = await every_page(youtube, q="aujourd", type="video", maxResults=50)
    snippets = {item["id"]["videoId"]: item["snippet"] for body in bodies for item in body["items"]}
    posts = [post for post, _ in library.posts_by_id(YOUTUBE, list(snippets))]
    assert posts
    for post in posts:
        assert html.unescape(snippets[post.post_id]["title"]) == post.title
        assert len(snippets[post.post_id]["description"]) <= 160


async def test_orders_and_filters(youtube: Get, library: Library) -> None:
    async def found(**params: Any) -> list[PostRow]:  # noqa: ANN401 - URL parameters
        items = (await youtube("search", q="makeup", type="video", maxResults=50, **params)).json()["items"]
        return [post for post, _ in library.posts_by_id(YOUTUBE, [item["id"]["videoId"] for item in items])]

    views = [post.views or 0 for post in await found(order="viewCount")]
    assert views == sorted(views, reverse=True)
    dates = [post.published_at or 0 for post in await found(order="date")]
    assert dates == sorted(dates, reverse=True)
    recent = await found(publishedAfter="2026-05-01T00:00:00Z")
    assert recent
    assert all((post.published_at or 0) >= 1_777_593_600 for post in recent)
    assert all((post.duration or 0) < 240 for post in await found(videoDuration="short"))
    assert all(post.sponsored for post in await found(videoPaidProductPlacement="true"))


async def test_the_videos_of_one_channel(youtube: Get, channels: list[CreatorRow], library: Library) -> None:
    creator = next(each for each in channels if library.posts_of(each))
    items = (await youtube("search", channelId=creator.stable_id, type="video", maxResults=50)).json()[
        "items"
    ]
    assert {item["snippet"]["channelId"] for item in items} == {creator.stable_id}


async def test_channels_are_listed_with_counts_as_texts(youtube: Get, channels: list[CreatorRow]) -> None:
    wanted = channels[:50]
    answer = await youtube(
        "channels",
        part="snippet,statistics,contentDetails,topicDetails,status,brandingSettings",
        id=",".join(each.stable_id for each in wanted),
    )
    items = answer.json()["items"]
    assert [item["id"] for item in items] == [each.stable_id for each in wanted]
    for item, creator in zip(items, wanted, strict=True):
        assert item["snippet"]["title"] == creator.name
        assert item["snippet"]["description"] == (creator.bio or "")
        assert item["statistics"]["viewCount"] == str(creator.views_total)
        assert item["statistics"]["videoCount"] == str(creator.posts_count)
        assert item["contentDetails"]["relatedPlaylists"]["uploads"] == "UU" + creator.stable_id[2:]


async def test_a_hidden_subscriber_count_is_missing(youtube: Get, library: Library) -> None:
    everybody = library.creators(range(1, 3_001))
    hidden = creator_with(everybody, platform=YOUTUBE, hidden_followers=1)
    shown = creator_with(everybody, platform=YOUTUBE, hidden_followers=0)
    answer = await youtube("channels", part="statistics", id=f"{hidden.stable_id},{shown.stable_id}")
    first, second = (item["statistics"] for item in answer.json()["items"])
    assert first["hiddenSubscriberCount"] is True
    assert "subscriberCount" not in first
    assert second["subscriberCount"] == str(shown.followers)


async def test_a_handle_leads_to_its_channel(youtube: Get, channels: list[CreatorRow]) -> None:
    answer = await youtube("channels", forHandle=f"@{(channels[0].handle or '').upper()}")
    assert [item["id"] for item in answer.json()["items"]] == [channels[0].stable_id]


async def test_only_known_parts_and_ids_come_back(youtube: Get, channels: list[CreatorRow]) -> None:
    answer = await youtube("channels", part="id", id=f"{channels[0].stable_id},UC{'x' * 22}")
    (item,) = answer.json()["items"]
    assert set(item) == {"kind", "etag", "id"}
    nobody = await youtube("channels", id=f"UC{'x' * 22}")
    assert nobody.status_code == 200
    assert "items" not in nobody.json()


async def test_channel_ids_differ_by_the_case_of_letters(youtube: Get, library: Library) -> None:
    by_fold: dict[str, list[str]] = {}
    for creator in library.creators(range(1, 3_001)):
        by_fold.setdefault(creator.stable_id.lower(), []).append(creator.stable_id)
    (twins,) = (ids for ids in by_fold.values() if len(ids) > 1)
    items = (await youtube("channels", id=",".join(twins))).json()["items"]
    assert [item["id"] for item in items] == twins
    assert items[0]["snippet"] != items[1]["snippet"]


async def test_videos_are_listed(youtube: Get, library: Library) -> None:
    posts = [post for post, _ in library.posts(library.posts_for(YOUTUBE, "makeup", repeats=0))][:50]
    answer = await youtube(
        "videos",
        part="snippet,statistics,contentDetails,paidProductPlacementDetails",
        id=",".join(post.post_id for post in posts),
    )
    items = answer.json()["items"]
    assert [item["id"] for item in items] == [post.post_id for post in posts]
    for item, post in zip(items, posts, strict=True):
        assert item["snippet"]["title"] == post.title
        assert item["statistics"].get("likeCount") == (None if post.likes is None else str(post.likes))
        assert item["statistics"]["viewCount"] == str(post.views)
        assert seconds(item["contentDetails"]["duration"]) == post.duration
        assert item["paidProductPlacementDetails"]["hasPaidProductPlacement"] is bool(post.sponsored)
    assert any("likeCount" in item["statistics"] for item in items)


async def test_uploads_are_paged_latest_first(
    youtube: Get, channels: list[CreatorRow], library: Library
) -> None:
    creator = max(channels[:60], key=lambda each: len(library.posts_of(each)))
    playlist, token, seen = "UU" + creator.stable_id[2:], None, []
    while True:
        params = {"pageToken": token} if token else {}
        body = (await youtube("playlistItems", part="contentDetails", playlistId=playlist, **params)).json()
        seen += [item["contentDetails"]["videoId"] for item in body["items"]]
        token = body.get("nextPageToken")
        if token is None:
            break
    assert len(seen) > 5
    assert seen == [post.post_id for post in library.posts_of(creator)]


@pytest.mark.parametrize(
    ("path", "params", "expected"),
    [
        ("search", {"q": "x", "key": "wrong"}, (400, "usageLimits", "keyInvalid")),
        ("search", {"q": "x", "key": ""}, (400, "usageLimits", "keyInvalid")),
        ("search", {"q": "x", "pageToken": "CBkQAA"}, (400, "youtube.parameter", "invalidPageToken")),
        ("search", {"q": "x", "part": ""}, (400, "youtube.parameter", "missingRequiredParameter")),
        ("search", {"q": "x", "maxResults": "51"}, (400, "youtube.parameter", "invalidParameter")),
        ("search", {"q": "x", "type": "user"}, (400, "youtube.parameter", "invalidParameter")),
        ("search", {"q": "x", "order": "best"}, (400, "youtube.parameter", "invalidParameter")),
        ("search", {"q": "x", "publishedAfter": "soon"}, (400, "youtube.parameter", "invalidParameter")),
        (
            "search",
            {"q": "x", "publishedAfter": "2026-01-01"},
            (400, "youtube.parameter", "invalidParameter"),
        ),
        ("search", {"q": "x", "videoDuration": "epic"}, (400, "youtube.parameter", "invalidParameter")),
        ("channels", {"part": ""}, (400, "youtube.parameter", "missingRequiredParameter")),
        ("playlistItems", {}, (400, "youtube.parameter", "missingRequiredParameter")),
        ("channels", {}, (400, "youtube.parameter", "missingRequiredParameter")),
        ("channels", {"id": ",".join(["x"] * 51)}, (400, "youtube.parameter", "invalidParameter")),
        ("playlistItems", {"playlistId": "UUnobody"}, (404, "youtube.playlist", "playlistNotFound")),
    ],
)
async def test_errors_have_the_api_s_words(
    youtube: Get, path: str, params: dict[str, str], expected: tuple[int, str, str]
) -> None:
    assert reason(await youtube(path, **params)) == expected


@pytest.mark.parametrize(
    ("order", "field"),
    [("date", "joined_at"), ("viewCount", "views_total"), ("videoCount", "posts_count"), ("title", "name")],
)
async def test_channels_come_in_the_order_asked_for(
    youtube: Get, library: Library, order: str, field: str
) -> None:
    items = (await youtube("search", q="makeup", type="channel", order=order, maxResults=50)).json()["items"]
    found = library.creators_by_id(YOUTUBE, [item["id"]["channelId"] for item in items])
    values = [getattr(each, field) for each in found]
    assert values == sorted(values, reverse=order != "title")


async def test_a_token_of_uploads_is_checked(youtube: Get, channels: list[CreatorRow]) -> None:
    uploads = "UU" + channels[0].stable_id[2:]
    answer = await youtube("playlistItems", playlistId=uploads, pageToken="CBkQAA")
    assert reason(answer) == (400, "youtube.parameter", "invalidPageToken")


async def test_a_token_belongs_to_its_question(youtube: Get) -> None:
    token = (await youtube("search", q="makeup", type="video")).json()["nextPageToken"]
    assert (await youtube("search", q="makeup", type="video", pageToken=token)).status_code == 200
    foreign = await youtube("search", q="chess", type="video", pageToken=token)
    assert reason(foreign) == (400, "youtube.parameter", "invalidPageToken")


async def test_nothing_found_is_an_empty_list(youtube: Get) -> None:
    body = (await youtube("search", q="zzzzqqqq", type="video")).json()
    assert body["items"] == []
    assert "nextPageToken" not in body


def seconds(duration: str) -> int:
    match = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?", duration)
    assert match is not None
    hours, minutes, rest = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + rest
