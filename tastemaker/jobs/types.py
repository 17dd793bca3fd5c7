"""What a job is, to those who write one: its type, its context, and what it may answer."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.config_store.live import Configuration
from tastemaker.core.ids import ExternalUserId, JobId
from tastemaker.db.engine import Database

Payload = TypeVar("Payload", bound=BaseModel)

LEASE_SECONDS = 30.0
"""How long a claim holds without a heartbeat."""


@dataclass(frozen=True, slots=True)
class JobType(Generic[Payload]):
    """A kind of job. `max_retries` counts failures after the first; lower `priority` goes first."""

    name: str
    payload: type[Payload]
    priority: int = 100
    max_retries: int = 3


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


@dataclass(frozen=True, slots=True)
class Done:
    """Finished; `result` is kept with the job."""

    result: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """Not finished: the same job once more after `seconds`. Not a failure, counts no retry."""

    seconds: float = 0.0


Answer = Done | Again

Handler = Callable[[JobContext, Any], Awaitable[Answer]]
GivenUp = Callable[[AsyncSession, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Registered:
    """A job type with who handles it. `given_up` is told, in the same transaction, of a failure for good."""

    job_type: JobType[Any]
    handle: Handler
    given_up: GivenUp | None = None


Handlers = Mapping[str, Registered]
