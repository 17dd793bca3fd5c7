"""Before anything moves, a copy is adopted: what would stop is said, and the original stands untouched."""

import psycopg
import pytest

from tastemaker.adopt import steps
from tastemaker.adopt.plan_queries import Options
from tastemaker.adopt.rehearsal_queries import rehearse
from tastemaker.adopt.service import adopt, look
from tastemaker.cli.program import run
from tastemaker.core.errors import ExitCode
from tastemaker.db.embedded import Server
from tests.adopt.conftest import AdoptedDatabase, MakeOriginal
from tests.adopt.hostile_rows import uid
from tests.adopt.test_adoption import Rows
from tests.adopt.test_robustness import catalog


def _scratches(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_database WHERE datname LIKE '%rehearsal%'"
        ).fetchone()
    return int(row[0]) if row else -1


def test_a_copy_arrives_as_the_original_does(
    make_original: MakeOriginal, server: Server, adopted: AdoptedDatabase
) -> None:
    url = make_original(adopted.state)
    before = catalog(url)
    with psycopg.connect(url) as writer:  # in use meanwhile, also by whoever writes
        writer.execute("UPDATE campaigns SET name = name")
        found = rehearse(url, Options(), scratch_url=server.url(role="postgres"))
    assert found.stopped is None
    assert found.copied == adopted.plan.rows
    assert found.report["ours"] == adopted.result.report["ours"]
    assert found.report["rejected"] == adopted.result.report["rejected"]
    assert catalog(url) == before
    assert _scratches(url) == 0


def test_what_would_stop_is_said_and_nothing_moves(
    make_original: MakeOriginal,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = make_original("five_only")
    before = catalog(url)

    def stops(*_: object, **__: object) -> None:
        raise steps.AdoptionFailed("A row did not arrive.")

    monkeypatch.setattr(steps.rows_queries, "copy_batch", stops)
    scratch = server.url(role="postgres")
    for how in ("--dry-run", "--yes"):
        assert run(["db", "adopt", url, how, "--scratch", scratch]) == ExitCode.CONFLICT
        said = capsys.readouterr().err
        assert "The adoption would stop at" in said
        assert "A row did not arrive. Nothing has changed." in said
    assert catalog(url) == before
    assert look(url, Options()).plan is not None
    assert _scratches(url) == 0


def test_a_search_in_another_users_campaign_goes_to_one_of_its_own_owner(
    adopted: AdoptedDatabase, rows: Rows
) -> None:
    strayed = {
        "search": str(uid(309)),
        "owner": "ghost",
        "campaign": str(uid(201)),
        "owner_of_the_campaign": "user_1",
    }
    assert adopted.plan.strayed_searches == [strayed]
    assert adopted.result.report["strayed_searches"] == [strayed]
    (search,) = rows("SELECT * FROM scraping_jobs WHERE id = %s", uid(309))
    (campaign,) = rows("SELECT * FROM campaigns WHERE id = %s", search["campaign_id"])
    assert (campaign["user_id"], campaign["name"], campaign["status"]) == (
        "ghost", "Adopted searches", "completed",
    )  # fmt: skip
    assert (float(search["progress"]), search["search_params"]) == (41.5, {"adopted": [1]})


def test_a_value_that_the_five_tables_lack_comes_from_the_profile(make_original: MakeOriginal) -> None:
    url = make_original("both")
    with psycopg.connect(url) as owner:
        owner.execute("UPDATE users SET industry = NULL, full_name = 'Kept' WHERE user_id = 'user_1'")
        owner.execute(
            "UPDATE user_profiles SET industry = 'Tea', full_name = 'Old', intended_plan = 'glow_up'"
            " WHERE user_id = 'user_1'"
        )
        owner.execute(
            "UPDATE user_subscriptions SET intended_plan = NULL"
            " WHERE user_id = (SELECT id FROM users WHERE user_id = 'user_1')"
        )
    adopt(url, app_password=None, options=Options())
    with psycopg.connect(url) as ours:
        found = ours.execute(
            "SELECT u.industry, u.full_name, s.intended_plan FROM users u"
            " JOIN user_subscriptions s ON s.user_id = u.id WHERE u.user_id = 'user_1'"
        ).fetchone()
    assert found == ("Tea", "Kept", "glow_up")
