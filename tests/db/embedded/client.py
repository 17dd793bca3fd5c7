"""A second process that uses the embedded server, driven line by line: `Client` starts and commands it.

Run as a program it reads one command a line from its input and answers each with one line of JSON.
"""

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

import psycopg

from tastemaker.core.errors import DatabaseUnavailable
from tastemaker.db import embedded
from tastemaker.db.embedded.home import lifecycle_lock, prepare_home

ROOT = Path(__file__).resolve().parents[3]


class Client:
    """Starts the program, as another user if `uid` is given; `ask` sends a command and awaits its answer."""

    def __init__(self, home: Path, *, uid: int | None = None, through: tuple[str, ...] = ()) -> None:
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "YOUTUBE_API_KEY": "made-up-key"}
        self.process = subprocess.Popen(
            [*through, sys.executable, __file__, str(home), "" if uid is None else str(uid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env=environment,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.kill()

    def send(self, command: str) -> None:
        _pipe(self.process.stdin).write(command + "\n")
        _pipe(self.process.stdin).flush()

    def answer(self) -> object:
        line = _pipe(self.process.stdout).readline()
        assert line, "the client died"
        return json.loads(line)

    def ask(self, command: str) -> object:
        self.send(command)
        return self.answer()

    def kill(self) -> None:
        """As by `kill -9`; harmless when it is gone already."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            _pipe(pipe).close()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


@dataclass
class Session:
    """What the program remembers between commands."""

    home: Path
    using: ExitStack
    url: str = ""

    def enter(self, *settings: str) -> object:
        """Begins to use the server; answers with the number of its process."""
        chosen = dict(setting.split("=", 1) for setting in settings)
        server = self.using.enter_context(embedded.running(self.home, settings=chosen))
        self.url = server.url()
        return embedded.status(self.home).pid

    def enter_with(self) -> object:
        """Begins to use binaries that lie beside the home and are none."""
        binaries = self.home.parent
        (binaries / "postgres").write_text("#!/bin/sh\n")
        (binaries / "postgres").chmod(0o755)
        self.using.enter_context(embedded.running(self.home, bin_dir=binaries))
        return "entered"

    def leave(self) -> object:
        self.using.close()
        return embedded.status(self.home).state

    def query(self, *words: str) -> object:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(" ".join(words).encode())
            return cursor.fetchall() if cursor.description else None

    def password(self) -> object:
        return embedded.app_password(self.home)

    def state(self) -> object:
        return embedded.status(self.home).state

    def take_turn(self) -> object:
        """Keeps everybody else from starting and stopping."""
        self.using.enter_context(lifecycle_lock(prepare_home(self.home)))
        return "taken"

    def wait_for_interrupt(self) -> object:
        """Answers twice: when it waits, and after Ctrl-C with what the server still says."""
        try:
            say("waiting")
            time.sleep(60)
        except KeyboardInterrupt:
            return self.query("SELECT 'still here'")
        return "nobody interrupted"


def say(answer: object) -> None:
    print(json.dumps(answer), flush=True)  # noqa: T201 - the protocol


def main() -> None:
    home, uid = sys.argv[1:]
    if uid:
        os.setgroups([])
        os.setgid(int(uid))
        os.setuid(int(uid))
    with ExitStack() as using:
        session = Session(Path(home), using)
        for line in sys.stdin:
            command, *words = line.split()
            try:
                say(getattr(session, command)(*words))
            except DatabaseUnavailable as error:
                say({"refused": str(error), "kind": type(error).__name__})


if __name__ == "__main__":
    main()
