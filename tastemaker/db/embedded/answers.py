"""Waiting until the server answers, and making the database that everything else is in."""

import time
from pathlib import Path

import psycopg

from tastemaker.core.clock import monotonic
from tastemaker.db.embedded import registry
from tastemaker.db.embedded.failures import ServerBusy, ServerFailed, explained, is_known
from tastemaker.db.embedded.places import Places
from tastemaker.db.embedded.registry import Facts
from tastemaker.db.embedded.server import DATABASE, PORT, Server

ANSWER_SECONDS = 180
"""So long a server that lives may take: recovery after a crash reads all since the last checkpoint."""


def wait_for_answer(places: Places) -> Server | None:
    """The server, once it accepts connections to our database; None when no server lives (any more).

    Raises ServerBusy, ServerFailed.
    """
    deadline = monotonic() + ANSWER_SECONDS
    while registry.server_lives(places):
        facts = registry.read_facts(places)
        if facts and _answers(server := _described(places, facts), places):
            return server
        if monotonic() > deadline:
            raise ServerBusy(
                f"The database in {places.root} runs but does not answer. Look into {places.log}, "
                "or stop it with `tastemaker db stop`."
            )
        time.sleep(registry.POLL_SECONDS)
    return None


def _described(places: Places, facts: Facts) -> Server:
    return Server(home=places.home, socket_dir=Path(facts.socket_dir), port=PORT, version=facts.version)


def _answers(server: Server, places: Places) -> bool:
    try:
        psycopg.connect(server.url(), connect_timeout=5).close()
    except psycopg.OperationalError as error:
        reason = str(error)
    else:
        return True
    if f'database "{DATABASE}" does not exist' in reason:
        _create_database(server, log=places.log)
        return True
    if "password authentication failed" in reason:
        raise ServerFailed(
            f"The database does not accept the passwords in {places.passwords}. "
            "Put the file back from a backup."
        )
    if is_known(reason):
        raise explained("The database does not answer", reason, home=server.home, log=places.log)
    return "too many clients" in reason  # busy, but it runs


def _create_database(server: Server, *, log: Path) -> None:
    """Only the one who started the server gets here, and only before the database was ever used."""
    try:
        _make_it(server)
    except psycopg.Error as error:
        raise explained("The database could not be made", str(error), home=server.home, log=log) from error


def _make_it(server: Server) -> None:
    with psycopg.connect(server.url(database="postgres"), autocommit=True) as connection:
        knows_lz4 = connection.execute(
            "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"
        ).fetchone()
        if knows_lz4 == (True,):
            connection.execute("ALTER SYSTEM SET default_toast_compression = 'lz4'")
            connection.execute("SELECT pg_reload_conf()")
        connection.execute(f"CREATE DATABASE {DATABASE}")
