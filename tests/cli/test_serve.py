"""`tastemaker serve`: the program as its own process."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from tastemaker.core.errors import ExitCode
from tests.cli.conftest import CommandLine


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
