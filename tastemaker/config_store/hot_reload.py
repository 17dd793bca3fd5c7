"""Hot configuration of a process: typed, read without a query, refreshed in the background.

A change arrives within a second by LISTEN, and within five seconds by polling. A value that cannot be read as
its type or is out of bounds is logged, and the last good value stays. All values are replaced at once, so
that a snapshot never mixes two states.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType
from typing import Any, Final, TypeVar

from tastemaker.config_store import keys as _declarations  # noqa: F401 - declares every key
from tastemaker.config_store.declaration import DECLARED, ConfigKey
from tastemaker.config_store.queries import StoredValue, declare_keys, list_values
from tastemaker.core.errors import InvalidInput
from tastemaker.core.logging import get_logger
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import DATABASE_TROUBLE, transaction

T = TypeVar("T")

CHANNEL: Final = "system_configurations"
POLL_SECONDS: Final = 4.0

log = get_logger(__name__)

Values = Mapping[ConfigKey[Any], Any]


class Configuration:
    """`configuration[KEY]` is the value as it is now."""

    __slots__ = ("_told", "_values")

    def __init__(self, values: Values) -> None:
        self._values = values
        self._told: set[str] = set()

    @classmethod
    def of_defaults(cls, changed: Values | None = None) -> "Configuration":
        """Without a database: every key's default, but for those that are given."""
        return cls(_defaults() | dict(changed or {}))

    def __getitem__(self, key: ConfigKey[T]) -> T:
        value: T = self._values[key]
        return value

    def snapshot(self) -> "Configuration":
        """An immutable copy of the current values, for one page or one job."""
        return Configuration(self._values)

    def replace(self, values: Values) -> None:
        self._values = values

    def warn_once(self, trouble: str) -> None:
        """A row is read again every few seconds; that it cannot be used is said once."""
        if trouble not in self._told:
            self._told.add(trouble)
            log.warning("%s It stays as it was.", trouble)


async def load_configuration(database: Database) -> Configuration:
    """As it is in the database now, and not kept fresh: for a command that ends soon."""
    configuration = Configuration.of_defaults()
    await _refresh(database, configuration, is_start=True)
    return configuration


@asynccontextmanager
async def live_configuration(
    database: Database, *, poll_seconds: float = POLL_SECONDS
) -> AsyncIterator[Configuration]:
    """Kept fresh for the time of the block. Tells the database the bounds of the keys that are known here."""
    async with transaction(database, SYSTEM) as tx:
        await declare_keys(tx, DECLARED.values())
    configuration = await load_configuration(database)
    wake = asyncio.Event()
    async with database.listener.subscribe(CHANNEL, wake.set):
        task = asyncio.create_task(_keep_fresh(database, configuration, wake, poll_seconds))
        try:
            yield configuration
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _keep_fresh(
    database: Database, configuration: Configuration, wake: asyncio.Event, poll_seconds: float
) -> None:
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(wake.wait(), poll_seconds)
        wake.clear()
        try:
            await _refresh(database, configuration, is_start=False)
        except DATABASE_TROUBLE as error:
            log.warning("the configuration could not be read, its last values stay: %s", type(error).__name__)


async def _refresh(database: Database, configuration: Configuration, *, is_start: bool) -> None:
    async with transaction(database, SYSTEM) as tx:
        stored = await list_values(tx)
    found = {(value.category, value.key): value for value in stored}
    configuration.replace(
        MappingProxyType(
            {
                key: _value_of(configuration, key, found.get(place), is_start=is_start)
                for place, key in DECLARED.items()
            }
        )
    )


def _value_of(
    configuration: Configuration, key: ConfigKey[T], stored: StoredValue | None, *, is_start: bool
) -> T:
    last = configuration[key]
    is_hot = key.hot and (stored is None or stored.is_hot)
    if not is_start and not is_hot:
        return last
    if stored is None:
        return key.default
    try:
        return key.parse(stored.value)
    except InvalidInput as error:
        configuration.warn_once(str(error))
        return last


def _defaults() -> dict[ConfigKey[Any], Any]:
    return {key: key.default for key in DECLARED.values()}
