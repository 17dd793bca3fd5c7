"""Who handles which type of job: one decorator, used in the slices' `tasks` modules."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tastemaker.jobs.types import GivenUp, Handler, Handlers, JobType, Registered, Resources

_registered: dict[str, Registered] = {}


def handles(
    job_type: JobType[Any], *, needs: tuple[type, ...] = (), given_up: GivenUp | None = None
) -> Callable[[Handler], Handler]:
    """The decorated function runs the jobs of this type, in processes that have what it `needs`.

    `given_up` is told, in the same transaction, when a job of the type has failed for good.
    """

    def register(handle: Handler) -> Handler:
        known = _registered.setdefault(job_type.name, Registered(job_type, handle, given_up, needs))
        if known.handle is not handle:
            raise ValueError(f"two handlers for jobs of type {job_type.name!r}")
        return handle

    return register


def registered_types() -> dict[str, Registered]:
    """Every type that the imported modules handle, regardless of its needs."""
    return dict(sorted(_registered.items()))


def registered_handlers(resources: Resources) -> Handlers:
    """Those that can run in a process with these resources. Others stay in the queue for another worker."""
    return {
        name: replace(registered, resources=resources)
        for name, registered in _registered.items()
        if all(kind in resources for kind in registered.needs)
    }
