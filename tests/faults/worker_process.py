"""The worker process under test, with the faults' own jobs beside the product's.

`python -m tests.faults.worker_process` runs `tastemaker.worker.run_worker_process` as `tastemaker work` does:
the same parts, the live providers of the environment, the same signals. `FAULTS_DEADLINE` shortens a call's
deadline, `FAULTS_GRACE` the time after which a dead worker's jobs are taken over.
"""

import asyncio
import ctypes
import os
import sys
import time
from datetime import datetime, tzinfo

from pydantic import BaseModel

from tastemaker.cli.process import stop_signals
from tastemaker.core import clock
from tastemaker.core.platforms import Platform
from tastemaker.core.settings import get_settings
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import open_database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import transaction
from tastemaker.jobs.registry import handles
from tastemaker.jobs.types import Done, JobContext, JobResult, JobType
from tastemaker.jobs.worker_state import WorkerSettings
from tastemaker.mail.mailer import mailer_of
from tastemaker.providers.http import make_client
from tastemaker.providers.registry import load_registry
from tastemaker.providers.scrapecreators import ScrapeCreatorsTikTok
from tastemaker.runtime import Equipment
from tastemaker.searches.exclusions.names import find_key
from tastemaker.searches.exports.service import export_folder
from tastemaker.searches.tasks import Sources
from tastemaker.worker import run_worker_process

WRITE = statement("""
    INSERT INTO effects (key, worker, attempt)
    SELECT %(key)s, %(worker)s, attempt FROM background_jobs
    WHERE id = %(id)s AND attempt = %(attempt)s AND status = 'processing' FOR UPDATE
    ON CONFLICT (key) DO NOTHING
""")
"""As every handler: fenced by the attempt, and harmless when it comes twice."""


class Effect(BaseModel):
    """`key` is written once. `seconds`: how long it takes; `harm`: what it does to its worker instead."""

    key: str
    seconds: float = 0.0
    harm: str | None = None


EFFECT = JobType(name="fault_effect", payload=Effect, max_retries=2)


@handles(EFFECT)
async def have_effect(context: JobContext, effect: Effect) -> JobResult:
    await asyncio.sleep(effect.seconds)
    match effect.harm:
        case "raise":
            raise RuntimeError("this job always fails")
        case "segfault":
            ctypes.string_at(0)
        case "memory":
            os.kill(os.getpid(), 9)  # what the kernel does to whoever takes too much memory
    async with transaction(context.database, SYSTEM) as tx:
        job = context.job
        await tx.run(WRITE, key=effect.key, worker=str(os.getpid()), id=job.id, attempt=job.attempt)
    return Done()


def _settings() -> WorkerSettings:
    places = int(os.environ.get("FAULTS_PLACES", "0")) or None
    grace = os.environ.get("FAULTS_GRACE")
    if grace is None:
        return WorkerSettings(concurrency=places)
    return WorkerSettings(concurrency=places, grace=float(grace), lease=10.0, heartbeat=3.0)


def _go_wrong(seconds: float) -> None:
    """This process's clock is off; the one of the database is not."""
    real = time.time

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # a plain datetime will do
            return datetime.fromtimestamp(real() + seconds, tz)

    time.time = lambda: real() + seconds
    clock.datetime = Wrong  # type: ignore[attr-defined]  # the one place that reads the clock


async def main() -> None:
    if skew := os.environ.get("FAULTS_SKEW"):
        _go_wrong(float(skew))
    settings, stopping = get_settings(), asyncio.Event()
    assert settings.database_url is not None
    with stop_signals(stopping):
        async with open_database(settings.database_url.get_secret_value()) as database, make_client() as http:
            live = load_registry(settings).searches
            if (deadline := os.environ.get("FAULTS_DEADLINE")) and settings.scrapecreators_api_key:
                live[Platform.TIKTOK] = ScrapeCreatorsTikTok(
                    settings.scrapecreators_api_key.get_secret_value(),
                    base_url=settings.scrapecreators_base_url,
                    deadline_seconds=float(deadline),
                )
            sources = Sources(http=http, providers={"live": live}, key=find_key(settings))
            equipment = Equipment(sources, mailer_of(settings), {}, export_folder(settings))
            sys.stdout.write("ready\n")
            await run_worker_process(
                database, equipment.resources, equipment.senders, stopping=stopping, settings=_settings()
            )


if __name__ == "__main__":
    asyncio.run(main())
