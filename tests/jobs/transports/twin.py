"""A server that does what QStash does, over real HTTP: publish, deduplicate, delay, sign, retry, give up.

Its waits are shortened; everything else is the protocol as documented: a token for each attempt, retries on
whatever is not 2xx, none after 489 with the header, a dead-letter queue, and a failure callback that is a
message itself.
"""

import asyncio
import json
import random
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tastemaker.jobs.transports.qstash import body_claim
from tastemaker.web.server import serving

TOKEN = "a token of tests"
KEYS = tuple(f"sig_{number}_0123456789abcdef0123456789" for number in range(4))
DEDUPLICATION_SECONDS = 600.0


@dataclass
class Message:
    id: str
    url: str
    body: bytes
    headers: dict[str, str]
    retries: int
    failure_callback: str | None
    not_before: float
    retried: int = 0


@dataclass
class Attempt:
    """What a call was answered with; 0 is no answer."""

    message: Message
    status: int


@dataclass
class Twin:
    """Switches are for a test to set while it runs."""

    url: str = ""
    key: int = 0
    retry_seconds: float = 0.1
    call_seconds: float = 30.0
    deliver_times: int = 1
    refuse_with: int | None = None
    lose_acknowledgements: int = 0
    is_holding: bool = False
    hosts: list[str] = field(default_factory=list)
    published: list[Message] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)
    _known: dict[str, tuple[float, str]] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _number: int = 0

    def token(self, url: str, body: bytes, **changed: Any) -> str:  # noqa: ANN401 - whatever a token claims
        """Of one attempt: its id is new each time."""
        now = int(time.time())
        self._number += 1
        claims = {
            "iss": "Upstash", "sub": url, "iat": now, "nbf": now, "exp": now + 300,
            "jti": f"jwt_{id(self):x}_{self._number}", "body": body_claim(body) + "=",
        }  # fmt: skip
        return jwt.encode({**claims, **changed}, KEYS[self.key], algorithm="HS256")

    def rotate(self) -> None:
        """What was the next key is the current one; the old one is not used any more."""
        self.key += 1

    def put(self, message: Message) -> None:
        self.published.append(message)
        for _ in range(self.deliver_times):
            task = asyncio.create_task(self._deliver(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def redeliver_dead(self) -> None:
        """What an operator does in QStash's console."""
        dead, self.dead = self.dead, []
        for message in dead:
            message.retried = 0
            self.put(message)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _deliver(self, message: Message) -> None:
        await asyncio.sleep(max(0.0, message.not_before - time.time()))
        async with httpx.AsyncClient(timeout=self.call_seconds) as http:
            for retried in range(message.retries + 1):
                while self.is_holding:
                    await asyncio.sleep(0.02)
                message.retried = retried
                status, answer = await self._call(http, message, retried)
                self.attempts.append(Attempt(message, status))
                if 200 <= status < 300:
                    return
                if status == 489 and answer is not None and "Upstash-NonRetryable-Error" in answer.headers:
                    break
                if retried < message.retries:
                    await asyncio.sleep(self.retry_seconds * 2**retried)
        self._give_up(message, status, answer)

    async def _call(
        self, http: httpx.AsyncClient, message: Message, retried: int
    ) -> tuple[int, httpx.Response | None]:
        headers = {
            **message.headers,
            "User-Agent": "Upstash-QStash",
            "Upstash-Signature": self.token(message.url, message.body),
            "Upstash-Message-Id": message.id,
            "Upstash-Retried": str(retried),
        }
        try:
            answer = await http.post(self._place_of(message.url), content=message.body, headers=headers)
        except httpx.HTTPError:
            return 0, None
        return answer.status_code, answer

    def _place_of(self, url: str) -> str:
        """Where the public name leads to at the moment: a balancer over the hosts that there are."""
        if not self.hosts:
            return url
        self._number += 1
        return self.hosts[self._number % len(self.hosts)] + urlsplit(url).path

    def _give_up(self, message: Message, status: int, answer: httpx.Response | None) -> None:
        self.dead.append(message)
        if message.failure_callback is None:
            return
        told = {
            "status": status,
            "header": {},
            "body": b64encode(answer.content if answer is not None else b"").decode(),
            "retried": message.retried,
            "maxRetries": message.retries,
            "dlqId": f"dlq_{message.id}",
            "sourceMessageId": message.id,
            "url": message.url,
            "method": "POST",
            "sourceHeader": {},
            "sourceBody": b64encode(message.body).decode(),
            "createdAt": int(time.time() * 1000),
        }
        self._number += 1
        self.put(
            Message(
                id=f"msg_failure_{self._number}",
                url=message.failure_callback,
                body=json.dumps(told).encode(),
                headers={"Content-Type": "application/json"},
                retries=3,
                failure_callback=None,
                not_before=0.0,
            )
        )

    async def publish(self, request: Request) -> Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"error": "invalid token"}, 401)
        if self.refuse_with is not None:
            return JSONResponse({"error": "as told"}, self.refuse_with, {"Retry-After": "1"})
        dedupe = request.headers.get("Upstash-Deduplication-Id", "")
        before, known = self._known.get(dedupe, (0.0, ""))
        if dedupe and time.time() - before < DEDUPLICATION_SECONDS:
            return JSONResponse({"messageId": known, "deduplicated": True}, 202)
        self._number += 1
        message = Message(
            id=f"msg_{self._number}",
            url=request.url.path.removeprefix("/v2/publish/"),
            body=await request.body(),
            headers={"Content-Type": request.headers.get("Content-Type", "")},
            retries=int(request.headers.get("Upstash-Retries", "3")),
            failure_callback=request.headers.get("Upstash-Failure-Callback"),
            not_before=float(request.headers.get("Upstash-Not-Before", "0")),
        )
        self._known[dedupe] = (time.time(), message.id)
        self.put(message)
        if self.lose_acknowledgements > 0:
            self.lose_acknowledgements -= 1
            return Response(b"", 502)
        return JSONResponse({"messageId": message.id}, 201)


class Disorder(Twin):
    """Delivers some messages twice or late, and rotates its key now and then: by a seed."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.chance = random.Random(seed)  # noqa: S311 - a seed, so that a failure can be repeated

    def put(self, message: Message) -> None:
        self.deliver_times = 2 if self.chance.random() < 0.2 else 1
        message.not_before = max(message.not_before, time.time() + self.chance.uniform(0, 0.2))
        if self.chance.random() < 0.1:
            self.lose_acknowledgements += 1
        super().put(message)


@asynccontextmanager
async def running(twin: Twin) -> AsyncIterator[Twin]:
    app = Starlette(routes=[Route("/v2/publish/{url:path}", twin.publish, methods=["POST"])])
    stopping = asyncio.Event()
    async with serving(app, host="127.0.0.1", port=0, stopping=stopping) as url:
        twin.url = url
        try:
            yield twin
        finally:
            with suppress(asyncio.CancelledError):
                await twin.close()
            stopping.set()
