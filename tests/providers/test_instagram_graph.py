"""Instagram through the Graph API: one call whose argument says what is wanted of whom."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tastemaker.core.platforms import Platform
from tastemaker.providers.base import Cost, ErrorKind, Page, ProfileQuery, ProviderError
from tastemaker.providers.instagram_graph import InstagramGraph
from tastemaker.providers.registry import SANDBOX_KEY, SANDBOX_USER
from tastemaker.providers.scrapecreators import ScrapeCreatorsInstagram
from tastemaker.sandbox.corpus import generate
from tastemaker.sandbox.faults import Faults
from tastemaker.sandbox.library import Library
from tastemaker.sandbox.server import serve
from tastemaker.sandbox.store import CreatorRow
from tests.providers.remote import Remote, Reply, always, as_json

TOKEN = "EAAmadeUpToken0123456789"
MIRA = ProfileQuery(handle="@mira.plays")
BODY: dict[str, Any] = {
    "business_discovery": {
        "id": "17841402700000001",
        "username": "mira.plays",
        "name": "Mira & Friends",
        "biography": "Chess. mira@example.com",
        "website": "example.org/mira",
        "profile_picture_url": "https://img.example.org/avatar.jpg",
        "followers_count": 1_230_000,
        "follows_count": 101,
        "media_count": 71,
        "media": {
            "data": [
                {
                    "id": "17885103395504675",
                    "caption": "Fork in three moves #Chess",
                    "comments_count": 77,
                    "media_type": "VIDEO",
                    "permalink": "https://www.instagram.com/reel/DMadeUp-_1/",
                    "timestamp": "2026-01-05T08:00:00+0000",
                },
                {"caption": "without an id"},
            ],
            "paging": {"cursors": {"after": "QVFIUmadeUp"}},
        },
    },
    "id": "17841406338772941",
}


def graph(url: str, *, token: str = TOKEN, user_id: str = "17841406338772941") -> InstagramGraph:
    return InstagramGraph(token, user_id=user_id, base_url=url)


async def failure(
    http: httpx.AsyncClient, provider: InstagramGraph, query: ProfileQuery = MIRA
) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        await provider.fetch_profile(http, query)
    return raised.value


async def test_a_profile_is_one_call_with_its_latest_posts(http: httpx.AsyncClient, remote: Remote) -> None:
    remote.script = always(as_json(BODY))
    page = await graph(f"{remote.url}/v23.0").fetch_profile(http, MIRA)
    (asked,) = remote.asked
    assert asked.path == "/v23.0/17841406338772941"
    assert asked.params["fields"].startswith("business_discovery.username(mira.plays){id,username,")
    assert asked.params["access_token"] == TOKEN
    (mira,) = page.creators
    assert (mira.stable_id, mira.handle, mira.name) == ("17841402700000001", "mira.plays", "Mira & Friends")
    assert (mira.followers, mira.following, mira.posts_count) == (1_230_000, 101, 71)
    assert (mira.emails, mira.links) == (("mira@example.com",), ("https://example.org/mira",))
    (post,) = page.posts
    assert (post.short_code, post.likes, post.comments, post.views) == ("DMadeUp-_1", None, 77, None)
    assert post.published_at is not None
    assert post.published_at.isoformat() == "2026-01-05T08:00:00+00:00"
    assert (page.skipped, page.cost) == (1, Cost(calls=1, units=1))


@pytest.mark.parametrize(
    ("code", "subcode", "kind", "final"),
    [
        (4, None, ErrorKind.RATE_LIMITED, False),
        (17, None, ErrorKind.RATE_LIMITED, False),
        (32, None, ErrorKind.RATE_LIMITED, False),
        (613, None, ErrorKind.RATE_LIMITED, False),
        (80002, None, ErrorKind.RATE_LIMITED, False),
        (190, 463, ErrorKind.AUTH, True),
        (10, None, ErrorKind.AUTH, True),
        (200, None, ErrorKind.AUTH, True),
        (110, 2207013, ErrorKind.NOT_FOUND, True),
        (100, 2207013, ErrorKind.NOT_FOUND, True),
        (100, None, ErrorKind.BAD_REQUEST, True),
        (2, None, ErrorKind.SERVER, False),
        (999_999, None, ErrorKind.BAD_REQUEST, True),
    ],
)
@pytest.mark.parametrize("status", [400, 200])
async def test_the_code_inside_says_what_is_wrong(
    http: httpx.AsyncClient,
    remote: Remote,
    status: int,
    code: int,
    subcode: int | None,
    kind: ErrorKind,
    *,
    final: bool,
) -> None:
    inner = {"message": f"(#{code}) {TOKEN}", "code": code, "error_subcode": subcode}
    remote.script = always(as_json({"error": inner}, status=status))
    error = await failure(http, graph(remote.url))
    if code == 999_999 and status == 200:
        kind, final = ErrorKind.SERVER, False
    assert (error.kind, error.final, error.cost) == (kind, final, Cost(calls=1, units=1))
    assert TOKEN not in str(error)


async def test_a_throttled_caller_is_told_how_long(http: httpx.AsyncClient, remote: Remote) -> None:
    usage = {"178": [{"type": "instagram", "estimated_time_to_regain_access": 19}, {"type": "pages"}]}
    for header, wait in ((json.dumps(usage), 19 * 60), ("nonsense", None), ("[]", None)):
        remote.script = always(Reply(b'{"error": {"code": 4}}', 400, {"X-Business-Use-Case-Usage": header}))
        assert (await failure(http, graph(remote.url))).retry_after == wait


@pytest.mark.parametrize("handle", ["mira){id}", "mira,id", "mira plays", "x" * 31, "mira-plays", "", "é"])
async def test_a_handle_never_ends_its_argument(http: httpx.AsyncClient, remote: Remote, handle: str) -> None:
    error = await failure(http, graph(remote.url), ProfileQuery(handle=handle))
    assert (error.kind, error.final, error.cost.calls) == (ErrorKind.BAD_REQUEST, True, 0)
    assert not remote.asked


async def test_an_id_cannot_be_asked_for(http: httpx.AsyncClient, remote: Remote) -> None:
    error = await failure(http, graph(remote.url), ProfileQuery(stable_id="2700000001"))
    assert (error.kind, error.cost.calls) == (ErrorKind.BAD_REQUEST, 0)


@pytest.mark.parametrize(("token", "user_id"), [("", "178"), ("has space", "178"), (TOKEN, "me/../x")])
async def test_what_meta_cannot_have_issued_is_not_sent(
    http: httpx.AsyncClient, remote: Remote, token: str, user_id: str
) -> None:
    error = await failure(http, graph(remote.url, token=token, user_id=user_id))
    assert (error.kind, error.cost.calls) == (ErrorKind.AUTH, 0)
    assert "INSTAGRAM_GRAPH_" in str(error)
    assert not remote.asked


@pytest.mark.shared_data
async def test_the_recorded_profile_and_media_are_read(
    http: httpx.AsyncClient, remote: Remote, shared_data: Path
) -> None:
    folder = shared_data / "apache2/raw/instagram_graph_api"
    profile = json.loads((folder / "discovery_user_fields.json").read_text(encoding="utf-8"))
    media = json.loads((folder / "discovery_medias_p1.json").read_text(encoding="utf-8"))
    said = profile["business_discovery"] | {"media": media["business_discovery"]["media"]}
    remote.script = always(as_json({"business_discovery": said}))
    page = await graph(remote.url).fetch_profile(http, MIRA)
    (creator,) = page.creators
    assert (creator.stable_id, creator.handle, creator.bio) == (
        said["id"],
        said["username"],
        said["biography"],
    )
    assert (creator.followers, creator.posts_count) == (said["followers_count"], said["media_count"])
    assert [(post.post_id, post.likes, post.comments) for post in page.posts] == [
        (one["id"], one["like_count"], one["comments_count"]) for one in said["media"]["data"]
    ]
    assert all(post.published_at and post.short_code in (post.url or "") for post in page.posts)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "made-up.sqlite3"
    generate(path, creators=600, posts_per_creator=4, seed=5)
    return path


@pytest.fixture
async def url(corpus: Path) -> AsyncIterator[str]:
    async with serve(corpus) as address:
        yield address


def somebody(corpus: Path, **fields: object) -> CreatorRow:
    wanted = {"platform": Platform.INSTAGRAM, "state": "public"} | fields
    rows = Library(corpus).creators(range(1, 601))
    return next(row for row in rows if wanted.items() <= row._asdict().items())


async def test_the_sandbox_discovers_whom_the_other_provider_knows(
    http: httpx.AsyncClient, url: str, corpus: Path
) -> None:
    query = ProfileQuery(handle=somebody(corpus).handle)
    through_graph = graph(f"{url}/graph", token=SANDBOX_KEY, user_id=SANDBOX_USER)
    one: Page = await through_graph.fetch_profile(http, query)
    other = await ScrapeCreatorsInstagram(SANDBOX_KEY, base_url=url).fetch_profile(http, query)
    facts = [
        (page.creators[0].handle, page.creators[0].name, page.creators[0].bio, page.creators[0].followers)
        for page in (one, other)
    ]
    assert facts[0] == facts[1]
    assert one.creators[0].extra_ids["graph_id"] == other.creators[0].extra_ids["graph_id"]
    assert len(one.posts) > 0


async def test_the_sandbox_refuses_as_the_original_does(http: httpx.AsyncClient, corpus: Path) -> None:
    closed = somebody(corpus, state="private").handle
    async with serve(corpus, faults=Faults(quota_after=2)) as url:
        through_graph = graph(f"{url}/graph", token=SANDBOX_KEY, user_id=SANDBOX_USER)
        for handle in ("nobody.at.all", closed):
            error = await failure(http, through_graph, ProfileQuery(handle=handle))
            assert error.kind is ErrorKind.NOT_FOUND
        assert (await failure(http, through_graph)).kind is ErrorKind.RATE_LIMITED
        assert (await failure(http, graph(f"{url}/graph"))).kind is ErrorKind.AUTH


async def test_the_sandbox_gives_only_the_fields_that_were_asked_for(
    http: httpx.AsyncClient, url: str, corpus: Path
) -> None:
    handle = somebody(corpus).handle

    async def ask(fields: str) -> httpx.Response:
        return await http.get(f"{url}/graph/178", params={"access_token": SANDBOX_KEY, "fields": fields})

    some = await ask(f"business_discovery.username({handle}){{username,media.limit(1){{caption}}}}")
    found = some.json()["business_discovery"]
    assert set(found) == {"id", "username", "media"}
    assert set(found["media"]["data"][0]) <= {"id", "caption"}
    assert len(found["media"]["data"]) == 1
    for wrong in ("business_discovery.username(x){", "business_discovery}", "nonsense", "a b", "{id}"):
        refused = await ask(wrong)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, 100)
