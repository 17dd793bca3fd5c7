"""Pictures come from known hosts at public addresses, and are pictures. Every attack ends in a refusal."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trustme

from tastemaker.core.platforms import Platform
from tastemaker.providers.images import (
    AT_ONCE,
    MOST_BYTES,
    Image,
    ImageClient,
    ImageRefused,
    is_public,
    media_type_of,
)

HOST = "p16-sign.tiktokcdn-us.com"
URL = f"https://{HOST}/avatar.jpeg?x-signature=a%2Fb"
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 20
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@dataclass
class Server:
    """A picture server on loopback that answers every call in the same way."""

    port: int
    tls: ssl.SSLContext
    asked: list[bytes] = field(default_factory=list)

    def client(
        self,
        *,
        addresses: Sequence[str] = ("127.0.0.1",),
        is_public: Callable[[str], bool] = lambda _: True,
        seconds: float = 5,
    ) -> ImageClient:
        async def resolve(_host: str) -> Sequence[str]:
            return addresses

        return ImageClient(
            resolve=resolve, is_public=is_public, tls=self.tls, port=self.port, seconds=seconds
        )


@asynccontextmanager
async def answering(authority: trustme.CA, answer: Answer, *, named: str = HOST) -> AsyncIterator[Server]:
    ours, theirs = ssl.create_default_context(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.configure_trust(ours)
    authority.issue_cert(named).configure_cert(theirs)
    found = Server(0, ours)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            found.asked.append(await reader.readuntil(b"\r\n\r\n"))
            await answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=theirs)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()


def response(body: bytes, *headers: str, status: str = "200 OK") -> Answer:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()

    return answer


async def test_a_picture_is_fetched_without_cookies_and_typed_by_its_bytes(authority: trustme.CA) -> None:
    async with answering(authority, response(PNG, "Content-Type: text/html", "Set-Cookie: a=b")) as server:
        client = server.client()
        assert await client.fetch(Platform.TIKTOK, URL) == Image(PNG, "image/png")
        await client.fetch(Platform.TIKTOK, URL)
    assert server.asked[0].startswith(b"GET /avatar.jpeg?x-signature=a%2Fb HTTP/1.1\r\n")
    assert f"\r\nHost: {HOST}\r\n".encode() in server.asked[0]
    assert b"cookie" not in server.asked[1].lower()


@pytest.mark.parametrize(
    "url",
    [
        f"http://{HOST}/a.png",
        f"https://{HOST}:8443/a.png",
        f"https://user@{HOST}/a.png",
        "https://tiktokcdn.com.example.com/a.png",
        "https://nottiktokcdn.com/a.png",
        "https://scontent.cdninstagram.com/a.png",
        "https://127.0.0.1/a.png",
        "https://[::1]/a.png",
        "https://2130706433/a.png",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/a.png",
        f"https://{HOST}@127.0.0.1/a.png",
        f"https://127.0.0.1#{HOST}/a.png",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "//p16.tiktokcdn.com/a.png",
        "https://",
        "https://[",
        "https://tiktokcdn.com\u3002example.com/a",
        "",
        "\ud800",
        "https://p16.tiktokcdn.com/\x00",
    ],
)
async def test_other_urls_are_refused_before_anything_is_resolved(url: str) -> None:
    async def never(_host: str) -> Sequence[str]:
        raise AssertionError("it was resolved")

    with pytest.raises(ImageRefused):
        await ImageClient(resolve=never).fetch(Platform.TIKTOK, url)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.8"],
        ["192.168.1.1"],
        ["172.16.0.1"],
        ["100.64.0.1"],
        ["169.254.169.254"],
        ["0.0.0.0"],  # noqa: S104 - an address to be refused
        ["::1"],
        ["::"],
        ["fe80::1%eth0"],
        ["fd00::1"],
        ["::ffff:127.0.0.1"],
        ["::ffff:169.254.169.254"],
        ["64:ff9b::7f00:1"],
        ["2002:7f00:1::"],
        ["2001:0:7f00:1::"],
        ["224.0.0.1"],
        ["255.255.255.255"],
        ["not an address"],
        ["93.184.216.34", "127.0.0.1"],
        [],
    ],
)
async def test_a_known_name_at_an_address_that_is_not_public_is_refused(
    authority: trustme.CA, addresses: list[str]
) -> None:
    async with answering(authority, response(PNG)) as server:
        with pytest.raises(ImageRefused, match="no public address"):
            await server.client(addresses=addresses, is_public=is_public).fetch(Platform.TIKTOK, URL)
    assert server.asked == []


def test_addresses_of_the_internet_are_public() -> None:
    assert all(
        map(is_public, ["93.184.216.34", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d822"])
    )


async def test_the_address_is_resolved_once_so_that_it_cannot_change_after_the_check(
    authority: trustme.CA,
) -> None:
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    checked = []

    async def resolve(_host: str) -> Sequence[str]:
        return next(answers)

    async with answering(authority, response(PNG)) as server:
        client = ImageClient(
            resolve=resolve, is_public=lambda one: not checked.append(one), tls=server.tls, port=server.port
        )
        await client.fetch(Platform.TIKTOK, URL)
    assert (checked, len(server.asked)) == (["127.0.0.1"], 1)


@pytest.mark.parametrize(
    "location", ["https://127.0.0.1/", "http://169.254.169.254/", "https://[::ffff:7f00:1]/", "/other.png"]
)
async def test_no_redirect_is_followed(authority: trustme.CA, location: str) -> None:
    moved = response(PNG, f"Location: {location}", status="302 Found")
    async with answering(authority, moved) as server:
        with pytest.raises(ImageRefused, match="302"):
            await server.client().fetch(Platform.TIKTOK, URL)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        response(b"<!doctype html><script>alert(1)</script>", "Content-Type: image/png"),
        response(SVG, "Content-Type: image/svg+xml"),
        response(b'<?xml version="1.0"?>' + SVG, "Content-Type: image/png"),
        response(b"RIFF\x00\x00\x00\x00WAVEfmt "),
        response(b"", "Content-Type: image/png"),
        response(PNG, status="404 Not Found"),
        response(b"no http at all", status="nonsense"),
    ],
)
async def test_what_is_no_picture_is_refused(authority: trustme.CA, answer: Answer) -> None:
    async with answering(authority, answer) as server:
        with pytest.raises(ImageRefused):
            await server.client().fetch(Platform.TIKTOK, URL)


async def test_a_body_without_end_is_left_at_the_limit(authority: trustme.CA) -> None:
    sent = 0

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n" + PNG)
        while True:
            writer.write(bytes(100_000))
            await writer.drain()
            sent += 100_000

    async with answering(authority, endless) as server:
        with pytest.raises(ImageRefused, match="more than 2,000,000 bytes"):
            await server.client().fetch(Platform.TIKTOK, URL)
    assert sent < MOST_BYTES * 8


async def test_a_slow_body_ends_at_the_deadline(authority: trustme.CA) -> None:
    async def slow(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + PNG)
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with answering(authority, slow) as server:
        with pytest.raises(ImageRefused, match="TimeoutError"):
            await server.client(seconds=0.5).fetch(Platform.TIKTOK, URL)


async def test_another_servers_certificate_is_refused(authority: trustme.CA) -> None:
    async with answering(authority, response(PNG), named="evil.example.com") as server:
        with pytest.raises(ImageRefused, match="ConnectError"):
            await server.client().fetch(Platform.TIKTOK, URL)
    assert server.asked == []


async def test_the_next_address_answers_where_the_first_does_not(authority: trustme.CA) -> None:
    async with answering(authority, response(PNG)) as server:
        client = server.client(addresses=["::1", "127.0.0.1"])
        assert (await client.fetch(Platform.TIKTOK, URL)).content == PNG


async def test_a_host_has_few_calls_at_once(authority: trustme.CA) -> None:
    now, most = 0, 0

    async def counted(writer: asyncio.StreamWriter) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.05)
        now -= 1
        await response(PNG)(writer)

    async with answering(authority, counted) as server:
        client = server.client(seconds=30)
        await asyncio.gather(*(client.fetch(Platform.TIKTOK, f"{URL}&{n}") for n in range(AT_ONCE * 3)))
    assert most == AT_ONCE


def test_four_kinds_of_picture_are_known() -> None:
    beginnings = (b"\xff\xd8\xff\xe0", PNG, b"GIF89a", b"RIFF\x10\x00\x00\x00WEBPVP8 ")
    kinds = ["image/jpeg", "image/png", "image/gif", "image/webp"]
    assert [media_type_of(one) for one in beginnings] == kinds
    assert media_type_of(SVG) is None
