"""How a worker is set up, and what it knows of itself while it works."""

import asyncio
import os
import socket
from dataclasses import dataclass, field
from typing import Final

from tastemaker.config_store.hot_reload import Configuration
from tastemaker.config_store.keys import MAX_CONCURRENT_JOBS
from tastemaker.core.ids import new_token
from tastemaker.db.work_loop import WorkLoop
from tastemaker.jobs.completion import BatchCompleter
from tastemaker.jobs.types import LEASE_SECONDS, ClaimedJob, Handlers

HAND_BACK_SECONDS: Final = 1.0
"""How long a job that is handed back, or a task that is cancelled, may take while the worker stops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """Seconds, but for `concurrency`, `batch` and `only`.

    `concurrency` None is `job_processing.max_concurrent_jobs`, as it is at the moment. `batch` is how many
    jobs are claimed at once, at most; None is as many as have a place.
    Running jobs get `stop_within` to reach a good place, and the rest is handed back: ten seconds in all.
    A dead worker's job is back after `grace`; where no LISTEN connection is possible, after `lease`.
    `only` restricts the worker to the jobs with these correlation ids: a command that runs one search
    leaves the others, which somebody may have stopped on purpose, alone.
    """

    concurrency: int | None = None
    batch: int | None = None
    lease: float = LEASE_SECONDS
    heartbeat: float = 10.0
    grace: float = 5.0
    poll: float = 1.0
    stop_within: float = 8.0
    only: frozenset[str] | None = None


@dataclass(slots=True, kw_only=True)
class WorkerState(WorkLoop[ClaimedJob]):
    """A worker's loop with what it knows of itself. `visible` is set while others can see that it is alive.

    `claims` are the claims under way: `asked`, how many jobs they may bring; `leaving`, how many completions
    they write. The round of fair claims stands behind the tenant `round_stands_at`.
    """

    name: str
    handlers: Handlers
    settings: WorkerSettings
    config: Configuration
    completer: BatchCompleter
    visible: asyncio.Event = field(default_factory=asyncio.Event)
    claims: set[asyncio.Task[None]] = field(default_factory=set)
    asked: int = 0
    leaving: int = 0
    looks_again: bool = False
    broken: BaseException | None = None
    round_stands_at: str | None = None
    is_crowded: bool = False
    is_shared: bool = False
    round_next: float = 0.0
    maintains_next: float = 0.0
    parks_next: float = 0.0

    @property
    def places(self) -> int:
        return self.settings.concurrency or int(self.config[MAX_CONCURRENT_JOBS])

    @property
    def free(self) -> int:
        """Places that no job holds and no claim under way may fill."""
        return self.places - (len(self.running) - self.leaving) - self.asked

    @property
    def claim_as(self) -> str | None:
        """The name to claim by; None while others could take its missing lock for its death."""
        return self.name if self.visible.is_set() else None


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{new_token(4)}"
