"""A picture is drawn, cached or fetched once; the cache stays within its bytes and its week."""

import asyncio
import os
import stat
from pathlib import Path

import pytest

from tastemaker.catalog.images import KEEP_SECONDS, ImageCache, Images
from tastemaker.core.clock import utc_now
from tastemaker.core.platforms import Platform
from tastemaker.providers.images import Image, ImageClient, ImageRefused

PNG = b"\x89PNG\r\n\x1a\n"
URL = "https://p16.tiktokcdn.com/avatar.png"


class Counted(ImageClient):
    def __init__(self, content: bytes | None = PNG) -> None:
        super().__init__()
        self.content = content
        self.calls: list[str] = []

    async def fetch(self, platform: Platform, url: str) -> Image:
        self.calls.append(url)
        await asyncio.sleep(0)
        if self.content is None:
            raise ImageRefused("It is gone.")
        return Image(self.content, "image/png")


async def test_a_picture_is_fetched_once_and_then_read_from_the_disk(tmp_path: Path) -> None:
    client = Counted()
    images = Images(ImageCache(tmp_path), client)
    found = await asyncio.gather(*(images.find(Platform.TIKTOK, URL) for _ in range(8)))
    assert set(found) == {Image(PNG, "image/png")}
    later = Images(ImageCache(tmp_path), client)
    assert await later.find(Platform.TIKTOK, URL) == Image(PNG, "image/png")
    assert client.calls == [URL]


async def test_somebody_who_leaves_does_not_take_the_picture_from_the_others(tmp_path: Path) -> None:
    images = Images(ImageCache(tmp_path), Counted())
    first, second = (asyncio.create_task(images.find(Platform.TIKTOK, URL)) for _ in range(2))
    await asyncio.sleep(0.02)
    first.cancel()
    assert await second == Image(PNG, "image/png")


async def test_what_was_refused_is_not_asked_again_at_once(tmp_path: Path) -> None:
    client = Counted(None)
    images = Images(ImageCache(tmp_path), client)
    assert [await images.find(Platform.TIKTOK, URL) for _ in range(3)] == [None] * 3
    assert client.calls == [URL]


async def test_pictures_of_the_sandbox_are_drawn_without_a_call(tmp_path: Path) -> None:
    client = Counted()
    images = Images(ImageCache(tmp_path), client)
    drawn = await images.find(Platform.TIKTOK, "https://images.example.com/tiktok/avatar/7~720x720.jpeg")
    assert drawn is not None
    assert drawn.media_type == "image/svg+xml"
    assert await images.find(Platform.TIKTOK, "https://images.example.com/tiktok/play/7.mp4") is None
    assert client.calls == []


@pytest.mark.parametrize(
    "url", ["https://images.example.com@127.0.0.1/vi/a/b.jpg", "https://[", "\ud800\x00", ""]
)
async def test_an_odd_url_is_no_picture(tmp_path: Path, url: str) -> None:
    assert await Images(ImageCache(tmp_path)).find(Platform.YOUTUBE, url) is None


def test_cached_pictures_are_private(tmp_path: Path) -> None:
    cache = ImageCache(tmp_path)
    cache.keep(URL, Image(PNG, "image/png"))
    [file] = (tmp_path / "images").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_the_least_recently_used_go_first_and_old_ones_always(tmp_path: Path) -> None:
    cache = ImageCache(tmp_path, most_bytes=10 * len(PNG))
    now = utc_now().timestamp()
    for number in range(12):
        cache.keep(f"{URL}?{number}", Image(PNG, "image/png"))
        path = cache._path(f"{URL}?{number}")
        os.utime(path, (now - 100 + number, now - 100))
    assert cache.find(f"{URL}?0") is not None
    os.utime(cache._path(f"{URL}?11"), (now, now - KEEP_SECONDS - 1))
    assert cache.find(f"{URL}?11") is None
    cache.sweep()
    kept = {number for number in range(12) if cache._path(f"{URL}?{number}").exists()}
    assert kept == {0, 4, 5, 6, 7, 8, 9, 10}


def test_what_is_no_picture_on_the_disk_is_not_shown(tmp_path: Path) -> None:
    cache = ImageCache(tmp_path)
    cache.keep(URL, Image(PNG, "image/png"))
    cache._path(URL).write_bytes(b"<script>")
    assert cache.find(URL) is None


async def test_a_folder_that_cannot_be_written_costs_the_cache_alone(tmp_path: Path) -> None:
    (tmp_path / "images").write_text("a file in its place")
    images = Images(ImageCache(tmp_path), Counted())
    assert await images.find(Platform.TIKTOK, URL) == Image(PNG, "image/png")
