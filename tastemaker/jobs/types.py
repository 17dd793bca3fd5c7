"""What a job is, to those who write one: its type, its context, and how it may end."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from tastemaker.config_store.hot_reload import Configuration
from tastemaker.core.ids import ExternalUserId, JobId
from tastemaker.db.pool import Database
from tastemaker.db.transaction import Transaction

Payload = TypeVar("Payload", bound=BaseModel)

Resource = TypeVar("Resource")

Resources = Mapping[type, object]
"""What a process was started with (clients, senders), by its class."""

LEASE_SECONDS = 30.0
"""How long a claim holds without a heartbeat."""


@dataclass(frozen=True, slots=True)
class JobType(Generic[Payload]):
    """A kind of job. `max_retries` counts failures after the first; lower `priority` goes first.

    `timeout`: seconds that one run may take; None is `job_processing.job_timeout`. `records_end`: whether its
    completion is an event; what continues itself many times is not one each time, its giving up always is.
    """

    name: str
    payload: type[Payload]
    priority: int = 100
    max_retries: int = 3
    timeout: float | None = None
    records_end: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedJob:
    """A job in this worker's hands. Only the holder of `attempt` may finish it."""

    id: JobId
    job_type: str
    payload: Mapping[str, Any]
    attempt: int
    retry_count: int
    max_retries: int
    tenant_id: ExternalUserId | None
    correlation_id: str | None


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a handler is given beside its payload. `stopping` is set when the worker wants to end.

    `config` is that of the process: it changes while the job runs, unless the job takes a snapshot.
    """

    database: Database
    job: ClaimedJob
    stopping: asyncio.Event
    config: Configuration
    resources: Resources = field(default_factory=dict)

    def resource(self, kind: type[Resource]) -> Resource:
        """What the process was started with; a handler that `needs` a kind runs only where it is."""
        found = self.resources[kind]
        if not isinstance(found, kind):
            raise TypeError(f"the resource is no {kind.__name__}")
        return found


@dataclass(frozen=True, slots=True)
class Done:
    """Finished; `result` is kept with the job."""

    result: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """Not finished: the same job once more after `seconds`. Not a failure, counts no retry."""

    seconds: float = 0.0


JobResult = Done | Again
"""How one run of a job ends, unless it fails by raising."""

Handler = Callable[[JobContext, Any], Awaitable[JobResult]]
GivenUp = Callable[[Transaction, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Registered:
    """A job type with who handles it. `given_up` is told, in the same transaction, of a failure for good.

    `resources` are what the process has; `needs` the kinds without which the handler cannot run.
    """

    job_type: JobType[Any]
    handle: Handler
    given_up: GivenUp | None = None
    needs: tuple[type, ...] = ()
    resources: Resources = field(default_factory=dict)


Handlers = Mapping[str, Registered]
