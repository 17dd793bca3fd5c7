"""What takes room and what takes time, as an administrator asks."""

import psycopg
import pytest

from tastemaker.core.errors import ExitCode
from tests.cli.conftest import CommandLine


@pytest.fixture
def filled(cli: CommandLine, admin_url: str) -> CommandLine:
    """One large page of creators, most of which lies outside its row."""
    with psycopg.connect(admin_url) as admin:
        admin.execute(
            """
            INSERT INTO scraping_results (creators)
            SELECT jsonb_agg(jsonb_build_object('a', sha256(i::text::bytea))) FROM generate_series(1, 40000) i
            """
        )
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute("ANALYZE scraping_results")
    return cli


def test_sizes_count_what_lies_outside_the_rows(filled: CommandLine) -> None:
    tables = filled("db", "sizes", "--json").document["tables"]
    assert [table["total"] for table in tables] == sorted((table["total"] for table in tables), reverse=True)
    [results] = [table for table in tables if table["name"] == "scraping_results"]
    assert results["rows"] == 1
    assert results["toast"] > 1_000_000 > results["table"]
    assert results["total"] == results["table"] + results["toast"] + results["indexes"]
    assert not any(table["schema"].startswith("pg_") for table in tables)
    shown = filled("db", "sizes", "--limit", "3").out.splitlines()
    assert len(shown) == 4
    assert shown[0].split()[:2] == ["Table", "Total"]


@pytest.mark.parametrize("by", ["mean", "total"])
def test_the_slowest_statements_come_first(filled: CommandLine, admin_url: str, by: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute("SELECT extensions.pg_stat_statements_reset()")
        admin.execute("SELECT pg_sleep(0.2)")
        for _ in range(3):
            admin.execute("SELECT 1 AS quick")
    statements = filled("db", "slow", "--by", by, "--json").document["statements"]
    slept = next(statement for statement in statements if "pg_sleep" in statement["query"])
    assert (slept["calls"], slept["query"]) == (1, "SELECT pg_sleep($1)")
    assert slept["mean_ms"] >= 200
    times = [statement[f"{by}_ms"] for statement in statements]
    assert times == sorted(times, reverse=True)
    assert "SELECT pg_sleep($1)" in filled("db", "slow").out


def test_a_server_that_does_not_count_says_so(cli: CommandLine, admin_url: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute("DROP EXTENSION pg_stat_statements")
    told = cli("db", "slow")
    assert told.status == ExitCode.CONFLICT
    assert "pg_stat_statements is not installed" in told.err


def test_only_the_administrator_asks(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_ADMIN_URL")
    assert cli("db", "sizes").status == ExitCode.DATABASE
