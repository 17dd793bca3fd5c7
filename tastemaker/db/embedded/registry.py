"""Who uses the server, whether it lives, and whose turn it is: all of it held by locks of the kernel.

A lock goes when its last holder dies, however it dies, so nothing here can be stale. The server itself
inherits `server.lock`, and with it every process it forks: the lock is free when the last one is gone,
whatever `postmaster.pid` says. A user of the server keeps a file of its own locked, its seat.
"""

import fcntl
import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from tastemaker.core.clock import monotonic
from tastemaker.core.ids import new_token
from tastemaker.db.embedded.failures import ServerBusy
from tastemaker.db.embedded.places import Places

TURN_SECONDS = 300
"""Longer than one of them waits for the server's answer."""

POLL_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Facts:
    """What the one who started the server leaves for those who join it."""

    socket_dir: str
    bin_dir: str
    version: str
    process_space: str
    """Process numbers mean something only to those who see the same ones: not across containers."""
    kept: bool = False
    """Started by `start`: stays when the last user leaves."""


@contextmanager
def turn(places: Places) -> Iterator[None]:
    """One process at a time starts or stops the server. Raises ServerBusy."""
    lock = os.open(places.turn_lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = monotonic() + TURN_SECONDS
        while not _locked(lock, fcntl.LOCK_EX):
            if monotonic() > deadline:
                raise ServerBusy(
                    f"Another process has been starting or stopping the database in {places.root} for "
                    f"{TURN_SECONDS // 60} minutes. End it and try again."
                )
            time.sleep(POLL_SECONDS)
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)  # also for a child that was forked meanwhile and holds a copy
        os.close(lock)


def take_seat(places: Places) -> IO[bytes]:
    """A file to close when leaving. It appears under its name only when it is locked."""
    name = f"{os.getpid()}.{new_token(4)}"
    hidden = places.seats / f".{name}"
    seat = hidden.open("xb")
    try:
        fcntl.flock(seat, fcntl.LOCK_EX)
        hidden.rename(places.seats / name)
    except BaseException:
        seat.close()
        raise
    return seat


def users(places: Places) -> int:
    """How many processes hold a seat. Seats of the dead are cleared away."""
    taken = set()
    for seat in places.seats.glob("[!.]*"):
        if _is_locked(seat):
            taken.add(seat.name.partition(".")[0])
        else:
            seat.unlink(missing_ok=True)
    return len(taken)


def server_lives(places: Places) -> bool:
    return _is_locked(places.server_lock)


@contextmanager
def server_lock(places: Places) -> Iterator[int]:
    """Locked for a server to inherit. Only in our turn, and while no server lives."""
    lock = os.open(places.server_lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


def write_facts(places: Places, facts: Facts) -> None:
    unfinished = places.facts.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(asdict(facts)))
    unfinished.replace(places.facts)


def read_facts(places: Places) -> Facts | None:
    try:
        return Facts(**json.loads(places.facts.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def process_space() -> str:
    """Names the machine, since when it runs, and the container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()


def _is_locked(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not _locked(file, fcntl.LOCK_SH)  # shared, so that two who ask do not deceive each other
    finally:
        os.close(file)


def _locked(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
