from datetime import datetime
from zoneinfo import ZoneInfoNotFoundError

import httpx
import pytest

from tastemaker.core import clock
from tastemaker.providers.base import Cost, ErrorKind, KeywordQuery, ProviderError
from tastemaker.providers.youtube import YouTube, client
from tests.providers.remote import Asked, Remote, Reply, always, as_json
from tests.providers.wires import KEY, WIRES

WIRE = WIRES[0]
CHESS = KeywordQuery(keyword="chess", region="pt")


def refusal(status: int, *reasons: str, **error: object) -> Reply:
    errors = [{"domain": "global", "reason": reason} for reason in reasons]
    return as_json({"error": {"code": status, "message": "no", "errors": errors} | error}, status=status)


async def test_a_page_is_three_calls_with_what_each_needs(http: httpx.AsyncClient, remote: Remote) -> None:
    remote.script = WIRE.page([WIRE.item(1), WIRE.item(2, creator=1)], more=True)
    page = await WIRE.build(remote.url).search_keyword(http, CHESS, "CAUQAA")
    search, channels, videos = remote.asked
    assert [asked.path for asked in remote.asked] == [
        f"/youtube/v3/{n}" for n in ("search", "channels", "videos")
    ]
    assert search.params == {
        "part": "snippet", "maxResults": "50", "q": "chess", "regionCode": "PT", "type": "video",
        "pageToken": "CAUQAA", "key": KEY,
    }  # fmt: skip
    assert channels.params["id"] == WIRE.creator_id(1)
    assert videos.params["id"] == f"{WIRE.post_id(1)},{WIRE.post_id(2)}"
    assert page.next_cursor == "TOKEN1"
    assert page.cost == Cost(calls=3, units=2)


async def test_the_fields_of_a_channel_and_of_a_video(http: httpx.AsyncClient, remote: Remote) -> None:
    remote.script = WIRE.page([WIRE.item(1)], more=False)
    page = await WIRE.build(remote.url).search_keyword(http, CHESS, None)
    channel, video = page.creators[0], page.posts[0]
    assert (channel.handle, channel.country, channel.language) == ("MiraPlays", "PT", "pt")
    assert (channel.posts_count, channel.views_total, channel.private) == (412, 4_294_967_296_000, False)
    assert channel.verified is None
    assert channel.profile_url == "https://www.youtube.com/channel/UCmadeUp0001"
    assert channel.avatar_url == "https://img.example.org/small.jpg"
    assert channel.extra_ids == {"uploads_playlist": "UUmadeUp0000"}
    assert (video.text, video.duration_seconds) == ("Mira's best & worst openings", 3723)
    assert video.description is not None
    assert video.description.startswith("Openings that win")
    assert (video.tags, video.language, video.sponsored) == (("chess", "openings"), "pt", False)
    assert video.url == "https://www.youtube.com/watch?v=made-up0001"
    assert video.thumbnail_url == "https://img.example.org/video.jpg"


async def test_more_than_fifty_ids_go_in_batches(http: httpx.AsyncClient, remote: Remote) -> None:
    remote.script = WIRE.page(WIRE.items(0, 60), more=False)
    page = await WIRE.build(remote.url).search_keyword(http, CHESS, None)
    sizes = [asked.params["id"].count(",") + 1 for asked in remote.asked[1:]]
    assert sizes == [50, 10, 50, 10]
    assert len(page.creators) == 60
    assert page.cost == Cost(calls=5, units=4)


async def test_channel_ids_differ_by_case_alone(http: httpx.AsyncClient, remote: Remote) -> None:
    items = WIRE.items(0, 3)
    for item, channel_id in zip(items, ("UCaB", "UCAb", "UCab"), strict=True):
        WIRE.put(item, "creator_id", channel_id)
        WIRE.put(item, "name", f"Name of {channel_id}")
    remote.script = WIRE.page(items, more=False)
    page = await WIRE.build(remote.url).search_keyword(http, CHESS, None)
    assert [(creator.stable_id, creator.name) for creator in page.creators] == [
        (channel_id, f"Name of {channel_id}") for channel_id in ("UCaB", "UCAb", "UCab")
    ]


async def test_a_hidden_subscriber_count_is_unknown_and_not_zero(
    http: httpx.AsyncClient, remote: Remote
) -> None:
    item = WIRE.item(1)
    item["channel"]["statistics"] |= {"hiddenSubscriberCount": True, "subscriberCount": "0"}
    remote.script = WIRE.page([item], more=False)
    page = await WIRE.build(remote.url).search_keyword(http, CHESS, None)
    assert page.creators[0].followers is None


async def test_without_the_operators_word_no_address_is_read(http: httpx.AsyncClient, remote: Remote) -> None:
    remote.script = WIRE.page([WIRE.item(1)], more=False)
    youtube = YouTube(KEY, base_url=remote.url, contacts=False)
    page = await youtube.search_keyword(http, CHESS, None)
    assert page.creators[0].emails == ()
    policy = youtube.declaration.policy
    assert (policy.name, policy.keep_days, policy.contacts, policy.derived_metrics) == (
        "youtube_api",
        30,
        False,
        False,
    )


async def test_what_the_lists_leave_out_is_known_from_the_search_alone(
    http: httpx.AsyncClient, remote: Remote
) -> None:
    """The API leaves out the key `items` where it knows none of the ids."""
    found = as_json({"items": [WIRE.item(1)["search"]]})
    remote.script = lambda asked: (
        found if asked.path.endswith("search") else as_json({"kind": "youtube#list"})
    )
    page = await WIRE.build(remote.url).search_keyword(http, CHESS, None)
    creator, post = page.creators[0], page.posts[0]
    assert (creator.name, creator.followers, creator.handle) == ("Mira & Friends", None, None)
    assert (post.text, post.views) == ("Mira's best & worst openings", None)
    assert post.thumbnail_url == "https://img.example.org/search.jpg"


