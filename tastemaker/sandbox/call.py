"""One call to the sandbox, as the answering functions see it, and how they refuse one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tastemaker.sandbox.faults import Faults
from tastemaker.sandbox.library import Library

Body = dict[str, Any]

VALID_KEY = "sandbox"
"""The one key that both APIs accept here."""


@dataclass(frozen=True, slots=True)
class Call:
    """`number` counts all calls since the faults were set, from 1."""

    library: Library
    params: Mapping[str, str]
    faults: Faults
    number: int

    def text(self, name: str) -> str | None:
        """The parameter, None where absent or blank."""
        return self.params.get(name, "").strip() or None

    def repeats(self, usual: float) -> float:
        return usual if self.faults.duplicate_rate is None else self.faults.duplicate_rate


Answer = Callable[[Call], Body]
"""Runs in a thread, may ask the library, raises Refusal."""


class Refusal(Exception):
    """An error answer of the imitated API."""

    def __init__(self, status: int, body: Body) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
