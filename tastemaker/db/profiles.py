"""How many connections a process keeps and for how long, and how a server's connections are shared out."""

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from tastemaker.core.settings import Settings


@dataclass(frozen=True, slots=True)
class PoolProfile:
    """Times in seconds. `wait` is how long a caller waits for a connection when all are in use.

    `prepared_statements` is off behind a pooler in transaction mode; reads then need no pipeline either.
    """

    min_size: int = 1
    max_size: int = 10
    max_idle: float = 120
    max_lifetime: float = 2 * 3600
    connect_timeout: int = 30
    wait: float = 10
    prepared_statements: bool = True


LOCAL: Final = PoolProfile()
SERVERLESS: Final = PoolProfile(min_size=0, max_size=5, max_idle=30, max_lifetime=3600, connect_timeout=10)

WEB_WAIT: Final = 2.0
"""A request gives up sooner than background work: better a 503 that says when to come again."""

SERVER_CONNECTIONS: Final = 60
RESERVED_FOR_SUPERUSERS: Final = 3
BUDGET: Final = MappingProxyType({"web": 10, "workers": 20, "listen": 4, "operations": 4, "migrations": 1})
"""Of a server with 60 connections, of which 57 can be used; the rest is for people and monitoring."""
LISTENING: Final = MappingProxyType({"web": 1, "workers": 1})
"""LISTEN connections of a process, beside its pool: one, for configuration, jobs, events and outbox alike."""


def pool_profile(settings: Settings, *, wait: float = LOCAL.wait) -> PoolProfile:
    """The profile that the environment asks for."""
    chosen = SERVERLESS if settings.pool_profile == "serverless" else LOCAL
    return replace(chosen, wait=wait, prepared_statements=settings.prepared_statements)


def processes_within_budget(profile: PoolProfile, use: str) -> int:
    """How many processes of a kind the server bears; `use` is a key of BUDGET."""
    return BUDGET[use] // profile.max_size
