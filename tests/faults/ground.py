"""The servers that faults happen on: embedded PostgreSQL, one shared by many, one for each that harms it."""

import itertools
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from tastemaker.db import embedded
from tastemaker.db.access import APP_ROLE
from tastemaker.db.embedded import Server
from tastemaker.db.embedded.home import paths_of
from tastemaker.db.migrate import migrate
from tastemaker.sandbox.corpus import activate, generate

TEMPLATE = "template_faults"
ROOMY = {"max_connections": "300", "shared_buffers": "64MB"}
"""Several sites share a server, each with processes of its own; the product's own 60 are one site's."""

EFFECTS = """
CREATE TABLE effects (key text PRIMARY KEY, worker text, attempt integer, at timestamptz DEFAULT now());
GRANT SELECT, INSERT ON effects TO tastemaker_app;
"""
"""What the faults' own jobs do: one row each, written in a transaction that is fenced by the attempt."""


@dataclass
class Ground:
    """A running server and a migrated database to be cloned."""

    server: Server
    folder: Path
    home: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    _more: ExitStack = field(default_factory=ExitStack)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def url(self, database: str) -> str:
        return self.server.url(database=database)

    def app_url(self, database: str) -> str:
        return self.server.url(database=database, role=APP_ROLE)

    @property
    def postmaster(self) -> int:
        """The server's first process, which the others are children of."""
        return int((paths_of(self.home).data / "postmaster.pid").read_text().split("\n")[0])

    def start_again(self) -> None:
        """After the server was killed or stopped, as whoever needs it next does."""
        self._more.enter_context(embedded.running(self.home, settings=self.settings))

    def close(self) -> None:
        self._more.close()

    def make_database(self) -> str:
        with self._turn:
            name = f"fault_{next(self._numbers)}"
            _administer(
                self.server,
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                    sql.Identifier(name), sql.Identifier(TEMPLATE)
                ),
            )
            return name

    def drop_database(self, url: str) -> None:
        name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
        with self._turn:
            _administer(
                self.server,
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(str(name))),
            )


@contextmanager
def ground_in(folder: Path, *, settings: Mapping[str, str]) -> Iterator[Ground]:
    """A server of its own below `folder`, with its template and a small sandbox corpus."""
    home = folder / "home"
    home.mkdir(parents=True)
    corpus = folder / "corpus.sqlite"
    generate(corpus, creators=200, posts_per_creator=2, seed=1)
    activate(home, corpus)
    chosen = {**ROOMY, **settings}
    with embedded.running(home, settings=chosen) as server:
        _administer(server, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
        migrate(server.url(database=TEMPLATE), app_password=embedded.app_password(home))
        with psycopg.connect(server.url(database=TEMPLATE), autocommit=True) as connection:
            connection.execute(EFFECTS)
        ground = Ground(server, folder, home, chosen)
        yield ground
        ground.close()


def _administer(server: Server, statement: sql.Composed) -> None:
    with psycopg.connect(server.url(database="postgres"), autocommit=True) as connection:
        connection.execute(statement)
