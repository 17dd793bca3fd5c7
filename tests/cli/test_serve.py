"""`tastemaker serve`: the program as its own process."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import httpx
import psycopg
import pytest

from tastemaker.core.errors import ExitCode
from tests.cli.conftest import CommandLine
from tests.jobs.transports.lines import free_port
from tests.jobs.transports.twin import KEYS, TOKEN, Twin, running


@pytest.fixture
def served(cli: CommandLine) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Its address and its process. The database is at its head, and this test's environment leads there."""
    cli("keys", "list")
    command = [sys.executable, "-m", "tastemaker.cli", "serve", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stdout is not None
        told = "".join(iter(lambda: process.stdout.readline() if process.stdout else "", "}\n")) + "}"
        yield json.loads(told)["url"], process
        process.kill()


def test_it_serves_and_ends_in_good_order(
    cli: CommandLine, served: tuple[str, subprocess.Popen[str]]
) -> None:
    url, process = served
    key = cli("keys", "create", "a test", "--json").document["secret"]
    headers = {"Authorization": f"Bearer {key}"}
    assert httpx.get(f"{url}/healthz").status_code == 200
    made = httpx.post(f"{url}/api/v1/campaigns", headers=headers, json={"name": "Chess"})
    assert made.status_code == 201
    (known,) = cli("campaigns", "list", "--json").document["campaigns"]
    assert known["id"] == made.json()["id"]
    refused = cli("serve", "--port", url.rpartition(":")[2])
    assert (refused.status, "cannot be listened to" in refused.err) == (ExitCode.USAGE, True)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0


@pytest.mark.slow
@pytest.mark.parametrize("program", ["serve", "uvicorn"])
def test_every_server_announces_jobs_to_qstash_and_takes_its_calls(
    program: str, cli: CommandLine, admin_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = cli("schedules", "run", "search_sweeper", "--json").document["job"]
    port = free_port()
    plain = ["-m", "uvicorn", "--factory", "tastemaker.asgi:create_app", "--port", str(port)]
    ours = ["-m", "tastemaker.cli", "serve", "--port", str(port)]

    async def status_in_the_end() -> str:
        async with running(Twin()) as twin:
            monkeypatch.setenv("TASTEMAKER_JOB_TRANSPORT", "qstash")
            monkeypatch.setenv("TASTEMAKER_PUBLIC_URL", f"http://127.0.0.1:{port}")
            monkeypatch.setenv("QSTASH_URL", twin.url)
            monkeypatch.setenv("QSTASH_TOKEN", TOKEN)
            monkeypatch.setenv("QSTASH_CURRENT_SIGNING_KEY", KEYS[0])
            command = [sys.executable, *(ours if program == "serve" else plain)]
            process = await asyncio.create_subprocess_exec(*command, env=dict(os.environ))
            try:
                async with asyncio.timeout(60):
                    while (status := _status(admin_url, job)) == "pending":
                        await asyncio.sleep(0.1)
                    return status
            finally:
                process.send_signal(signal.SIGTERM)
                assert await process.wait() in {0, -signal.SIGTERM}

    assert asyncio.run(status_in_the_end()) in {"processing", "completed"}


def _status(admin_url: str, job: str) -> str:
    with psycopg.connect(admin_url) as connection:
        row = connection.execute("SELECT status FROM background_jobs WHERE id = %s", (job,)).fetchone()
        assert row is not None
        return str(row[0])
