"""A worker process that is frozen for longer than its lease and than an idle transaction may last."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import psycopg
import pytest

from tastemaker.db.pool import Database
from tests.jobs.notes import column, publish_words, until

FROZEN_SECONDS = 20
"""Longer than the lease, the time of a dead worker, and PostgreSQL's limit for an idle transaction (15 s)."""

WORKER = """
import asyncio, sys
from tastemaker.db.pool import open_database
from tastemaker.db.statements import statement
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import transaction
from tastemaker.jobs.types import Done
from tests.jobs.notes import QUICK, working

async def handle(context, note):
    async with transaction(context.database, SYSTEM) as tx:
        await tx.run(statement("SELECT pg_sleep(0.01)"))
    return Done()

async def main():
    async with open_database(sys.argv[1]) as database, working(database, handle):
        await asyncio.sleep(3600)

asyncio.run(main())
"""


@contextmanager
def worker(url: str) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([sys.executable, "-c", WORKER, url], cwd=Path.cwd())
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("loses_its_sessions", [False, True])
async def test_a_worker_frozen_in_the_middle_of_its_work_lives_on(
    loses_its_sessions: bool,  # noqa: FBT001 - a row of the table above
    database: Database,
    app_url: str,
    admin_url: str,
) -> None:
    """Also where the server, or what stands between, closed its connections meanwhile."""
    await publish_words(database, [str(number) for number in range(2000)])
    with psycopg.connect(admin_url, autocommit=True) as admin:
        ours = [pid for (pid,) in admin.execute("SELECT pid FROM pg_stat_activity")]
    with worker(app_url) as process:
        await until(database, "completed", 50)
        process.send_signal(signal.SIGSTOP)
        thaw_at = monotonic() + FROZEN_SECONDS
        if loses_its_sessions:
            with psycopg.connect(admin_url, autocommit=True) as admin:
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid <> ALL(%s)",
                    (ours,),
                )
        await asyncio.sleep(max(0.0, thaw_at - monotonic()))
        process.send_signal(signal.SIGCONT)
        await publish_words(database, ["afterwards"])
        await until(database, "completed", 2001, within=60)
        assert process.poll() is None, "it works on, and died of nothing"
    assert set(await column(database, "status")) == {"completed"}
