"""A server on loopback that answers what a test tells it to, also very badly."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Reply:
    """`drip` seconds pass before each byte; the connection is reset after `cut` bytes."""

    body: bytes = b"{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pause: float = 0
    drip: float = 0
    cut: int | None = None


Script = Callable[[Asked], Reply]


def always(reply: Reply) -> Script:
    return lambda _: reply


def as_json(value: object, *, status: int = 200) -> Reply:
    """Infinity becomes 1e400, as only a careless writer of JSON sends it."""
    return Reply(json.dumps(value).replace("Infinity", "1e400").encode(), status=status)


class Remote:
    def __init__(self) -> None:
        self.script: Script = lambda _: Reply()
        self.asked: list[Asked] = []
        self.url = ""
        self._answering: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._answer(reader, writer))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def stop(self) -> None:
        """Ends the answers that nobody waits for any more."""
        unfinished = list(self._answering)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                asked = _parse(await reader.readuntil(b"\r\n\r\n"))
                self.asked.append(asked)
                await self._send(writer, self.script(asked))
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _send(self, writer: asyncio.StreamWriter, reply: Reply) -> None:
        await asyncio.sleep(reply.pause)
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(reply.body)),
            "Connection": "close",
        }
        lines = [f"{name}: {value}" for name, value in (headers | dict(reply.headers)).items()]
        writer.write("\r\n".join([f"HTTP/1.1 {reply.status} Told", *lines, "", ""]).encode())
        for byte in reply.body if reply.drip else b"":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(reply.drip)
        writer.write(b"" if reply.drip else reply.body[: reply.cut])
        await writer.drain()
        if reply.cut is not None:
            writer.transport.abort()


def _parse(head: bytes) -> Asked:
    request, *lines = head.decode().split("\r\n")
    url = urlsplit(request.split(" ")[1])
    headers = dict(line.lower().split(": ", 1) for line in lines if line)
    return Asked(url.path, dict(parse_qsl(url.query, keep_blank_values=True)), headers)


@asynccontextmanager
async def listening() -> AsyncIterator[Remote]:
    remote = Remote()
    server = await asyncio.start_server(remote.accept, "127.0.0.1", 0)
    remote.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield remote
        await remote.stop()
