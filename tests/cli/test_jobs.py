"""`tastemaker jobs …` and `tastemaker schedules …`: the queue in an operator's hands."""

import re

import psycopg

from tastemaker.core.errors import ExitCode
from tests.cli.conftest import CommandLine

GIVE_UP = """
    UPDATE background_jobs SET status = 'failed', retry_count = max_retries, error = E'It \\x1b[2Jbroke.',
        failed_at = now(), completed_at = NULL
    WHERE id = %s
"""


def published(cli: CommandLine, schedule: str) -> str:
    found = re.search(r"job ([0-9a-f-]{36});", cli("schedules", "run", schedule).out)
    assert found is not None
    return found[1]


def statuses(admin_url: str) -> dict[str, str]:
    with psycopg.connect(admin_url) as connection:
        return dict(connection.execute("SELECT job_type, status FROM background_jobs").fetchall())


def give_up(admin_url: str, job: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE background_jobs DISABLE TRIGGER USER")
        connection.execute(GIVE_UP, (job,))
        connection.execute("ALTER TABLE background_jobs ENABLE TRIGGER USER")


def test_a_schedule_publishes_once_and_its_job_is_seen_and_cancelled(
    cli: CommandLine, admin_url: str
) -> None:
    names = {one["name"] for one in cli("schedules", "list", "--json").document["schedules"]}
    assert {"reset_usage", "find_ended_trials", "search_sweeper", "check_event_lag"} <= names
    job = published(cli, "reset_usage")
    assert cli("schedules", "run", "reset_usage").out == "Its job is waiting already.\n"
    assert f"reset_usage {job}\npending, tried 0 times" in cli("jobs", "show", job[:8]).out
    assert cli("jobs", "cancel", job, "--json").document == {"cancelled": job}
    again = cli("jobs", "cancel", job)
    assert (again.status, "it is cancelled" in again.err) == (ExitCode.CONFLICT, True)
    assert statuses(admin_url) == {"reset_usage": "cancelled"}


def test_what_was_given_up_is_seen_and_tried_again_one_by_one_or_by_type(
    cli: CommandLine, admin_url: str
) -> None:
    first, second = published(cli, "reset_usage"), published(cli, "prune_jobs")
    for job in (first, second):
        give_up(admin_url, job)
    listed = cli("jobs", "list", "--status", "failed").out
    assert "broke." in listed
    assert "\x1b[2J" not in listed
    assert cli("jobs", "retry", first[:8]).out == "1 job back in the queue.\n"
    assert cli("jobs", "retry", "--type", "prune_jobs", "--json").document == {"retried": 1}
    assert statuses(admin_url) == {"reset_usage": "pending", "prune_jobs": "pending"}


def test_what_cannot_be_is_one_sentence(cli: CommandLine) -> None:
    for arguments, status, says in (
        (("jobs", "retry"), ExitCode.USAGE, "Name one job, or a type"),
        (("jobs", "retry", "--type", "prune_jbos"), ExitCode.NOT_FOUND, "no job of type 'prune_jbos'"),
        (("jobs", "show", "00000000"), ExitCode.NOT_FOUND, "no such job"),
        (("jobs", "cancel", "%"), ExitCode.NOT_FOUND, "no such job"),
        (("jobs", "list", "--status", "dead"), ExitCode.USAGE, "'dead' is none of: pending"),
        (("schedules", "run", "reset_usages"), ExitCode.NOT_FOUND, "no schedule 'reset_usages'"),
    ):
        told = cli(*arguments)
        assert (told.status, told.out) == (status, ""), arguments
        assert says in " ".join(told.err.split())
