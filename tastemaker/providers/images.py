"""Fetches pictures of creators and posts from the platforms' own servers, and from nowhere else.

A URL in a creator's data is what a stranger wrote. It is fetched only by https from a known host, at a
public address that was resolved and checked here, without redirects, cookies or a proxy, and within limits.
The first bytes say whether the answer is a picture; the type that the server names is ignored.
"""

import asyncio
import ipaddress
import ssl
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Final

import httpx

import tastemaker
from tastemaker.core.errors import AppError
from tastemaker.core.platforms import Platform

IMAGE_HOSTS: Final[Mapping[Platform, frozenset[str]]] = {
    Platform.TIKTOK: frozenset({"tiktokcdn.com", "tiktokcdn-us.com", "tiktokcdn-eu.com", "tiktokcdn-in.com"}),
    Platform.INSTAGRAM: frozenset({"cdninstagram.com", "fbcdn.net"}),
    Platform.YOUTUBE: frozenset({"ytimg.com", "ggpht.com", "yt3.googleusercontent.com"}),
}
"""Where each platform keeps its pictures: these hosts and all below them."""

MOST_BYTES: Final = 2_000_000
SECONDS: Final = 6.0
"""From waiting for a place in the queue to the last byte."""

AT_ONCE: Final = 6
"""Calls to one of the hosts above."""

MOST_ADDRESSES: Final = 3
HTTPS: Final = 443

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_OK: Final = 200

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Image:
    content: bytes
    media_type: str


class ImageRefused(AppError):
    """There is no picture at this URL, or it is not fetched."""

    status: ClassVar[int] = 502


async def resolve(host: str) -> Sequence[str]:
    """The addresses of a host. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, HTTPS, proto=6)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def is_public(address: str) -> bool:
    """Whether it is on the internet, also where IPv6 wraps an IPv4 address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return all(one.is_global and not one.is_multicast for one in _unwrapped(found))


class ImageClient:
    """Each call has a connection of its own, so that a checked address is the one that is used."""

    def __init__(
        self,
        *,
        resolve: Callable[[str], Awaitable[Sequence[str]]] = resolve,
        is_public: Callable[[str], bool] = is_public,
        tls: ssl.SSLContext | None = None,
        port: int = HTTPS,
        seconds: float = SECONDS,
    ) -> None:
        self._resolve = resolve
        self._is_public = is_public
        self._tls = tls
        self._port = port
        self._seconds = seconds
        self._places: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))

    async def fetch(self, platform: Platform, url: str) -> Image:
        """Raises ImageRefused."""
        parsed, known = _checked_url(platform, url)
        try:
            async with asyncio.timeout(self._seconds), self._places[known]:
                content = await self._get(parsed)
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
            raise ImageRefused(f"{parsed.host} sent no picture ({type(error).__name__}).") from None
        media_type = media_type_of(content)
        if media_type is None:
            raise ImageRefused(f"{parsed.host} sent something that is no picture.")
        return Image(content, media_type)

    async def _get(self, url: httpx.URL) -> bytes:
        addresses = (await self._resolve(url.host))[:MOST_ADDRESSES]
        if not addresses or not all(self._is_public(one) for one in addresses):
            raise ImageRefused(f"{url.host} has no public address.")
        for address in addresses[:-1]:
            try:
                return await self._get_from(address, url)
            except httpx.ConnectError:
                continue
        return await self._get_from(addresses[-1], url)

    async def _get_from(self, address: str, url: httpx.URL) -> bytes:
        """The certificate must be that of the URL's host, though the connection goes to `address`."""
        headers = {"Host": url.host, "Accept": "image/*", "Accept-Encoding": "identity"}
        there = url.copy_with(host=address, port=self._port)
        async with (
            httpx.AsyncClient(
                verify=self._tls or _certificates(),
                trust_env=False,
                timeout=self._seconds,
                headers={"User-Agent": f"tastemaker/{tastemaker.__version__}"},
            ) as http,
            http.stream("GET", there, headers=headers, extensions={"sni_hostname": url.host}) as response,
        ):
            if response.status_code != _OK:
                raise ImageRefused(f"{url.host} answered {response.status_code}.")
            return await _bounded_body(url.host, response)


def media_type_of(content: bytes) -> str | None:
    """By the first bytes; None for everything that is not one of four kinds of raster image."""
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return None


def _checked_url(platform: Platform, url: str) -> tuple[httpx.URL, str]:
    """The URL, and which of `IMAGE_HOSTS` it belongs to."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise ImageRefused("The address of the picture cannot be understood.") from None
    if parsed.scheme != "https" or parsed.userinfo or parsed.port not in {None, HTTPS}:
        raise ImageRefused("A picture is fetched by plain https only.")
    host = parsed.host.lower()
    known = next((one for one in IMAGE_HOSTS[platform] if host == one or host.endswith(f".{one}")), None)
    if known is None:
        raise ImageRefused(f"{host[:100]} is no picture server of {platform}.")
    return parsed, known


async def _bounded_body(host: str, response: httpx.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > MOST_BYTES:
            raise ImageRefused(f"The picture of {host} has more than {MOST_BYTES:,} bytes.")
        parts.append(part)
    return b"".join(parts)


def _unwrapped(address: Address) -> Iterator[Address]:
    """The address and the IPv4 addresses inside it, by every standard that puts one there."""
    yield address
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            yield address.ipv4_mapped
        if address.sixtofour:
            yield address.sixtofour
        if address.teredo:
            yield from address.teredo
        if address in _NAT64:
            yield ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)


@cache
def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)
