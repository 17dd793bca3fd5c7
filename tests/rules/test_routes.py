"""No route without authentication: to nobody in particular it answers 401, 403 or the way to sign in."""

import importlib
import importlib.util
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

NOBODY = "http://tastemaker.example.com"
SIGN_IN = "/sign-in"

PUBLIC: Mapping[str, str] = {
    "GET /healthz": "a load balancer has no key; it tells whether the database answers",
    "GET /email/unsubscriptions/{token}": "a signed link in an e-mail; changes nothing",
    "POST /email/unsubscriptions/{token}": "the same, by one click of a mail program (RFC 8058)",
    "POST /webhooks/clerk": "each message is signed by Clerk; everything else is 400",
    "POST /webhooks/stripe": "each message is signed by Stripe; everything else is 400",
    "GET /static/{name:path}": "style, script and icons are the same for everybody",
    "GET /sign-in": "where nobody in particular is sent",
    "GET /sign-up": "a form for who has no account yet",
    "GET /password-reset": "a form for who has forgotten the password",
    "GET /account-links/{secret}": "the secret says who may; a wrong one is refused",
    "GET /api/docs": "the same description, as a page",
    "GET /api/v1/openapi.json": "the description of the interface is the same for everybody",
}
"""`METHOD /path` → why anybody may call it. Short, and every line is a decision."""


async def open_routes(app: Any, public: Mapping[str, str]) -> AsyncIterator[str]:  # noqa: ANN401 - any ASGI app
    """`METHOD /path` of every route that answers nobody with something, and is not public."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=NOBODY) as nobody:
        for method, path in _calls(app.routes):
            if f"{method} {path}" in public:
                continue
            answer = await nobody.request(method, _filled(path))
            to_sign_in = answer.is_redirect and answer.headers["location"].startswith(SIGN_IN)
            if answer.status_code not in {401, 403} and not to_sign_in:
                yield f"{method} {path} answers {answer.status_code} to nobody"


if importlib.util.find_spec("tastemaker.asgi"):

    async def test_every_route_knows_who_calls() -> None:
        app = importlib.import_module("tastemaker.asgi").create_app()
        assert [route async for route in open_routes(app, PUBLIC)] == []

    def test_every_public_route_exists() -> None:
        app = importlib.import_module("tastemaker.asgi").create_app()
        assert set(PUBLIC) <= {f"{method} {path}" for method, path in _calls(app.routes)}


async def test_a_planted_open_route_is_found() -> None:
    app = Starlette(
        routes=[
            Route("/open", _welcome),
            Route("/health", _welcome),
            Route("/refused", _refuse),
            Route("/page", _send_to_sign_in),
            Mount("/admin", routes=[Route("/users/{id}", _welcome, methods=["DELETE"])]),
        ]
    )
    found = [route async for route in open_routes(app, {"GET /health": "for load balancers"})]
    assert found == ["GET /open answers 200 to nobody", "DELETE /admin/users/{id} answers 200 to nobody"]


def route_calls(routes: list[BaseRoute]) -> list[str]:
    """`METHOD /path` of every route."""
    return [f"{method} {path}" for method, path in _calls(routes)]


def _calls(routes: list[BaseRoute], prefix: str = "") -> list[tuple[str, str]]:
    calls: list[tuple[str, str]] = []
    for route in routes:
        if isinstance(route, Mount):
            calls += _calls(list(route.routes), prefix + route.path)
            continue
        assert isinstance(route, Route), f"this rule does not see into a {type(route).__name__}"
        calls += [(method, prefix + route.path) for method in sorted((route.methods or set()) - {"HEAD"})]
    return calls


def _filled(path: str) -> str:
    parts = ["0" if part.startswith("{") else part for part in path.split("/")]
    return "/".join(parts)


async def _welcome(_request: Request) -> Response:
    return PlainTextResponse("welcome")


async def _refuse(_request: Request) -> Response:
    return PlainTextResponse("who are you?", status_code=401)


async def _send_to_sign_in(_request: Request) -> Response:
    return RedirectResponse(SIGN_IN, status_code=303)
