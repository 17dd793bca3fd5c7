"""Our requests, and the fixtures we read, against the discovery document that Google publishes."""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import httpx
import pytest

from tastemaker.providers.base import KeywordQuery, ProfileQuery
from tastemaker.providers.youtube import OPTIONS
from tests.providers.remote import Asked, Remote, always, as_json
from tests.providers.wires import WIRES, build_youtube, load

Json = dict[str, Any]

WIRE = WIRES[0]
QUERIES = [
    KeywordQuery(keyword="chess"),
    KeywordQuery(keyword="chess", region="PT", options={"language": "pt", "order": "date"}),
    KeywordQuery(keyword="chess", options={"type": "channel", "topic_id": "/m/0403l3g"}),
    KeywordQuery(
        keyword="chess",
        options={
            "published_after": "2026-01-01T00:00:00Z",
            "published_before": "2026-02-01T00:00:00Z",
            "paid_placement": "true",
            "duration": "long",
        },
    ),
]


@pytest.fixture(scope="module")
def discovery() -> Json:
    document = files("googleapiclient.discovery_cache.documents") / "youtube.v3.json"
    read: Json = json.loads(document.read_text(encoding="utf-8"))
    return read


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
async def test_every_request_is_one_the_document_knows(
    http: httpx.AsyncClient, remote: Remote, discovery: Json, query: KeywordQuery
) -> None:
    remote.script = WIRE.paged([WIRE.items(0, 50), WIRE.items(50, 51)])
    provider = WIRE.build(remote.url)
    page = await provider.search_keyword(http, query, None)
    await provider.search_keyword(http, query, page.next_cursor)
    asked = {request.path for request in remote.asked}
    assert {"/youtube/v3/search", "/youtube/v3/channels"} <= asked
    assert [complaint for request in remote.asked for complaint in complaints(discovery, request)] == []


@pytest.mark.parametrize("query", [ProfileQuery(handle="mira"), ProfileQuery(stable_id="UCmadeUp0001")])
async def test_every_lookup_is_one_the_document_knows(
    http: httpx.AsyncClient, remote: Remote, discovery: Json, query: ProfileQuery
) -> None:
    remote.script = always(as_json({"items": [load("youtube_item")["channel"] | {"id": "UCmadeUp0001"}]}))
    await build_youtube(remote.url).fetch_profile(http, query)
    (asked,) = remote.asked
    assert asked.path == "/youtube/v3/channels"
    assert list(complaints(discovery, asked)) == []


def test_every_value_of_an_option_is_one_the_document_knows(discovery: Json) -> None:
    parameters = discovery["resources"]["search"]["methods"]["list"]["parameters"]
    for parameter, values in OPTIONS.values():
        known = set(parameters[parameter].get("enum", values or ()))
        assert set(values or ()) <= known


@pytest.mark.parametrize(
    ("part", "schema"), [("search", "SearchResult"), ("channel", "Channel"), ("video", "Video")]
)
def test_the_fixtures_have_the_documents_fields_and_types(discovery: Json, part: str, schema: str) -> None:
    assert list(mismatches(discovery["schemas"], {"$ref": schema}, WIRE.item(1)[part], schema)) == []


def test_a_wrong_request_and_a_wrong_fixture_are_found(discovery: Json) -> None:
    wrong = Asked(
        "/youtube/v3/search", {"part": "snippets", "maxResults": "51", "type": "film", "colour": "red"}, {}
    )
    assert len(list(complaints(discovery, wrong))) == 3  # `type` has no enum there
    assert list(complaints(discovery, Asked("/youtube/v3/find", {}, {}))) == ["no method /youtube/v3/find"]
    item = {"statistics": {"viewCount": 7, "views": "7"}}
    assert len(list(mismatches(discovery["schemas"], {"$ref": "Video"}, item, "Video"))) == 2


def complaints(discovery: Json, asked: Asked) -> Iterator[str]:
    methods = [
        method
        for resource in discovery["resources"].values()
        for method in resource.get("methods", {}).values()
        if method["httpMethod"] == "GET" and f"/{method['path']}" == asked.path
    ]
    if not methods:
        yield f"no method {asked.path}"
        return
    parameters = methods[0]["parameters"] | discovery["parameters"]
    parts = set(discovery["schemas"][_item_schema(discovery, methods[0])]["properties"])
    yield from (
        f"{name} is missing"
        for name, p in parameters.items()
        if p.get("required") and name not in asked.params
    )
    for name, value in asked.params.items():
        if name not in parameters:
            yield f"no parameter {name}"
        elif not _is_value(parameters[name], value):
            yield f"{name} cannot be {value}"
        elif name == "part" and not set(value.split(",")) <= parts:
            yield f"no part in {value}"


def _item_schema(discovery: Json, method: Json) -> str:
    response = discovery["schemas"][method["response"]["$ref"]]
    return str(response["properties"]["items"]["items"]["$ref"])


def _is_value(parameter: Json, value: str) -> bool:
    if parameter["type"] == "integer":
        return value.isdecimal() and int(parameter["minimum"]) <= int(value) <= int(parameter["maximum"])
    return "enum" not in parameter or value in parameter["enum"]


def mismatches(schemas: Json, schema: Json, value: object, where: str) -> Iterator[str]:
    schema = schemas[schema["$ref"]] if "$ref" in schema else schema
    kinds = {"string": str, "boolean": bool, "integer": int, "array": list, "object": dict}
    if not isinstance(value, kinds[schema["type"]]):
        yield f"{where} is no {schema['type']}"
    elif isinstance(value, list):
        for item in value:
            yield from mismatches(schemas, schema["items"], item, where)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name in schema["properties"]:
                yield from mismatches(schemas, schema["properties"][name], inner, f"{where}.{name}")
            else:
                yield f"{where} has no {name}"
