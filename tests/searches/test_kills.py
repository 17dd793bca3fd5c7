"""kill -9 at random moments: the same command again ends with the same creators as if nothing had been."""

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from tastemaker.db import embedded
from tastemaker.db.access import APP_ROLE
from tastemaker.sandbox.corpus import activate, generate

TARGET = 500
KILLS = 10
SEED = 20261123

COMMAND = (sys.executable, "-m", "tastemaker.cli")

ENDED = "SELECT count(*) FROM scraping_jobs WHERE completed_at IS NOT NULL"

AS_SYSTEM = '-c request.jwt.claims={"role":"tastemaker_system"}'

BROKEN_PROMISES: dict[str, LiteralString] = {
    "a creator twice in a search": """
        SELECT job_id, stable_id FROM search_creators GROUP BY 1, 2 HAVING count(*) > 1""",
    "a counter that is not what it counts": """
        SELECT usage_creators_current_month FROM user_usage
        WHERE usage_creators_current_month <> (SELECT count(*) FROM usage_charges)""",
    "a search that says another number than it holds": """
        SELECT id FROM scraping_jobs j
        WHERE processed_results <> (SELECT count(*) FROM search_creators WHERE job_id = j.id)
           OR processed_results <> (
               SELECT sum(jsonb_array_length(creators)) FROM scraping_results WHERE job_id = j.id)
           OR processed_runs <> (SELECT sum(pages) FROM scraping_runs WHERE job_id = j.id)""",
    "a page paid twice without a word": """
        SELECT run_id FROM provider_calls c GROUP BY run_id
        HAVING count(*) FILTER (WHERE status = 'charged') <> (
            SELECT pages FROM scraping_runs WHERE id = c.run_id)""",
    "an end that is told twice, or not": """
        SELECT j.id FROM scraping_jobs j
        WHERE 1 <> (SELECT count(*) FROM events WHERE aggregate_id = j.id::text
                                                  AND event_type = 'search_finished')""",
}


@pytest.mark.slow
def test_ten_kills_change_nothing_in_what_is_found(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.sqlite"
    generate(corpus, creators=9000, posts_per_creator=6, seed=3)
    undisturbed = home_with(corpus, tmp_path / "undisturbed")
    assert search(undisturbed, "calm").wait(timeout=120) == 0
    expected = found(undisturbed)
    assert len(expected) == TARGET

    disturbed = home_with(corpus, tmp_path / "disturbed")
    subprocess.run(
        [*COMMAND, "db", "migrate"], env=environment(disturbed), check=True, stdout=subprocess.DEVNULL
    )
    moments = random.Random(SEED)  # noqa: S311 - a seed, so that a failure can be repeated
    kills = rounds = 0
    while kills < KILLS:
        rounds += 1
        kills += kill_until_finished(disturbed, rounds, moments)
        with embedded.running(disturbed) as server, psycopg.connect(server.url()) as connection:
            connection.execute('SET request.jwt.claims = \'{"role": "tastemaker_system"}\'')
            for promise, violation in BROKEN_PROMISES.items():
                assert connection.execute(violation).fetchall() == [], promise  # type: ignore[arg-type]  # a dict's values are not known to be literals
        assert found(disturbed) == expected * rounds, f"seed {SEED}, after {kills} kills"


@pytest.mark.slow
def test_kills_change_nothing_in_a_similar_search(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.sqlite"
    generate(corpus, creators=9000, posts_per_creator=6, seed=3)
    undisturbed = home_with(corpus, tmp_path / "undisturbed")
    assert search(undisturbed, "keywords").wait(timeout=120) == 0
    handle = ask(undisturbed, "SELECT handle FROM creators JOIN posts ON creator_id = creators.id LIMIT 1")[
        0
    ][0]
    before = len(found(undisturbed))
    assert search(undisturbed, "calm", like=handle).wait(timeout=120) == 0
    expected = found(undisturbed)[before:]
    assert len(expected) > 10

    disturbed = home_with(corpus, tmp_path / "disturbed")
    assert search(disturbed, "keywords").wait(timeout=120) == 0
    moments = random.Random(SEED)  # noqa: S311 - a seed, so that a failure can be repeated
    kill_until_finished(disturbed, 2, moments, like=handle)
    assert found(disturbed)[before:] == expected
    with embedded.running(disturbed) as server, psycopg.connect(server.url()) as connection:
        connection.execute('SET request.jwt.claims = \'{"role": "tastemaker_system"}\'')
        for promise, violation in BROKEN_PROMISES.items():
            assert connection.execute(violation).fetchall() == [], promise  # type: ignore[arg-type]  # a dict's values are not known to be literals


def kill_until_finished(home: Path, number: int, moments: random.Random, *, like: str | None = None) -> int:
    """Start the home's nth search again and again; how often it was killed before it ended.

    A kill between the end of the search and that of the command leaves nothing to go on with. A machine
    too busy to reach the next page before the kill is given more time.
    """
    kills, patience, before = 0, 2.5, 0
    while True:
        process = search(home, f"round {number}", like=like)
        try:
            assert process.wait(timeout=moments.uniform(0.3, patience)) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
        else:
            return kills
        if ask(home, ENDED) == [(number,)]:
            return kills
        stored = len(found(home))
        patience *= 1.0 if stored > before else 1.3
        before = stored


def search(home: Path, campaign: str, *, like: str | None = None) -> "subprocess.Popen[bytes]":
    wanted = ["next"] if like is None else ["--like", like]
    command = [*COMMAND, "search", *wanted, "--platform", "tiktok"]
    options = ["--target", str(TARGET), "--campaign", campaign, "--json"]
    return subprocess.Popen([*command, *options], env=environment(home), cwd=home, stdout=subprocess.DEVNULL)


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "TASTEMAKER_HOME": str(home), "YOUTUBE_API_KEY": "", "SCRAPECREATORS_API_KEY": ""}


def home_with(corpus: Path, home: Path) -> Path:
    home.mkdir()
    activate(home, corpus)
    return home


def found(home: Path) -> list[str]:
    """Stable ids in the order of arrival, search after search."""
    rows = ask(
        home,
        """
        SELECT c.stable_id FROM search_creators c JOIN scraping_jobs j ON j.id = c.job_id
        ORDER BY j.created_at, c.position""",
    )
    return [str(row[0]) for row in rows]


def ask(home: Path, statement: LiteralString) -> list[tuple[object, ...]]:
    with (
        embedded.running(home) as server,
        psycopg.connect(server.url(role=APP_ROLE), options=AS_SYSTEM) as connection,
    ):
        return connection.execute(statement).fetchall()
