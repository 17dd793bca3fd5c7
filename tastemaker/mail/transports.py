"""How a letter leaves: by SMTP (`smtp`), into a folder, or into a list. Each says how an attempt ended.

None of them retries; reasons name codes and conditions, never an address or what a server wrote.
"""

import asyncio
import errno
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tastemaker.outbox.channels import NotSent, Outcome, Sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """An envelope, and the message byte for byte. `key`: the same for the same e-mail."""

    key: str
    sender: str
    to: str
    raw: bytes

    @property
    def is_ascii(self) -> bool:
        """Whether any server may take its addresses."""
        return self.sender.isascii() and self.to.isascii()


class Transport(Protocol):
    async def send(self, letter: Letter) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class FolderTransport:
    """For development: each letter is a file, to be opened with any mail program. Nothing reaches anybody."""

    folder: Path

    async def send(self, letter: Letter) -> Outcome:
        return await asyncio.to_thread(self._write, letter)

    def _write(self, letter: Letter) -> Outcome:
        path = self.folder / f"{letter.key}.eml"
        unfinished = self.folder / f".{letter.key}.{os.getpid()}"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(letter.raw)
            unfinished.replace(path)
        except OSError as error:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            return NotSent(f"The folder cannot be written: {errno.errorcode.get(error.errno or 0, 'error')}.")
        return Sent(path.name)


@dataclass(frozen=True, slots=True)
class MemoryTransport:
    """For tests: what would have left."""

    letters: list[Letter] = field(default_factory=list)

    async def send(self, letter: Letter) -> Outcome:
        self.letters.append(letter)
        return Sent(letter.key)
