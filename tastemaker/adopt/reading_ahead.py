"""Reading the next batch of pages while the last one is written, on a connection and in a thread of its own.

What is read ahead changes nothing and is thrown away by a kill; a batch and its record stay one transaction.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from psycopg import Connection

from tastemaker.adopt.session_queries import connected, work_as_owner

Read = TypeVar("Read")


class Ahead:
    """One batch ahead, never more: two of them have to fit into memory."""

    def __init__(self, connection: Connection[Any], thread: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._thread = thread
        self._begun: dict[tuple[object, int], Future[Any]] = {}

    def take(self, read: Callable[[Connection[Any], int], Read], number: int, *, last: int) -> Read:
        """What `read` says of this batch; the next one is begun, unless it is the last."""
        begun = self._begun.pop((read, number), None) or self._begin(read, number)
        found: Read = begun.result()
        self._begun.clear()
        if number < last:
            self._begun[read, number + 1] = self._begin(read, number + 1)
        return found

    def _begin(self, read: Callable[[Connection[Any], int], Read], number: int) -> Future[Read]:
        return self._thread.submit(read, self._connection, number)


@contextmanager
def reading_ahead(url: str, schema: str) -> Iterator[Ahead]:
    with connected(url, read_only=True) as connection, ThreadPoolExecutor(1) as thread:
        work_as_owner(connection, schema)
        try:
            yield Ahead(connection, thread)
        finally:
            thread.shutdown(cancel_futures=True)
