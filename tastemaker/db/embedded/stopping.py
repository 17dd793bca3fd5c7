"""Ending the server process: politely, then at once."""

import os
import signal
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from tastemaker.core.clock import monotonic
from tastemaker.db.embedded import registry
from tastemaker.db.embedded.failures import ServerBusy
from tastemaker.db.embedded.places import Places

ATTEMPTS = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 15.0))
"""PostgreSQL's fast shutdown (sessions end, all is written), its immediate one, and seconds for each."""

LINE_OF_START = 2
"""In `postmaster.pid`, counted from 0; line 0 is the process number."""


def stop_server(places: Places) -> None:
    """Returns when its last process is gone. Only in our turn. Raises ServerBusy."""
    facts = registry.read_facts(places)
    if facts and facts.process_space != registry.process_space():
        raise ServerBusy(
            f"The database in {places.root} runs in another container or on another machine. Stop it there."
        )
    for kind, seconds in ATTEMPTS:
        deadline = monotonic() + seconds
        _signal(places, kind, deadline)
        while registry.server_lives(places) and monotonic() < deadline:
            time.sleep(registry.POLL_SECONDS)
        if not registry.server_lives(places):
            return
    raise ServerBusy(
        f"The database in {places.root} does not stop. Look into {places.log}, then end its processes."
    )


def postmaster_number(data: Path) -> int | None:
    lines = _postmaster_lines(data)
    return abs(int(lines[0])) if lines and lines[0].lstrip("-").isdigit() else None


def started_at(data: Path) -> datetime | None:
    lines = _postmaster_lines(data)
    return datetime.fromtimestamp(int(lines[LINE_OF_START]), UTC) if len(lines) > LINE_OF_START else None


def _signal(places: Places, kind: signal.Signals, deadline: float) -> None:
    """A server that has just begun has not written its number yet."""
    while registry.server_lives(places) and monotonic() < deadline:
        number = postmaster_number(places.data)
        if number is not None:
            with suppress(ProcessLookupError):  # killed before; what it left behind is ending on its own
                os.kill(number, kind)
            return
        time.sleep(registry.POLL_SECONDS)


def _postmaster_lines(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []
