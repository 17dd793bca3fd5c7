"""docs/reference/jobs.md has every type of job, docs/reference/schedules.md every schedule."""

from collections.abc import Iterator, Sequence

from tastemaker.config_store.values import write_duration
from tastemaker.jobs.registry import registered_types
from tastemaker.jobs.schedules import known_schedules
from tastemaker.runtime import register_tasks
from tests.rules.markdown import table_rows
from tests.rules.source import ROOT

register_tasks()
JOBS, SCHEDULES = "docs/reference/jobs.md", "docs/reference/schedules.md"
COLUMNS = 4


def differences(name: str, page: str, expected: Sequence[Sequence[str]], *, told: int) -> Iterator[str]:
    """`told` columns are held to the code; the rest is for the reader and must not be empty."""
    rows = {tuple(row[:told]): row for row in table_rows(page) if len(row) == COLUMNS and row[0][:1] == "`"}
    for row in expected:
        found = rows.pop(tuple(row), None)
        if found is None or not all(found):
            yield f"{name} lacks | {' | '.join(row)} |"
    yield from (f"{name}: nothing is | {' | '.join(row)} |" for row in rows)


def job_rows() -> list[list[str]]:
    """The product's; tests register some of their own in the same process."""
    types = [
        one.job_type for one in registered_types().values() if one.handle.__module__.startswith("tastemaker.")
    ]
    return [[f"`{one.name}`", str(one.priority), str(one.max_retries)] for one in types]


def schedule_rows() -> list[list[str]]:
    return [
        [f"`{one.name}`", write_duration(one.every), f"`{one.job.name}`", one.meaning]
        for one in known_schedules()
        if one.job.name in registered_types()
    ]


def test_every_type_of_job_is_documented() -> None:
    found = [*differences(JOBS, (ROOT / JOBS).read_text(), job_rows(), told=3)]
    assert not found, "\n" + "\n".join(found)


def test_every_schedule_is_documented() -> None:
    found = [*differences(SCHEDULES, (ROOT / SCHEDULES).read_text(), schedule_rows(), told=4)]
    assert not found, "\n" + "\n".join(found)


def test_violations_are_found() -> None:
    assert [*differences(JOBS, "", [["`a`", "1", "2"]], told=3)]
    assert [*differences(JOBS, "| `a` | 1 | 2 |  |", [["`a`", "1", "2"]], told=3)]
    assert [*differences(JOBS, "| `a` | 1 | 2 | x |", [], told=3)]