async def test_a_search_for_channels_needs_no_videos(http: httpx.AsyncClient, remote: Remote) -> None:
    item = WIRE.item(1)
    item["search"]["id"] = {"kind": "youtube#channel", "channelId": WIRE.creator_id(1)}
    del item["search"]["snippet"]["channelId"]
    remote.script = WIRE.page([item], more=False)
    query = KeywordQuery(keyword="chess", options={"type": "channel", "order": "videoCount"})
    page = await WIRE.build(remote.url).search_keyword(http, query, None)
    assert remote.asked[0].params["order"] == "videoCount"
    assert [creator.followers for creator in page.creators] == [1_230_000]
    assert (page.posts, page.skipped, page.cost) == ((), 0, Cost(calls=2, units=1))


@pytest.mark.parametrize(
    "option", [{"type": "playlist"}, {"order": 7}, {"duration": "a b"}, {"topic_id": "a&b"}]
)
async def test_options_take_the_apis_own_words(http: httpx.AsyncClient, option: dict[str, object]) -> None:
    query = KeywordQuery(keyword="chess", options=option)
    with pytest.raises(ProviderError, match="takes"):
        await WIRE.build("http://127.0.0.1:9").search_keyword(http, query, None)


async def test_a_region_is_two_letters(http: httpx.AsyncClient) -> None:
    with pytest.raises(ProviderError, match="two letters"):
        query = KeywordQuery(keyword="chess", region="Portugal")
        await WIRE.build("http://127.0.0.1:9").search_keyword(http, query, None)


REASONS = [
    (refusal(403, "quotaExceeded"), ErrorKind.QUOTA, False),
    (refusal(403, "rateLimitExceeded"), ErrorKind.RATE_LIMITED, False),
    (refusal(429, "rateLimitExceeded"), ErrorKind.RATE_LIMITED, False),
    (
        refusal(429, "rateLimitExceeded", details=[{"metadata": {"quota_unit": "1/d/{project}"}}]),
        ErrorKind.QUOTA,
        False,
    ),
    (refusal(403, "forbidden"), ErrorKind.AUTH, True),
    (refusal(403, "somethingNew"), ErrorKind.AUTH, True),
    (refusal(400, "keyInvalid"), ErrorKind.AUTH, True),
    (refusal(400, "badRequest", details=[{"reason": "API_KEY_INVALID"}]), ErrorKind.AUTH, True),
    (refusal(400, "invalidPageToken"), ErrorKind.BAD_REQUEST, True),
    (refusal(400, "missingRequiredParameter"), ErrorKind.BAD_REQUEST, True),
    (refusal(404, "channelNotFound"), ErrorKind.NOT_FOUND, True),
    (refusal(503, "backendError"), ErrorKind.SERVER, False),
    (as_json({"error": {"code": 403, "errors": [{"reason": "quotaExceeded"}]}}), ErrorKind.QUOTA, False),
    (as_json({"error": {"code": 500}}), ErrorKind.SERVER, False),
    (as_json({"error": "mistyped"}), ErrorKind.SERVER, False),
    (
        as_json({"error": {"code": 403, "errors": "mistyped", "details": {}}}, status=403),
        ErrorKind.AUTH,
        True,
    ),
]


@pytest.mark.parametrize(("reply", "kind", "final"), REASONS, ids=lambda value: str(value)[:24])
async def test_a_reason_has_a_meaning(
    http: httpx.AsyncClient, remote: Remote, reply: Reply, kind: ErrorKind, *, final: bool
) -> None:
    remote.script = always(reply)
    with pytest.raises(ProviderError) as raised:
        await WIRE.build(remote.url).search_keyword(http, CHESS, None)
    assert (raised.value.kind, raised.value.final) == (kind, final)
    assert (raised.value.retry_after is not None) is (kind is ErrorKind.QUOTA)


async def test_a_late_failure_carries_the_cost_of_the_whole_page(
    http: httpx.AsyncClient, remote: Remote
) -> None:
    good = WIRE.page([WIRE.item(1)], more=False)

    def script(asked: Asked) -> Reply:
        return refusal(500, "backendError") if asked.path.endswith("videos") else good(asked)

    remote.script = script
    with pytest.raises(ProviderError) as raised:
        await WIRE.build(remote.url).search_keyword(http, CHESS, None)
    assert raised.value.cost == Cost(calls=3, units=2)


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        ("2026-07-01T07:00:00+00:00", 24),  # midnight in summer: exactly one day to the next
        ("2026-07-01T06:59:00+00:00", 1 / 60),
        ("2026-01-15T07:30:00+00:00", 0.5),
        ("2026-03-08T09:00:00+00:00", 22),  # the day on which an hour is skipped
        ("2026-11-01T08:00:00+00:00", 24),  # the day on which an hour comes twice
    ],
)
def test_the_quota_begins_again_at_midnight_in_california(now: str, hours: float) -> None:
    assert client.seconds_until_reset(datetime.fromisoformat(now)) == pytest.approx(hours * 3600)


def test_without_time_zones_the_reset_is_at_most_an_hour_late(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ZoneInfoNotFoundError(name)

    monkeypatch.setattr(clock, "ZoneInfo", missing)
    summer = datetime.fromisoformat("2026-07-01T06:00:00+00:00")
    assert client.seconds_until_reset(summer) == 2 * 3600
