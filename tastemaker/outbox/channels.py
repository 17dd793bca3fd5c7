"""The ways out: what each promises, and what a sender answers.

A channel is declared once, in the package that owns it; a process that can send brings the sender.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NewType

from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import OutboxStatus
from tastemaker.db.transaction import Transaction

OutboxId = NewType("OutboxId", int)


class Guarantee(StrEnum):
    """What becomes of a message of which nobody knows whether it left.

    At most once: it is `unknown`, for the operator to decide. At least once: it goes again, with the same
    `dedupe_key`, by which the receiver tells the second from the first.
    """

    AT_MOST_ONCE = "at_most_once"
    AT_LEAST_ONCE = "at_least_once"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """A message in a relay's hands. `attempt` is 1 for the first."""

    id: OutboxId
    channel: str
    body: Mapping[str, Any]
    dedupe_key: str
    tenant_id: ExternalUserId | None
    attempt: int


@dataclass(frozen=True, slots=True)
class Sent:
    """The receiver has it, and calls it `external_id`."""

    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """It will never be taken; nothing left."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """Surely not taken this time. `retry_after` in seconds, where the receiver named it."""

    reason: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class MaybeSent:
    """Nobody knows whether it was taken."""

    reason: str


Outcome = Sent | Refused | NotSent | MaybeSent

Sender = Callable[[OutgoingMessage], Awaitable[Outcome]]
"""Sends one message, in no transaction; what it raises counts as MaybeSent. It never retries by itself."""

Settled = Callable[[Transaction, OutgoingMessage, OutboxStatus], Awaitable[None]]
"""Told in the transaction that settles a message: sent, failed, unknown or cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """`deadline`: seconds for one attempt. `max_attempts`: after so many that surely failed it is given up.

    `concurrency`: how many of it one process sends at once.
    """

    name: str
    guarantee: Guarantee
    meaning: str
    deadline: float = 30.0
    max_attempts: int = 8
    concurrency: int = 4
    settled: Settled | None = None


_known: dict[str, Channel] = {}


def declare(channel: Channel) -> Channel:
    """Make a channel known to operators' commands. Raises ValueError when another has its name."""
    if _known.setdefault(channel.name, channel) is not channel:
        raise ValueError(f"two channels are called {channel.name!r}")
    return channel


def channel_named(name: str) -> Channel:
    """Raises InvalidInput."""
    if name not in _known:
        raise InvalidInput(
            f"There is no channel {name[:50]!r}; known are: {', '.join(sorted(_known)) or 'none'}."
        )
    return _known[name]
