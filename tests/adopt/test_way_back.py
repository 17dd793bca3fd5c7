"""A half-adopted database says so everywhere, and until the last step there is a way back."""

import json

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tastemaker.adopt.original_queries import AdoptionRefused
from tastemaker.adopt.plan_queries import Options
from tastemaker.adopt.service import adopt, go_back, look
from tastemaker.cli.program import run
from tastemaker.core.errors import ExitCode
from tastemaker.core.settings import get_settings
from tastemaker.db.access import HalfAdopted, find_schema_version
from tastemaker.db.embedded import Server
from tests.adopt.conftest import MakeOriginal
from tests.adopt.test_robustness import catalog, digest

Facts = list[tuple[object, ...]]

OWNED = """
    SELECT c.relname, c.relkind::text, pg_get_userbyid(c.relowner), c.relrowsecurity, c.relforcerowsecurity,
           obj_description(n.oid, 'pg_namespace'), n.nspname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'extensions')
    ORDER BY n.nspname, c.relname
"""


class _Stopped(Exception):
    pass


def half_adopt(url: str, *, at: str) -> None:
    def stop(name: str, _place: int, _total: int) -> None:
        if name == at:
            raise _Stopped

    with pytest.raises(_Stopped):
        adopt(url, app_password=None, options=Options(), on_progress=stop)


def standing(url: str) -> Facts:
    """Every relation and routine by its number, with its rights; extensions and their schema may stay."""
    return [row for row in catalog(url) if row[2] in {"public", "drizzle"} and row[0] != "schema"]


def owned(url: str) -> Facts:
    with psycopg.connect(url) as connection:
        return connection.execute(OWNED).fetchall()


@pytest.mark.parametrize(("state", "at"), [("both", "move"), ("both", "verify"), ("five_only", "users")])
def test_the_original_comes_back_as_it_stood(make_original: MakeOriginal, state: str, at: str) -> None:
    url = make_original(state)
    with psycopg.connect(url) as owner:
        owner.execute("ALTER TABLE events ENABLE ROW LEVEL SECURITY")
        owner.execute("ALTER TABLE events FORCE ROW LEVEL SECURITY")
        owner.execute("CREATE SCHEMA IF NOT EXISTS drizzle")
        for schema in ("public", "drizzle"):  # two ledgers of the other tool at once
            ledger = "(id serial PRIMARY KEY, hash text, created_at bigint)"
            owner.execute(f"CREATE TABLE IF NOT EXISTS {schema}.__drizzle_migrations {ledger}".encode())
    tables = sorted(look(url, Options()).plan.rows)  # type: ignore[union-attr]  # - it is an original
    before = standing(url), owned(url), digest(url, [f"public.{table}" for table in tables])
    half_adopt(url, at=at)
    go_back(url)
    after = standing(url), owned(url), digest(url, [f"public.{table}" for table in tables])
    assert after == before
    with pytest.raises(AdoptionRefused, match="Nothing of this database was adopted"):
        go_back(url)
    assert adopt(url, app_password=None, options=Options()).already is False
    with pytest.raises(AdoptionRefused, match="has finished"):
        go_back(url)


@pytest.mark.usefixtures("template")  # it makes the role by which commands connect, with its password
def test_every_command_says_that_it_is_half_adopted(
    make_original: MakeOriginal,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = make_original("five_only")
    half_adopt(url, at="users")
    with pytest.raises(HalfAdopted):
        find_schema_version(url)
    name = str(conninfo_to_dict(url)["dbname"])
    monkeypatch.setenv("DATABASE_URL", server.url(role="tastemaker_app", database=name))
    monkeypatch.setenv("DATABASE_ADMIN_URL", url)
    get_settings.cache_clear()
    for command in (["campaigns", "list"], ["db", "migrate"], ["search", "chess"]):
        assert run(command) == ExitCode.DATABASE, command
        said = capsys.readouterr().err
        assert "This database is half adopted" in said, command
        assert "--back" in said, command
    run(["db", "status", "--json"])
    assert "half adopted" in json.loads(capsys.readouterr().out)["refusal"]
    run(["doctor"])
    assert "half adopted" in capsys.readouterr().out
    assert run(["db", "adopt", url, "--back"]) == ExitCode.OK
    assert find_schema_version(url) is None
    get_settings.cache_clear()
