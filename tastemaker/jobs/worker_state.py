"""How a worker is set up, and what it knows of itself while it works."""

import asyncio
from dataclasses import dataclass, field

from tastemaker.config_store.hot_reload import Configuration
from tastemaker.config_store.keys import MAX_CONCURRENT_JOBS
from tastemaker.jobs.completion import Completing
from tastemaker.jobs.types import LEASE_SECONDS, ClaimedJob, Handlers


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


@dataclass(slots=True)
class WorkerState:
    """What a worker knows of itself: the jobs in its hands, where its round stands, when it last looked.

    Of the turns under way: `asked`, how many jobs they may bring; `leaving`, how many ends they are writing.
    """

    name: str
    handlers: Handlers
    settings: WorkerSettings
    stopping: asyncio.Event
    config: Configuration
    completing: Completing
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    shown: asyncio.Event = field(default_factory=asyncio.Event)
    running: dict[asyncio.Task[None], ClaimedJob] = field(default_factory=dict)
    turns: set[asyncio.Task[None]] = field(default_factory=set)
    asked: int = 0
    leaving: int = 0
    looks_again: bool = False
    broken: BaseException | None = None
    round_stands_at: str | None = None
    is_crowded: bool = False
    is_shared: bool = False
    round_next: float = 0.0
    tends_next: float = 0.0
    parks_next: float = 0.0

    @property
    def places(self) -> int:
        return self.settings.concurrency or int(self.config[MAX_CONCURRENT_JOBS])

    @property
    def free(self) -> int:
        """Places that nobody holds and no turn under way may fill."""
        return self.places - (len(self.running) - self.leaving) - self.asked

    @property
    def claim_as(self) -> str | None:
        return self.name if self.shown.is_set() else None
