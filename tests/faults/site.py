"""Where a fault happens: a database of its own, a platform on loopback, and real worker processes."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.accounts.service import ensure_local_user
from tastemaker.config_store.service import set_value
from tastemaker.core.clock import monotonic
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database, open_database
from tastemaker.db.transaction import transaction
from tastemaker.searches.types import Search
from tests.faults.ground import Ground
from tests.faults.wire import KEY
from tests.providers.remote import Remote, listening
from tests.rules.source import ROOT
from tests.searches.scripted import Bench

READY = "ready"
OWN = ("TASTEMAKER_", "DATABASE_")
PATIENCE = 60.0


@dataclass
class Worker:
    """A worker process. What it writes to its log is read for canaries afterwards."""

    process: asyncio.subprocess.Process
    log: Path

    @property
    def runs(self) -> bool:
        return self.process.returncode is None

    def send(self, which: signal.Signals) -> None:
        self.process.send_signal(which)

    async def kill(self) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()

    async def ends(self, *, within: float) -> int:
        """The exit status."""
        async with asyncio.timeout(within):
            return await self.process.wait()


@dataclass
class Site:
    """Everything that a fault needs. `admin` is the superuser's connection, for looking and for harm."""

    ground: Ground
    name: str
    admin_url: str
    app_url: str
    folder: Path
    remote: Remote
    _workers: list[Worker] = field(default_factory=list)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _opened: Database | None = None
    _user: CurrentUser | None = None

    # --- the application, in this process ---

    @property
    def database(self) -> Database:
        if self._opened is None:
            raise RuntimeError("the site is not open")
        return self._opened

    @property
    def user(self) -> CurrentUser:
        if self._user is None:
            raise RuntimeError("the site is not open")
        return self._user

    @property
    def bench(self) -> Bench:
        return Bench(self.database, self.user)

    async def open(self) -> None:
        self._opened = await self._stack.enter_async_context(open_database(self.app_url))
        async with transaction(self.database, SYSTEM) as tx:
            self._user = await ensure_local_user(tx)

    async def start(self, *keywords: str, target: int) -> Search:
        return await self.bench.start(*keywords, target=target, platform=Platform.TIKTOK, source="live")

    async def configure(self, **values: str) -> None:
        """`providers__failures_before_a_rest="9"` and the like."""
        async with transaction(self.database, SYSTEM) as tx:
            for name, value in values.items():
                await set_value(tx, name.replace("__", "."), value, actor="faults")

    # --- the database, past the application ---

    async def connect(self) -> psycopg.AsyncConnection[Any]:
        """A connection of the superuser's in a transaction of its own; closed with the site."""
        connection = await psycopg.AsyncConnection.connect(self.admin_url)
        self._stack.push_async_callback(connection.close)
        return connection

    async def ask(self, statement: LiteralString, *parameters: object) -> list[tuple[Any, ...]]:
        async with await psycopg.AsyncConnection.connect(self.admin_url, autocommit=True) as connection:
            return await (await connection.execute(statement, parameters)).fetchall()

    async def one(self, statement: LiteralString, *parameters: object) -> Any:  # noqa: ANN401 - a value of any type
        return (await self.ask(statement, *parameters))[0][0]

    async def do(self, statement: LiteralString, *parameters: object) -> None:
        async with await psycopg.AsyncConnection.connect(self.admin_url, autocommit=True) as connection:
            await connection.execute(statement, parameters)

    async def until(self, statement: LiteralString, *parameters: object, within: float = PATIENCE) -> float:
        """Until the statement's value is true: the seconds that took. A server that is gone is waited for."""
        begun = monotonic()
        try:
            async with asyncio.timeout(within):
                while True:
                    with suppress(psycopg.OperationalError):
                        if await self.one(statement, *parameters):
                            return monotonic() - begun
                    await asyncio.sleep(0.03)
        except TimeoutError:
            raise TimeoutError(f"not within {within:g} s: {' '.join(statement.split())[:140]}") from None

    async def stored(self) -> set[str]:
        """The stable ids that all searches hold, as somebody who looks sees them."""
        return {str(row[0]) for row in await self.ask("SELECT stable_id FROM search_creators")}

    async def pages(self) -> int:
        return int(await self.one("SELECT coalesce(sum(pages), 0) FROM scraping_runs"))

    async def ended(self, *, within: float = PATIENCE) -> float:
        """Until no search is open."""
        return await self.until(
            "SELECT count(*) = 0 FROM scraping_jobs WHERE status IN ('pending', 'processing')", within=within
        )

    async def drained(self, *, within: float = PATIENCE) -> float:
        """Until no job is held and none is due; what is scheduled for later may wait."""
        return await self.until(
            "SELECT count(*) = 0 FROM background_jobs"
            " WHERE status = 'processing' OR (status = 'pending' AND scheduled_for <= app_now())",
            within=within,
        )

    # --- processes ---

    async def worker(self, *arguments: str, **environment: str) -> Worker:
        """A worker process that knows the faults' own jobs too; begins when it says that it is ready."""
        return await self._spawn("-m", "tests.faults.worker_process", *arguments, environment=environment)

    async def command(self, *arguments: str, ready: str | None = "Working", **environment: str) -> Worker:
        """`tastemaker …` as an operator types it; begins when it has said `ready`."""
        return await self._spawn("-m", "tastemaker.cli", *arguments, environment=environment, ready=ready)

    async def stop_workers(self, *, within: float = 15.0) -> list[int]:
        """SIGTERM to all; their exit statuses."""
        for worker in self._workers:
            if worker.runs:
                worker.send(signal.SIGCONT)
                worker.send(signal.SIGTERM)
        return [await worker.ends(within=within) for worker in self._workers if worker.runs]

    async def close(self) -> None:
        for worker in self._workers:
            if worker.runs:
                await worker.kill()
        with suppress(psycopg.Error):
            await self._stack.aclose()

    async def _spawn(
        self, *arguments: str, environment: Mapping[str, str], ready: str | None = READY
    ) -> Worker:
        log = self.folder / f"{len(self._workers)}.log"
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *arguments, cwd=ROOT, env={**self._environment(), **environment},
                stdout=out, stderr=out, stdin=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        worker = Worker(process, log)
        self._workers.append(worker)
        async with asyncio.timeout(PATIENCE):
            while ready is not None and ready not in log.read_text(errors="replace"):
                if not worker.runs:
                    raise RuntimeError(f"a process ended at once: {log.read_text(errors='replace')[-500:]}")
                await asyncio.sleep(0.03)
        return worker

    def _environment(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(OWN)},
            "DATABASE_URL": self.app_url,
            "TASTEMAKER_HOME": str(self.ground.home),
            "SCRAPECREATORS_API_KEY": KEY,
            "YOUTUBE_API_KEY": "",
            "TASTEMAKER_SCRAPECREATORS_BASE_URL": self.remote.url,
            "NO_COLOR": "1",
            "PYTHONUNBUFFERED": "1",
        }  # fmt: skip


@asynccontextmanager
async def site_on(ground: Ground, name: str) -> AsyncIterator[Site]:
    """A fresh database at head; everything that was started for it ends with the block."""
    database = await asyncio.to_thread(ground.make_database)
    folder = ground.folder / database
    folder.mkdir()
    async with listening() as remote:
        site = Site(
            ground=ground, name=name, folder=folder, remote=remote,
            admin_url=ground.url(database), app_url=ground.app_url(database),
        )  # fmt: skip
        try:
            await site.open()
            yield site
        finally:
            await site.close()
