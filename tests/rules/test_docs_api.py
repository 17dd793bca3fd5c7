"""docs/reference/api.md has a heading for every route, and under it each of its parameters and fields."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tastemaker.asgi import create_app
from tests.rules.markdown import INLINE_CODE, sections
from tests.rules.source import ROOT

PAGE: Final = "docs/reference/api.md"
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


def differences(page: str, described: Mapping[str, Any]) -> Iterator[str]:
    """What OpenAPI describes and the page does not, or the other way round."""
    heading = re.compile(rf"({'|'.join(METHODS)}) /")
    written = {
        section.title.strip("`"): section
        for section in sections(page)
        if heading.match(section.title.strip("`"))
    }
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            name = f"{method.upper()} {path}"
            section = written.pop(name, None)
            if section is None:
                yield f"{PAGE} has no heading `{name}`"
                continue
            shown = {word for code in INLINE_CODE.findall(section.text) for word in re.findall(r"\w+", code)}
            missing = sorted(set(_names(operation, described)) - shown)
            yield from (f"{PAGE}, {name}: `{one}` is missing" for one in missing)
    yield from (f"{PAGE}: there is no route `{name}`" for name in written)


def test_every_route_is_documented() -> None:
    found = list(differences((ROOT / PAGE).read_text(), create_app().openapi()))
    assert not found, "\n" + "\n".join(found)


def test_planted_differences_are_found() -> None:
    described = {
        "paths": {
            "/things": {
                "get": {"parameters": [{"in": "query", "name": "limit"}]},
                "post": {"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/x/Thing"}}}}},
            }
        },
        "components": {"schemas": {"Thing": {"properties": {"colour": {}}}}},
    }
    page = "# Page\n## `GET /things`\n`limit`\n## `POST /things`\n`colour`\n"
    assert list(differences(page, described)) == []
    assert len(list(differences(page.replace("`limit`", ""), described))) == 1
    assert len(list(differences(page.replace("`colour`", ""), described))) == 1
    assert len(list(differences(page.replace("POST", "PUT"), described))) == 2


def _names(operation: Mapping[str, Any], described: Mapping[str, Any]) -> Iterator[str]:
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "query":
            yield parameter["name"]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        model = content["schema"].get("$ref", "").rpartition("/")[2]
        yield from described["components"]["schemas"].get(model, {}).get("properties", {})
