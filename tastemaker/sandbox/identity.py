"""Identifiers in each platform's shape and the seeded randomness of the sandbox.

An identifier here has the form of a real one and leads to no real account.
"""

import base64
import hashlib
from random import Random

from tastemaker.core.platforms import Platform

_INSTAGRAM_EPOCH_MS = 1_314_220_021_721
"""Where the platform's ids begin to count."""

_INSTAGRAM_RANGE = 75_000_000_000
_INSTAGRAM_STEP = 31_415_926_537
"""No common divisor with the range, so that stepping through it meets every number once."""

_SHORT_CODE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def stable_id(platform: Platform, *path: object) -> str:
    """A creator's id: always the same for the same path."""
    digest = _digest(16, platform, *path)
    if platform is Platform.YOUTUBE:
        return "UC" + _letters(digest)[:22]
    number = int.from_bytes(digest[:8])
    if platform is Platform.TIKTOK:
        return str(6_500_000_000_000_000_000 + number % 1_000_000_000_000_000_000)
    return str(1_000_000_000 + number % _INSTAGRAM_RANGE)


def numbered_id(platform: Platform, seed: int, number: int) -> str:
    """The id of the `number`-th made-up account; no two are equal, however many there are."""
    if platform is not Platform.INSTAGRAM:
        return stable_id(platform, seed, number)
    spread = int.from_bytes(_digest(8, seed)) + number * _INSTAGRAM_STEP
    return str(1_000_000_000 + spread % _INSTAGRAM_RANGE)


def sec_uid(uid: str) -> str:
    """TikTok's second id of the same account, 76 characters."""
    return "MS4wLjABAAAA" + _letters(_digest(48, "sec_uid", uid))


def uploads_playlist(channel_id: str) -> str:
    """YouTube: the list of everything that a channel published."""
    return "UU" + channel_id[2:]


def post_id(platform: Platform, published_at: int, noise: int) -> str:
    """A post's id; TikTok and Instagram ids carry the time in their upper bits, as the real ones do."""
    if platform is Platform.YOUTUBE:
        return _letters((noise & 0xFFFF_FFFF_FFFF_FFFF).to_bytes(8))[:11]
    if platform is Platform.TIKTOK:
        return str(published_at << 32 | noise & 0xFFFF_FFFF)
    milliseconds = published_at * 1000 + (noise >> 32) % 1000 - _INSTAGRAM_EPOCH_MS
    return str(max(milliseconds, 0) << 23 | noise & 0x7F_FFFF)


def short_code(media_id: str) -> str:
    """Instagram: the id as it stands in a URL, base 64."""
    number, letters = int(media_id), []
    while number:
        number, digit = divmod(number, 64)
        letters.append(_SHORT_CODE[digit])
    return "".join(reversed(letters)) or "A"


def etag(*path: object) -> str:
    return _letters(_digest(20, "etag", *path))


def _letters(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _digest(size: int, *path: object) -> bytes:
    return hashlib.blake2b("\x00".join(str(step) for step in path).encode(), digest_size=size).digest()


def seeded_random(*path: object) -> Random:
    """A stream of numbers that depends on nothing but `path`."""
    return Random(":".join(str(step) for step in path))  # noqa: S311 - reproducible on purpose, guards nothing
