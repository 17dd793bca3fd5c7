"""The long forms: a hundred thousand profiles, and a migrator that is killed again and again."""

import random
import subprocess
import sys
import time
from collections.abc import Callable

import psycopg
import pytest

from tastemaker.db.embedded import Server
from tastemaker.db.migrate import HEAD, current, history, migrate
from tests.migrations.catalog import schema_of
from tests.migrations.profiles import insert_profiles, legacy_profile

pytestmark = pytest.mark.slow

MANY = 100_000
LONGEST_SECONDS = 150.0
"""For 0013 to 0016 together. A quiet machine takes 20 (docs/reference/figures.md), a busy one longer."""


@pytest.mark.timeout(300)
def test_a_hundred_thousand_profiles_are_normalized_in_time(make_at: Callable[[str], str]) -> None:
    url = make_at("0012")
    with psycopg.connect(url) as connection:
        insert_profiles(connection, (legacy_profile(number) for number in range(MANY)))
    done = migrate(url, app_password=None, to="0016")
    assert done.seconds < LONGEST_SECONDS
    report = next(step.report for step in history(url) if step.number == "0014")
    assert report is not None
    assert report["rows"]["users"] == MANY


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(2))
def test_killed_again_and_again_it_converges(
    seed: int, empty_url: str, server: Server, template: str, make_database: Callable[[str | None], str]
) -> None:
    code = "import sys; from tastemaker.db.migrate import migrate; migrate(sys.argv[1], app_password='x')"
    draw = random.Random(seed)  # noqa: S311 - the moments of the kills
    kills = 0
    while current(empty_url) != HEAD:
        process = subprocess.Popen([sys.executable, "-c", code, empty_url], stderr=subprocess.PIPE)
        before = current(empty_url)
        while process.poll() is None and current(empty_url) == before:
            time.sleep(0.005)
        time.sleep(draw.uniform(0, 0.05))
        if process.poll() is None:
            process.kill()
            kills += 1
        process.communicate()
    assert kills > 0
    with psycopg.connect(empty_url, autocommit=True) as interrupted:
        found = schema_of(interrupted)
    with psycopg.connect(server.url(database=make_database(template)), autocommit=True) as undisturbed:
        assert found == schema_of(undisturbed)
