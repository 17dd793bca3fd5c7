"""Every picture that the sandbox names can be had, and is a drawing that does nothing."""

from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest

from tastemaker.core.platforms import Platform
from tastemaker.providers.base import KeywordQuery
from tastemaker.providers.http import make_client
from tastemaker.providers.registry import sandbox_providers
from tastemaker.sandbox import pictures
from tastemaker.sandbox.server import serve

SVG = "{http://www.w3.org/2000/svg}"
SHAPES = {f"{SVG}{name}" for name in ("svg", "g", "path", "rect", "circle", "ellipse")}


@pytest.mark.parametrize("platform", list(Platform))
async def test_the_pictures_of_a_page_are_drawn_at_their_paths(corpus: Path, platform: Platform) -> None:
    async with serve(corpus) as base_url, make_client() as http:
        found = await sandbox_providers(base_url)[platform].search_keyword(
            http, KeywordQuery(keyword="makeup"), None
        )
        urls = {one.avatar_url for one in found.creators} | {one.thumbnail_url for one in found.posts}
        assert len(urls) > 10
        drawings = set()
        for url in urls:
            parts = urlsplit(url or "")
            assert (parts.scheme, parts.hostname) == ("https", pictures.IMAGE_HOST)
            answer = await http.get(f"{base_url}{parts.path}")
            assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
            drawings.add(answer.content)
    assert len(drawings) > len(urls) * 0.9


async def test_what_is_no_picture_is_not_found(corpus: Path) -> None:
    async with serve(corpus) as base_url, make_client() as http:
        for path in ("/tiktok/play/1.mp4", "/channel/", "/instagram/avatar/a%22b.jpg", "/nothing"):
            assert (await http.get(f"{base_url}{path}")).status_code == 404


def test_the_same_id_is_the_same_face_at_every_size_and_other_ids_differ() -> None:
    small, large = (pictures.draw(f"/tiktok/avatar/7000~{size}x{size}.jpeg") for size in (100, 720))
    assert small == large
    faces = {pictures.draw(f"/tiktok/avatar/{number}.jpeg") for number in range(500)}
    assert len(faces) > 490


@pytest.mark.parametrize("path", ["/channel/UC{}=s88", "/vi/{}/hq720.jpg", "/instagram/reel/{}.jpg"])
def test_a_drawing_consists_of_shapes_and_is_small(path: str) -> None:
    for number in range(300):
        drawn = pictures.draw(path.format(number))
        assert drawn is not None
        assert len(drawn) < 2_500
        for element in ET.fromstring(drawn).iter():  # noqa: S314 - drawn by us
            assert element.tag in SHAPES
            assert not [name for name in element.attrib if name.startswith("on") or "href" in name]


def test_thumbnails_have_the_proportions_of_their_platform() -> None:
    proportions = {"/vi/a/hq720.jpg": 16 / 9, "/tiktok/cover/a.jpeg": 9 / 16, "/instagram/reel/a.jpg": 4 / 5}
    for path, wanted in proportions.items():
        drawing = ET.fromstring(pictures.draw(path) or b"")  # noqa: S314 - drawn by us
        assert int(drawing.attrib["width"]) / int(drawing.attrib["height"]) == pytest.approx(wanted)
