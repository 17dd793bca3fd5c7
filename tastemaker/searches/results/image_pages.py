"""`/images/…`: the pictures of creators and posts. No URL of a client is ever fetched."""

import hashlib
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Request
from fastapi import Path as InPath
from fastapi.responses import Response

from tastemaker.accounts.sessions import SignedIn, Visit
from tastemaker.catalog.images import PLACEHOLDER_SECONDS, ImageCache, Images
from tastemaker.catalog.queries import FIND_AVATAR, FIND_THUMBNAIL
from tastemaker.core.platforms import Platform
from tastemaker.core.settings import get_settings
from tastemaker.db.transaction import read_one
from tastemaker.providers.images import Image
from tastemaker.web import initials

FRESH_SECONDS: Final = 3_600
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""A picture that is opened as a page of its own can do nothing."""

RowId = Annotated[int, InPath(ge=1, le=2**63 - 1)]

router = APIRouter(include_in_schema=False)


@router.get("/images/avatars/{creator_id}")
async def avatar(visit: SignedIn, creator_id: RowId) -> Response:
    """The profile picture of a creator, else the initials."""
    row = await read_one(visit.database, visit.claim, FIND_AVATAR, id=creator_id)
    found = await _find(visit.request, row.platform, row.url) if row else None
    name = (row.name or row.handle or "") if row else ""
    drawn = initials.draw_initials(name, seed=creator_id)
    return _answer(visit, found, drawn, is_known=row is not None)


@router.get("/images/posts/{post_id}")
async def thumbnail(visit: SignedIn, post_id: RowId) -> Response:
    """The picture of a post, else a quiet surface."""
    row = await read_one(visit.database, visit.claim, FIND_THUMBNAIL, id=post_id)
    found = await _find(visit.request, row.platform, row.url) if row else None
    return _answer(visit, found, initials.draw_no_picture(), is_known=row is not None)


async def _find(request: Request, platform: str, url: str | None) -> Image | None:
    return (
        None if url is None else await _images_of(request, get_settings().home).find(Platform(platform), url)
    )


def _answer(visit: Visit, found: Image | None, placeholder: bytes, *, is_known: bool) -> Response:
    """404 for a creator of whom nothing is known, also with a picture: browsers show it."""
    image = found or Image(placeholder, initials.MEDIA_TYPE)
    etag = f'"{hashlib.sha256(image.content).hexdigest()[:32]}"'
    headers = {
        "Cache-Control": f"private, max-age={FRESH_SECONDS if found else PLACEHOLDER_SECONDS}",
        "Content-Security-Policy": POLICY,
        "Cross-Origin-Resource-Policy": "same-origin",
        "ETag": etag,
    }
    if is_known and visit.request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(image.content, 200 if is_known else 404, headers, image.media_type)


def _images_of(request: Request, home: Path) -> Images:
    """One for the process, made when the first picture is wanted."""
    found = getattr(request.app.state, "images", None)
    if not isinstance(found, Images):
        found = request.app.state.images = Images(ImageCache(home))
    return found
