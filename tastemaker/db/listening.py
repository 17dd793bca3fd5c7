"""One LISTEN connection of a process, outside the pool, for all the channels that its parts subscribe to.

A notification carries no data: each subscriber looks for its work itself. It may name the row that changed,
so that the subscriber reads no more than that. Behind a pooler in transaction mode, or while the server is
away, no notification arrives; the subscriber's own poll remains.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql

from tastemaker.core.logging import get_logger
from tastemaker.core.waiting import call_off

RECONNECT_SECONDS: Final = 1.0
CONNECT_SECONDS: Final = 10
ANYTHING: Final = ""
"""The payload of a notification that names nothing."""

LOCK: Final = "SELECT pg_advisory_lock_shared(%s::int, hashtext(%s))"
UNLOCK: Final = "SELECT pg_advisory_unlock_shared(%s::int, hashtext(%s))"

log = get_logger(__name__)


class SessionLock(NamedTuple):
    """An advisory lock that the connection holds, so that others see whether the process is alive."""

    group: int
    name: str


@dataclass(eq=False, slots=True)
class Subscription:
    """`active` is set while the connection listens; `tried` once it was attempted.

    `payloads`: what the notifications named since the subscriber emptied it. Empty text: anything may have
    changed, which is so after each connect.
    """

    channel: str
    notify: Callable[[], object]
    lock: SessionLock | None = None
    payloads: set[str] = field(default_factory=set)
    active: asyncio.Event = field(default_factory=asyncio.Event)
    tried: asyncio.Event = field(default_factory=asyncio.Event)

    def receive(self, payload: str) -> None:
        self.payloads.add(payload)
        self.notify()


class Listener:
    """Connects with the first subscription, and again whenever the connection is lost; ends with the last."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._subscriptions: list[Subscription] = []
        self._changed = asyncio.Event()
        self._is_down = False
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def subscribe(
        self, channel: str, notify: Callable[[], object], *, lock: SessionLock | None = None
    ) -> AsyncIterator[Subscription]:
        """Calls `notify` at each notification and after each connect, for the time of the block."""
        subscription = Subscription(channel, notify, lock)
        if self._is_down:
            subscription.tried.set()
        self._subscriptions.append(subscription)
        self._changed.set()
        if self._task is None:
            self._task = asyncio.create_task(self._listen_forever())
        try:
            yield subscription
        finally:
            self._subscriptions.remove(subscription)
            self._changed.set()
            if not self._subscriptions and self._task is not None:
                task, self._task, self._is_down = self._task, None, False
                await call_off(task)

    async def _listen_forever(self) -> None:
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                log.warning("no LISTEN connection, polling instead: %s", type(error).__name__)
            self._is_down = True
            for subscription in self._subscriptions:
                subscription.active.clear()
                subscription.tried.set()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self) -> None:
        connection = await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, connect_timeout=CONNECT_SECONDS
        )
        async with connection:
            self._is_down = False
            followed: list[Subscription] = []
            while True:
                self._changed.clear()
                await self._follow(connection, followed)
                await self._receive_until_changed(connection)

    async def _follow(self, connection: psycopg.AsyncConnection[Any], followed: list[Subscription]) -> None:
        """Brings the session in line with the subscriptions."""
        for ended in [each for each in followed if each not in self._subscriptions]:
            followed.remove(ended)
            if ended.lock is not None:
                await connection.execute(UNLOCK, ended.lock)
        for new in [each for each in self._subscriptions if each not in followed]:
            if new.lock is not None:
                await connection.execute(LOCK, new.lock)
            await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(new.channel)))
            followed.append(new)
            new.active.set()
            new.tried.set()
            new.receive(ANYTHING)

    async def _receive_until_changed(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Raises what ends the connection. psycopg keeps what arrives between two calls for the next."""
        receiving = asyncio.create_task(self._receive(connection))
        changing = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait({receiving, changing}, return_when=asyncio.FIRST_COMPLETED)
            if receiving.done():
                receiving.result()
        finally:
            await call_off(receiving, changing)

    async def _receive(self, connection: psycopg.AsyncConnection[Any]) -> None:
        async for notification in connection.notifies():
            for subscription in self._subscriptions:
                if subscription.channel == notification.channel:
                    subscription.receive(notification.payload)
