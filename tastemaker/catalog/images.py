"""The pictures that pages show: drawn, out of the cache, or fetched.

Fetched pictures are kept on disk, below the data directory, up to a number of bytes and for a week: a longer
time would outlive what the providers' terms and the creators allow. The least recently used ones go first.
"""

import asyncio
import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tastemaker.core.clock import monotonic, utc_now
from tastemaker.core.ids import new_token
from tastemaker.core.platforms import Platform
from tastemaker.core.private_files import private_folder
from tastemaker.providers.images import Image, ImageClient, ImageRefused, media_type_of
from tastemaker.sandbox import pictures

FOLDER: Final = "images"
MOST_CACHED_BYTES: Final = 256 * 1024 * 1024
KEEP_SECONDS: Final = 7 * 86_400
SWEEP_SECONDS: Final = 3_600.0
SWEEP_BYTES: Final = 8 * 1024 * 1024
"""Between two sweeps a process adds no more than this."""

PLACEHOLDER_SECONDS: Final = 300
"""How long a URL without a picture is not fetched again."""

MOST_REFUSED: Final = 10_000


class Images:
    """For one process. Several may share the folder."""

    def __init__(self, cache: "ImageCache", client: ImageClient | None = None) -> None:
        self._cache = cache
        self._client = client or ImageClient()
        self._fetching: dict[str, asyncio.Task[Image | None]] = {}
        self._refused: OrderedDict[str, float] = OrderedDict()

    async def find(self, platform: Platform, url: str) -> Image | None:
        """None where there is no picture, or none that is safe to show."""
        if url.startswith(f"{pictures.BASE_URL}/"):
            drawn = pictures.draw(url.removeprefix(pictures.BASE_URL))
            return None if drawn is None else Image(drawn, pictures.MEDIA_TYPE)
        if self._refused.get(url, 0) > monotonic():
            return None
        return await asyncio.to_thread(self._cache.find, url) or await self._fetch_once(platform, url)

    async def _fetch_once(self, platform: Platform, url: str) -> Image | None:
        """Those who want the same picture at the same time share one call; none of them can cancel it."""
        task = self._fetching.get(url)
        if task is None:
            task = self._fetching[url] = asyncio.create_task(self._fetch(platform, url))
            task.add_done_callback(lambda _: self._fetching.pop(url, None))
        return await asyncio.shield(task)

    async def _fetch(self, platform: Platform, url: str) -> Image | None:
        try:
            image = await self._client.fetch(platform, url)
        except ImageRefused:
            self._refused[url] = monotonic() + PLACEHOLDER_SECONDS
            while len(self._refused) > MOST_REFUSED:
                self._refused.popitem(last=False)
            return None
        await asyncio.to_thread(self._cache.keep, url, image)
        return image


@dataclass(frozen=True, slots=True)
class _CachedFile:
    path: Path
    size: int
    used_at: float
    fetched_at: float


class ImageCache:
    """A file for each URL, named by its digest: `mtime` is when it was fetched, `atime` when it was used.

    A full disk or a folder that cannot be written costs the cache and nothing else.
    """

    def __init__(self, home: Path, *, most_bytes: int = MOST_CACHED_BYTES) -> None:
        self._folder = home / FOLDER
        self._most_bytes = most_bytes
        self._added = 0
        self._swept_at = float("-inf")

    def find(self, url: str) -> Image | None:
        self._sweep_if_due()
        path = self._path(url)
        now = utc_now().timestamp()
        try:
            fetched_at = path.stat().st_mtime
            content = path.read_bytes()
            os.utime(path, (now, fetched_at))
        except OSError:
            return None
        media_type = media_type_of(content)
        if media_type is None or not now - KEEP_SECONDS < fetched_at:
            return None
        return Image(content, media_type)

    def keep(self, url: str, image: Image) -> None:
        path = self._path(url)
        unfinished = path.with_name(f".{new_token(9)}")
        with suppress(OSError):
            private_folder(self._folder)
            try:
                with os.fdopen(
                    os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
                ) as file:
                    file.write(image.content)
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)
        self._added += len(image.content)
        self._sweep_if_due()

    def sweep(self) -> None:
        """Delete what is older than a week, and the least recently used where the space is full."""
        self._swept_at, self._added = monotonic(), 0
        oldest = utc_now().timestamp() - KEEP_SECONDS
        files = sorted(self._files(), key=lambda one: one.used_at, reverse=True)
        total, allowed = 0, self._most_bytes * 9 // 10
        full = sum(file.size for file in files) > self._most_bytes
        for file in files:
            total += file.size
            if file.fetched_at < oldest or (full and total > allowed):
                with suppress(OSError):
                    file.path.unlink()

    def _sweep_if_due(self) -> None:
        if self._added >= SWEEP_BYTES or monotonic() - self._swept_at >= SWEEP_SECONDS:
            self.sweep()

    def _files(self) -> Iterator[_CachedFile]:
        with suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                with suppress(OSError):
                    found = entry.stat(follow_symlinks=False)
                    yield _CachedFile(Path(entry.path), found.st_size, found.st_atime, found.st_mtime)

    def _path(self, url: str) -> Path:
        return self._folder / hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()
