"""Starting, sharing and stopping the embedded server: who comes first starts it, who leaves last stops it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import IO

from tastemaker.db.embedded import registry
from tastemaker.db.embedded.account import server_account
from tastemaker.db.embedded.answers import wait_for_answer
from tastemaker.db.embedded.binaries import usable_binaries
from tastemaker.db.embedded.cluster import ensure_data
from tastemaker.db.embedded.failures import ServerBusy, explained, in_one_sentence
from tastemaker.db.embedded.launch import clear_after, launch, trim_log
from tastemaker.db.embedded.places import Places, places_of, prepare
from tastemaker.db.embedded.server import Server
from tastemaker.db.embedded.stopping import stop_server

NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


@contextmanager
def running(
    home: Path, *, bin_dir: Path | None = None, settings: Mapping[str, str] = NO_SETTINGS
) -> Iterator[Server]:
    """A server for the time of the block, shared with every other process that uses the same home.

    `bin_dir` and `settings` count for the one who starts it. Raises subclasses of DatabaseUnavailable.
    """
    places = prepare(home)
    with in_one_sentence(places.home):
        seat = registry.take_seat(places)
    try:
        with in_one_sentence(places.home), registry.turn(places):
            server = _ensure_running(places, bin_dir, settings)
        yield server
    finally:
        _leave(places, seat)


def start(home: Path, *, bin_dir: Path | None = None) -> Server:
    """A server that stays until `stop`, also one that others have started."""
    places = prepare(home)
    with in_one_sentence(places.home), registry.turn(places):
        server = _ensure_running(places, bin_dir, NO_SETTINGS)
        facts = registry.read_facts(places)
        if facts:
            registry.write_facts(places, replace(facts, kept=True))
        return server


def stop(home: Path) -> bool:
    """Stops it whoever uses it; False when none was running."""
    with in_one_sentence(home):
        if not places_of(home).root.exists():
            return False
    places = prepare(home)
    with in_one_sentence(places.home), registry.turn(places):
        if not registry.server_lives(places):
            return False
        stop_server(places)
        clear_after(places)
        return True


def _ensure_running(places: Places, bin_dir: Path | None, settings: Mapping[str, str]) -> Server:
    server = wait_for_answer(places)
    if server is not None:
        trim_log(places.log)
        return server
    account = server_account(places.data)
    binaries = usable_binaries(bin_dir, account)
    ensure_data(places, binaries, account, durable=settings.get("fsync") != "off")
    trim_log(places.log)
    said_before = places.log.stat().st_size if places.log.exists() else 0
    launch(places, binaries, account, settings)
    server = wait_for_answer(places)
    if server is None:
        clear_after(places)
        with places.log.open(errors="replace") as log:
            log.seek(said_before)
            raise explained("The database did not start", log.read(), home=places.home, log=places.log)
    return server


def _leave(places: Places, seat: IO[bytes]) -> None:
    try:
        with in_one_sentence(places.home), registry.turn(places):
            seat.close()
            facts = registry.read_facts(places)
            unwanted = registry.users(places) == 0 and not (facts and facts.kept)
            if unwanted and registry.server_lives(places):
                stop_server(places)
                clear_after(places)
    except ServerBusy:
        return  # somebody else is at it, or only another container can: the next one who leaves tries again
    finally:
        seat.close()
