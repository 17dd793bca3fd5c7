"""The interface as it is described: complete, readable, and kept by the answers."""

import logging
import re
from typing import Any

import httpx
import psycopg
import pytest

from tastemaker.asgi import create_app
from tastemaker.config_store.keys import RATE_LIMIT_PER_MINUTE
from tastemaker.db.pool import Database
from tests.web.conftest import MakeProgram, Program, app_over, make_key, served, wanted
from tests.web.test_campaigns import somebody

SEARCHES = "/api/v1/searches"
WITHOUT_EFFECT = {"estimate_searches", "estimate_enrichment", "look_up_profile", "import_creators"}
"""They change nothing that a repeated request would change again."""


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    described = create_app().openapi()
    return [
        (method, path, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_document_is_openapi_31_and_names_no_internal_route() -> None:
    described = create_app().openapi()
    assert described["openapi"].startswith("3.1")
    assert not [path for path in described["paths"] if not path.startswith(("/api/v1/", "/healthz"))]
    assert "HTTPValidationError" not in described["components"]["schemas"]


def test_operation_ids_are_a_verb_with_a_noun_each_once() -> None:
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert [one for one in ids if not re.fullmatch(r"[a-z]+(_[a-z]+)+", one)] == []
    assert len(set(ids)) == len(ids)


def test_every_route_declares_its_problems() -> None:
    for method, path, operation in operations():
        failures = {status for status in operation["responses"] if status >= "400"}
        wanted_ones = {"500"} if path == "/healthz" else {"401", "403", "429", "500", "503"}
        assert wanted_ones <= failures, f"{method} {path}"
        assert ("404" in failures) or "{" not in path, f"{method} {path}"
        for status in failures:
            assert list(operation["responses"][status]["content"]) == ["application/problem+json"]


def test_every_write_takes_an_idempotency_key() -> None:
    for method, path, operation in operations():
        taken = {one["name"].lower() for one in operation.get("parameters", [])}
        is_write = method != "get" and operation["operationId"] not in WITHOUT_EFFECT
        assert ("idempotency-key" in taken) == is_write, f"{method} {path}"


def test_bodies_have_examples() -> None:
    described = create_app().openapi()
    for method, path, operation in operations():
        for content in operation.get("requestBody", {}).get("content", {}).values():
            name = content["schema"].get("$ref", "").rpartition("/")[2]
            schema = described["components"]["schemas"].get(name, {})
            has_one = "example" in content or "examples" in schema
            has_field_examples = any("examples" in one for one in schema.get("properties", {}).values())
            assert has_one or has_field_examples or method == "patch", f"{method} {path}"


async def test_an_empty_list_of_keywords_is_a_typed_problem(program: Program) -> None:
    said = await program.post(SEARCHES, await wanted(program, keywords=[], colour="red"))
    assert said.status_code == 422
    assert said.json()["type"] == "urn:tastemaker:problem:invalid_input"
    fields = {one["pointer"]: one for one in said.json()["fields"]}
    assert fields["#/keywords"]["suggestion"] == "Give at least 1."
    assert fields["#/colour"]["suggestion"] == "Leave it out: there is no such field."
    query = await program.get(SEARCHES, limit=0)
    assert [(one["pointer"], one["suggestion"]) for one in query.json()["fields"]] == [
        ("query#/limit", "Give at least 1.")
    ]


async def test_answers_say_what_is_left_of_the_limit(database: Database) -> None:
    key = await make_key(database, await somebody(database, "quick"))
    app = app_over(database, config={RATE_LIMIT_PER_MINUTE: 2})
    headers = {"Authorization": f"Bearer {key}"}
    async with served(app) as url, httpx.AsyncClient(base_url=url, headers=headers) as http:
        said = [await http.get(SEARCHES) for _ in range(3)]
    assert [one.status_code for one in said] == [200, 200, 429]
    assert {one.headers["RateLimit-Policy"] for one in said} == {'"key";q=2;w=60'}
    left = [one.headers["RateLimit"].split(";")[1] for one in said]
    assert left == ["r=1", "r=0", "r=0"]


async def test_the_log_has_a_line_for_each_answer_without_what_clients_chose(
    program: Program, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("tastemaker"), "propagate", True)
    caplog.set_level(logging.INFO, "tastemaker.requests")
    said = await program.get(f"{SEARCHES}/{'0' * 31}1", secret="mallory@example.com")
    lines = [one.getMessage() for one in caplog.records if one.name == "tastemaker.requests"]
    assert len(lines) == 1
    shown = rf"{said.headers['X-Request-ID']} GET /api/v1/searches/{{search_id}} 404 \d+ ms"
    assert re.fullmatch(shown.replace("{", r"\{").replace("}", r"\}"), lines[0])


async def test_events_say_which_request_caused_them(
    program: Program, admin_url: str, program_with: MakeProgram
) -> None:
    said = await program.http.post(
        "/api/v1/campaigns", json={"name": "Chess"}, headers={"User-Agent": "a test/1.0"}
    )
    with psycopg.connect(admin_url) as owner:
        row = owner.execute(
            "SELECT metadata FROM events WHERE correlation_id = %s", (said.headers["X-Request-ID"],)
        ).fetchone()
    assert row is not None
    told = row[0]
    assert (told["request_id"], told["source"], told["user_agent"]) == (
        said.headers["X-Request-ID"],
        "http",
        "a test/1.0",
    )
    assert told["caller"].startswith("tm_")


async def test_the_page_shows_every_route_without_scripts_of_its_own(url: str) -> None:
    async with httpx.AsyncClient(base_url=url) as http:
        said = await http.get("/api/docs", headers={"Accept": "text/html"})
    assert (said.status_code, said.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    for _, path, operation in operations():
        assert f'id="{operation["operationId"]}"' in said.text
        assert path in said.text
    assert not re.search(r"<script(?![^>]* src=)|\sstyle=|\son\w+=|(?:src|href)=.?https?://", said.text)
