"""The OpenAPI document and its page: what FastAPI says of each route, and what holds for all of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import Response

from tastemaker.web.pages import page
from tastemaker.web.problems import MEDIA_TYPE

VERSION: Final = "3.1.0"
Operation = dict[str, Any]

FIELD: Final = {
    "type": "object",
    "description": "What does not fit. `pointer` is a JSON pointer into the body, after `#`.",
    "required": ["field", "pointer", "why", "suggestion"],
    "properties": {
        "field": {"type": "string", "examples": ["body.keywords"]},
        "pointer": {"type": "string", "examples": ["#/keywords"]},
        "why": {"type": "string"},
        "suggestion": {"type": "string", "examples": ["Give at least 1."]},
    },
}
PROBLEM: Final = {
    "type": "object",
    "title": "Problem",
    "description": "A failure (RFC 9457). Programs rely on `type` and `status`; `detail` is for a person.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:tastemaker:problem:invalid_input"]},
        "title": {"type": "string", "examples": ["Unprocessable Entity"]},
        "status": {"type": "integer", "examples": [422]},
        "detail": {"type": "string"},
        "request_id": {"type": ["string", "null"]},
        "fields": {"type": "array", "items": {"$ref": "#/components/schemas/ProblemField"}},
    },
}
LIMITS: Final = {
    "RateLimit": {
        "description": "Requests that are left (`r`), and seconds until all are there again (`t`).",
        "schema": {"type": "string", "examples": ['"key";r=99;t=1']},
    },
    "RateLimit-Policy": {
        "description": "Requests (`q`) in so many seconds (`w`).",
        "schema": {"type": "string", "examples": ['"key";q=100;w=60']},
    },
}
OF_A_KEY: Final = {401, 403, 429, 503}
OF_A_BODY: Final = {400, 408, 413, 415, 422}
OF_A_WRITE: Final = {402, 409}


def describe(app: FastAPI) -> dict[str, Any]:
    """Made once for an application."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            openapi_version=VERSION,
            summary=app.summary,
            routes=app.routes,
        )
        schemas = document["components"]["schemas"]
        schemas |= {"Problem": PROBLEM, "ProblemField": FIELD}
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        document["components"]["headers"] = LIMITS
        for operations in document["paths"].values():
            for method, operation in operations.items():
                _complete(operation, set(_failures(method, operation)))
        app.openapi_schema = document
    return app.openapi_schema


def _failures(method: str, operation: Operation) -> Iterator[int]:
    """The statuses of the problems that the operation may answer with."""
    if "security" in operation:
        yield from OF_A_KEY
    parameters = operation.get("parameters", ())
    if parameters:
        yield 422
    if any(one["name"].endswith(("_id", "campaign")) or one["in"] == "path" for one in parameters):
        yield 404
    if "requestBody" in operation:
        yield from OF_A_BODY
        yield 404
    if method != "get":
        yield from OF_A_WRITE
    yield 500


def _complete(operation: Operation, failures: set[int]) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    failures |= {int(status) for status in responses if int(status) >= HTTPStatus.BAD_REQUEST}
    for status in sorted(failures):
        described = responses.setdefault(str(status), {"description": HTTPStatus(status).phrase})
        described.setdefault("content", {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}})
    if "security" in operation:
        for described in responses.values():
            described["headers"] = {
                **{name: {"$ref": f"#/components/headers/{name}"} for name in LIMITS},
                **described.get("headers", {}),
            }


@dataclass(frozen=True, slots=True)
class DescribedField:
    """A parameter, or a field of a document. `kind` is a type in words."""

    name: str
    kind: str
    is_required: bool
    meaning: str


@dataclass(frozen=True, slots=True)
class DescribedRoute:
    """`answers` are statuses with their meaning, and the fields of the document where it has some."""

    method: str
    path: str
    operation_id: str
    summary: str
    description: str
    parameters: Sequence[DescribedField]
    body: Sequence[DescribedField]
    example: str | None
    answers: Sequence[tuple[str, str, Sequence[DescribedField]]]


router = APIRouter(include_in_schema=False)


@router.get("/api/docs")
async def docs_page(request: Request) -> Response:
    """The description of the interface, for people."""
    document = describe(request.app)
    routes: dict[str, list[DescribedRoute]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = operation.get("tags", ["other"])[0]
            routes.setdefault(tag, []).append(_route(document, method, path, operation))
    return page(request, "api/docs.html", routes=routes, title=document["info"]["title"])


def _route(document: Mapping[str, Any], method: str, path: str, operation: Operation) -> DescribedRoute:
    content = operation.get("requestBody", {}).get("content", {})
    body: Mapping[str, Any] = next(iter(content.values()), {})
    schema = _resolved(document, body.get("schema", {}))
    example = body.get("example") or next(iter(schema.get("examples", ())), None)
    answers = []
    for status, answer in sorted(operation["responses"].items()):
        first: Mapping[str, Any] = next(iter(answer.get("content", {}).values()), {})
        shown = first.get("schema", {})
        is_problem = shown.get("$ref", "").endswith("/Problem")
        fields = () if is_problem else _fields(document, _resolved(document, shown))
        answers.append((status, answer["description"], fields))
    return DescribedRoute(
        method=method.upper(),
        path=path,
        operation_id=operation["operationId"],
        summary=operation.get("summary", ""),
        description=operation.get("description", ""),
        parameters=[
            DescribedField(
                one["name"],
                _kind(document, one["schema"]),
                one.get("required", False),
                one.get("description") or one["schema"].get("description", ""),
            )
            for one in operation.get("parameters", [])
        ],
        body=_fields(document, schema),
        example=_example(example),
        answers=answers,
    )


def _fields(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Sequence[DescribedField]:
    required = schema.get("required", ())
    return [
        DescribedField(name, _kind(document, one), name in required, one.get("description", ""))
        for name, one in schema.get("properties", {}).items()
    ]


def _kind(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """A schema in words: `integer, or null`, `list of string`."""
    if choices := schema.get("anyOf"):
        kinds = [_kind(document, one) for one in choices]
        return ", or ".join(dict.fromkeys(kinds))
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        values = _resolved(document, schema).get("enum")
        return " · ".join(map(str, values)) if values else str(name)
    if schema.get("type") == "array":
        return f"list of {_kind(document, schema.get('items', {}))}"
    kind = schema.get("format") or schema.get("type", "anything")
    least, most = schema.get("minimum"), schema.get("maximum")
    bounds = "" if most is None else f", {least or 0:,} to {most:,}"
    return f"{kind if isinstance(kind, str) else ' or '.join(kind)}{bounds}"


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Mapping[str, Any] = document["components"]["schemas"][name] if name else schema
    return found


def _example(example: object) -> str | None:
    if example is None or isinstance(example, str):
        return example
    return orjson.dumps(example, option=orjson.OPT_INDENT_2).decode()
