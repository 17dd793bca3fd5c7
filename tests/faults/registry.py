"""The faults that the scorecard injects: what each is called, which seeds it has, and what came of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.site import Site

SECONDS_OF_A_FAULT = 150.0
WORST_RECOVERY = 45.0


class FaultNotSurvivedError(AssertionError):
    """A promise of the fault notes did not hold; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """`acknowledged` units are what somebody was told is kept: creators, jobs, events, answers.

    `recovery`: seconds from the fault to the next thing that went well, the worst of the run; None where
    nothing was interrupted. `seen` says in a few words what happened.
    """

    acknowledged: int
    lost: int = 0
    duplicated: int = 0
    recovery: float | None = None
    seen: str = ""


Run = Callable[["Site", int], Awaitable[Result]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`alone`: it harms the whole server, so it gets one of its own. `missing`: why it cannot be run yet."""

    id: str
    title: str
    run: Run
    seeds: tuple[int, ...]
    more_seeds: tuple[int, ...]
    alone: bool
    within: float
    missing: str | None = None

    def all_seeds(self, *, long: bool) -> tuple[int, ...]:
        return (*self.seeds, *self.more_seeds) if long else self.seeds


FAULTS: dict[str, Fault] = {}


def fault(
    id_: str,
    title: str,
    *,
    seeds: tuple[int, ...] = (1,),
    more_seeds: tuple[int, ...] = (2, 3),
    alone: bool = False,
    within: float = SECONDS_OF_A_FAULT,
) -> Callable[[Run], Run]:
    """The decorated function injects the fault on a fresh site, and raises where a promise is broken."""

    def register(run: Run) -> Run:
        if id_ in FAULTS:
            raise ValueError(f"two faults are called {id_}")
        FAULTS[id_] = Fault(
            id=id_, title=title, run=run, seeds=seeds, more_seeds=more_seeds, alone=alone, within=within
        )
        return run

    return register


def expect(holds: object, promise: str) -> None:
    """Raises FaultNotSurvivedError with the promise that does not hold."""
    if not holds:
        raise FaultNotSurvivedError(promise)
