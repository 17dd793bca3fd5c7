"""Pages: templates, static files, and what every page needs around its own content.

htmx asks for a part of a page: the same template is rendered, and only the named block of it is sent.
"""

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tastemaker.core import display
from tastemaker.core.clock import utc_now
from tastemaker.core.errors import AppError, NotFound
from tastemaker.core.money import dollars

STATIC: Final = Path(__file__).parent / "static"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
FLASH: Final = "tastemaker_said"
LONGEST_FLASH: Final = 600
LEAST_COMPRESSED: Final = 1000
A_YEAR: Final = 365 * 86400

NO_PAGES: Final = ("/api/", "/healthz", "/static/", "/email/", "/webhooks/")
"""Paths for programs, whose errors are documents."""

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""No inline script or style, nothing from another host."""

HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "Vary": "HX-Request, Accept-Encoding",
}


class SignInRequired(AppError):
    """The page is for signed-in users."""

    status: ClassVar[int] = 401


class ForeignOrigin(AppError):
    """A form or script of another site sent this request."""

    status: ClassVar[int] = 403


def page(
    request: Request,
    template: str,
    *,
    block: str | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,  # noqa: ANN401 - what the template shows
) -> Response:
    """The page, or only the named block of it. The sentence of a `redirect` is shown once."""
    said = request.cookies.get(FLASH) if block is None else None
    text = render(request, template, block=block, said=_flash(said), **values)
    body, encoding = _compressed(request, text.encode())
    response = HTMLResponse(body, status, {**HEADERS, **encoding, **(headers or {})})
    if said is not None:
        response.delete_cookie(FLASH)
    return response


def render(request: Request, template: str, *, block: str | None, **values: Any) -> str:  # noqa: ANN401 - the same
    """The text of a page or of one of its blocks, for what is no response of its own."""
    found = _environment().get_template(template)
    context = found.new_context({"request": request, "now": utc_now(), "said": None, **values})
    return "".join(found.blocks[block](context) if block else found.root_render_func(context))


def redirect(location: str, *, said: str | None = None, undo: str | None = None) -> Response:
    """To a page of ours, which shows the sentence `said`, with a button that posts to `undo`."""
    response = Response(status_code=303, headers={"Location": location})
    if said is not None:
        told = orjson.dumps([said[:LONGEST_FLASH], undo]).hex()
        response.set_cookie(FLASH, told, max_age=60, httponly=True, samesite="lax")
    return response


def is_partial(request: Request) -> bool:
    """Htmx asks for a part of the page, and does not go back in history, which needs the whole."""
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers


def is_page(request: Request) -> bool:
    """The request is for a person in a browser, not for a program."""
    path = request.url.path
    if "text/html" not in request.headers.get("accept", "") and not is_partial(request):
        return False
    return not path.startswith(NO_PAGES) or path == "/api/docs"


def error_page(request: Request, status: int, sentence: str) -> Response:
    """What happened and what to do: in the notice of the page, or as a page of its own."""
    if is_partial(request):
        headers = {"HX-Retarget": "#notice", "HX-Reswap": "innerHTML"}
        return page(
            request,
            "error.html",
            block="notice",
            status=status,
            headers=headers,
            sentence=sentence,
            code=status,
        )
    title = HTTPStatus(status).phrase
    return page(request, "error.html", status=status, sentence=sentence, title=title, code=status)


def to_sign_in(request: Request) -> Response:
    headers = {"HX-Redirect": "/sign-in"} if is_partial(request) else {"Location": "/sign-in"}
    return Response(status_code=401 if is_partial(request) else 303, headers=headers)


def refuse_foreign_origin(request: Request) -> None:
    """Every browser sends Origin with a POST. Raises ForeignOrigin where it is not this site, or absent."""
    if request.method in SAFE_METHODS:
        return
    origin = urlsplit(request.headers.get("origin", ""))
    if not origin.netloc or origin.netloc != request.headers.get("host"):
        raise ForeignOrigin("This form came from another site. Open the page here and send it again.")


router = APIRouter(include_in_schema=False)


@router.get("/static/{name:path}")
async def static_file(request: Request, name: str) -> Response:
    """Style, script and icons. Their URLs carry a digest, so browsers keep them for a year."""
    path = _static_files().get(name)
    if path is None:
        raise NotFound("There is no such file.")
    body, encoding = _compressed(request, path.read_bytes())
    kept = {"Cache-Control": f"public, max-age={A_YEAR}, immutable", "Vary": "Accept-Encoding"}
    media_type = mimetypes.guess_type(name)[0]
    return Response(body, headers={**kept, **encoding}, media_type=media_type)


def _compressed(request: Request, body: bytes) -> tuple[bytes, dict[str, str]]:
    """The body as it is sent, and the header that says so. No page has a secret of ours in it."""
    if len(body) < LEAST_COMPRESSED or "gzip" not in request.headers.get("accept-encoding", ""):
        return body, {}
    return gzip.compress(body, compresslevel=5, mtime=0), {"Content-Encoding": "gzip"}


def _flash(told: str | None) -> tuple[str, str | None] | None:
    """A cookie is a client's word: only text comes out of it, and only a path of ours."""
    try:
        said, undo = orjson.loads(bytes.fromhex((told or "")[: 8 * LONGEST_FLASH]))
    except (ValueError, TypeError):
        return None
    if not isinstance(said, str):
        return None
    return said, undo if isinstance(undo, str) and undo.startswith("/") and not undo.startswith(
        "//"
    ) else None


@cache
def _static_files() -> Mapping[str, Path]:
    """Ours, and htmx from the package that carries it."""
    files = {str(path.relative_to(STATIC)): path for path in STATIC.rglob("*") if path.is_file()}
    spec = find_spec("js_lib_htmx")
    if spec is None or spec.origin is None:
        raise RuntimeError("The package django-js-lib-htmx is not installed.")
    return {**files, "htmx.js": Path(spec.origin).parent / "static" / "htmx" / "htmx.min.js"}


@cache
def _static_url(name: str) -> str:
    digest = hashlib.sha256(_static_files()[name].read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


@cache
def _icons() -> Mapping[str, Markup]:
    """Drawings that stand in the page itself: `icons/tiktok.svg` is `icon('tiktok')`."""
    folder = STATIC / "icons"
    return {path.stem: Markup(path.read_text().strip()) for path in folder.glob("*.svg")}  # noqa: S704 - our own


def _icon(name: str) -> Markup:
    return _icons()[name]


def _age(when: datetime | None) -> str:
    return display.age(when, now=utc_now())


def _ago(when: datetime | None) -> str:
    return display.ago(when, now=utc_now())


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tastemaker.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "short": display.short,
        "counted": display.counted,
        "moment": display.moment,
        "day": display.day,
        "percent": display.percent,
        "seconds": display.seconds,
        "size": display.size,
        "age": _age,
        "ago": _ago,
        "dollars": dollars,
        "full": lambda number: display.UNKNOWN if number is None else f"{number:,}",
    }
    environment.globals |= {"static": _static_url, "icon": _icon, "UNKNOWN": display.UNKNOWN}
    return environment
