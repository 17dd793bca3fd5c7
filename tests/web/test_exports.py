"""Exports over real HTTP: small ones at once, large ones by a worker."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import psycopg
import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.core.ids import CampaignId, SearchId
from tastemaker.core.settings import Settings
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tastemaker.jobs.registry import registered_handlers
from tastemaker.jobs.worker import run_worker
from tastemaker.jobs.worker_state import WorkerSettings
from tastemaker.mail.mailer import Mailer
from tastemaker.mail.transports import FolderTransport
from tastemaker.providers.registry import Registry
from tastemaker.searches.exports import writing
from tastemaker.searches.exports.row_queries import stream_rows
from tastemaker.searches.exports.service import ExportFolder, WriteExport, export_folder
from tastemaker.searches.installation import Installation
from tastemaker.searches.results.export import row_of
from tastemaker.searches.results.filtering import EVERYTHING
from tastemaker.searches.results.paging import CampaignScope, SearchScope, Sort
from tastemaker.searches.results.queries import stream_passing
from tests.web.conftest import Program, app_over, make_key, served, wanted, working
from tests.web.test_campaigns import somebody
from tests.web.test_searches import PATH as SEARCHES

PATH = "/api/v1/exports"


@pytest.fixture
async def program(database: Database, user: CurrentUser, tmp_path: Path) -> AsyncIterator[Program]:
    """Of an installation with a data directory of its own."""
    app = app_over(database, installation=Installation(Settings(home=tmp_path), Registry(())))
    headers = {"Authorization": f"Bearer {await make_key(database, user)}"}
    async with served(app) as url, httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as http:
        yield Program(http)


@pytest.fixture
async def search(program: Program, database: Database, corpus: Path) -> dict[str, Any]:
    """One that is completed."""
    said = await program.post(SEARCHES, await wanted(program))
    async with working(database, corpus):
        shown = await program.get(f"{SEARCHES}/{said.json()['searches'][0]['id']}", wait=30)
    assert shown.json()["stored"] > 5
    return dict(shown.json())


@asynccontextmanager
async def exporting(database: Database, home: Path, *, mailer: Mailer | None = None) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    resources: dict[type, object] = {
        ExportFolder: export_folder(Settings(home=home)),
        Mailer: mailer or Mailer(transport=None, sender=None, app_url=None, key=None),
    }
    handlers = {
        name: one
        for name, one in registered_handlers(resources).items()
        if name in {"write_export", "delete_old_exports"}
    }
    settings = WorkerSettings(poll=0.05)
    worker = asyncio.create_task(run_worker(database, handlers, stopping=stopping, settings=settings))
    try:
        yield
    finally:
        stopping.set()
        await worker


async def completed(program: Program, export: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while (shown := (await program.get(f"{PATH}/{export}")).json())["state"] in {"waiting", "running"}:
            await asyncio.sleep(0.05)
    return dict(shown)


def read(text: str) -> list[dict[str, str]]:
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:], newline="")))


async def test_a_small_file_comes_at_once(program: Program, search: dict[str, Any]) -> None:
    path = f"{SEARCHES}/{search['id']}/export"
    said = await program.get(path)
    assert (said.status_code, said.headers["Content-Type"]) == (200, "text/csv; charset=utf-8"), said.text
    assert said.headers["Content-Disposition"].startswith('attachment; filename="chess-tiktok.csv"')
    rows = read(said.content.decode())
    results = (await program.get(f"{SEARCHES}/{search['id']}/results", limit=200)).json()["creators"]
    assert [row["Handle"] for row in rows] == [one["handle"] for one in results]
    assert next(iter(rows[0])) == "Username"
    of_campaign = await program.get(f"/api/v1/campaigns/{search['campaign_id']}/export")
    assert next(iter(read(of_campaign.content.decode())[0])) == "Platform"
    least = max(one["followers"] for one in results if one["followers"] is not None)
    few = await program.get(path, format="jsonl", min_followers=least, sort="followers")
    assert [orjson.loads(line)["followers"] for line in few.text.splitlines()] == [least] * few.text.count(
        "\n"
    )
    whole = await program.get(path, format="json")
    assert [one["handle"] for one in whole.json()] == [one["handle"] for one in results]
    assert (await program.get(path, format="json", min_followers=10**12)).json() == []
    assert (await program.get(path, format="xml")).status_code == 422


async def test_what_is_too_large_for_one_answer_is_refused_with_the_way(
    program: Program, search: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tastemaker.searches.exports.api.MOST_AT_ONCE", 2)
    said = await program.get(f"{SEARCHES}/{search['id']}/export")
    assert (said.status_code, f"POST {PATH}" in said.json()["detail"]) == (409, True)


async def test_the_database_makes_the_rows_that_python_makes(
    search: dict[str, Any], database: Database, user: CurrentUser
) -> None:
    of_search = SearchScope((SearchId(UUID(search["id"])),))
    of_campaign = CampaignScope(CampaignId(UUID(search["campaign_id"])))
    for scope, sort in product((of_search, of_campaign), (Sort.POSITION, Sort.FOLLOWERS)):
        made = stream_rows(database, user.user_id, scope, wanted=EVERYTHING, sort=sort)
        found = stream_passing(database, user.user_id, scope, wanted=EVERYTHING, sort=sort)
        rows = [row async for batch in made for row in batch]
        assert rows == [row_of(one) async for one in found]
        assert len(rows) == search["stored"]


async def test_a_worker_writes_a_private_file(
    program: Program, search: dict[str, Any], database: Database, tmp_path: Path
) -> None:
    asked = {"campaign_id": search["campaign_id"], "format": "csv", "filter": {"min_followers": 1}}
    said = await program.post(PATH, asked, key="k1")
    assert (said.status_code, said.json()["state"], said.json()["file"]) == (202, "waiting", None), said.text
    assert (await program.post(PATH, asked, key="k1")).json() == said.json()
    export = said.json()["id"]
    assert said.headers["Location"] == f"{PATH}/{export}"
    assert (await program.get(f"{PATH}/{export}/file")).status_code == 409
    async with exporting(database, tmp_path):
        done = await completed(program, export)
    assert (done["state"], done["rows"], done["total"]) == ("completed", done["total"], done["total"])
    file = await program.get(done["file"])
    assert file.headers["Content-Disposition"].startswith('attachment; filename="chess.csv"')
    assert len(read(file.content.decode())) == done["rows"] > 0
    assert len(file.content) == done["bytes"]
    (kept,) = (tmp_path / "exports").iterdir()
    assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [one["id"] for one in (await program.get(PATH)).json()["exports"]] == [export]
    kept.unlink()
    assert (await program.get(done["file"])).status_code == 410
    assert (await program.http.delete(f"{PATH}/{export}")).status_code == 204
    assert (await program.get(f"{PATH}/{export}")).status_code == 404


async def test_chosen_creators_alone_or_all_but_these(
    program: Program, search: dict[str, Any], database: Database, tmp_path: Path, admin_url: str
) -> None:
    with psycopg.connect(admin_url) as owner:
        ids = [row[0] for row in owner.execute("SELECT creator_id FROM search_creators ORDER BY position")]
    rows = []
    async with exporting(database, tmp_path):
        for chosen in ({"only": ids[:2]}, {"besides": ids[:2]}):
            said = await program.post(PATH, {"search_id": search["id"], "format": "jsonl", **chosen})
            rows.append((await completed(program, said.json()["id"]))["rows"])
    assert rows == [2, len(ids) - 2]


async def test_a_killed_writer_is_followed_by_another_or_the_export_fails_with_a_sentence(
    program: Program,
    search: dict[str, Any],
    database: Database,
    user: CurrentUser,
    tmp_path: Path,
    admin_url: str,
) -> None:
    export = (await program.post(PATH, {"search_id": search["id"]})).json()["id"]
    folder = export_folder(Settings(home=tmp_path))
    folder.path.mkdir()
    folder.part(UUID(export)).write_bytes(b"half a li")
    with psycopg.connect(admin_url) as owner:
        owner.execute("UPDATE exports SET state = 'running', rows = 3")
    async with exporting(database, tmp_path):
        done = await completed(program, export)
    assert (done["state"], done["rows"]) == ("completed", search["stored"])
    assert [path.name for path in folder.path.iterdir()] == [export]
    other = (await program.post(PATH, {"search_id": search["id"]})).json()["id"]
    async with transaction(database, user.claim) as tx:
        await writing.give_up_export(tx, WriteExport(user_id="local", export_id=UUID(other)))
    failed = (await program.get(f"{PATH}/{other}")).json()
    assert (failed["state"], failed["error"]) == ("failed", writing.INTERRUPTED)


async def test_expired_exports_go_with_their_files(
    program: Program, search: dict[str, Any], database: Database, tmp_path: Path, admin_url: str
) -> None:
    async with exporting(database, tmp_path):
        export = (await program.post(PATH, {"search_id": search["id"]})).json()["id"]
        await completed(program, export)
        folder = export_folder(Settings(home=tmp_path)).path
        (folder / str(uuid4())).write_bytes(b"of nobody")
        (folder / "notes.txt").write_bytes(b"not ours")
        with psycopg.connect(admin_url) as owner:
            owner.execute("UPDATE exports SET expires_at = now() - interval '1 second'")
        assert (await program.get(f"{PATH}/{export}")).status_code == 404
        with psycopg.connect(admin_url) as owner:
            owner.execute(
                "INSERT INTO background_jobs (job_type, payload, scheduled_for)"
                " VALUES ('delete_old_exports', '{}', now())"
            )
        async with asyncio.timeout(10):
            while [path.name for path in folder.iterdir()] != ["notes.txt"]:
                await asyncio.sleep(0.05)


async def test_anothers_export_is_not_there(
    program: Program, search: dict[str, Any], database: Database, tmp_path: Path
) -> None:
    export = (await program.post(PATH, {"search_id": search["id"]})).json()["id"]
    async with exporting(database, tmp_path):
        await completed(program, export)
    key = await make_key(database, await somebody(database, "mallory"))
    async with httpx.AsyncClient(
        base_url=program.http.base_url, headers={"Authorization": f"Bearer {key}"}
    ) as http:
        other = Program(http)
        for path in (f"{PATH}/{export}", f"{PATH}/{export}/file", f"{SEARCHES}/{search['id']}/export"):
            assert (await other.get(path)).status_code == 404
        assert (await http.delete(f"{PATH}/{export}")).status_code == 404
        assert (await other.post(PATH, {"search_id": search["id"]})).status_code == 404
        assert (await other.get(PATH)).json()["exports"] == []
    assert (await program.get(f"{PATH}/{export}/file")).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"format": "xml"},
        {"filter": {"min_followers": "many"}},
        {"filter": {"platform": ["myspace"]}},
        {"only": ["1"]},
        {"name": "../../etc/passwd"},
    ],
)
async def test_what_does_not_fit_is_refused(program: Program, wrong: dict[str, object]) -> None:
    asked = {"campaign_id": await program.campaign(), **wrong} if wrong else {}
    assert (await program.post(PATH, asked)).status_code == 422


async def test_few_exports_are_under_way_at_a_time(program: Program) -> None:
    campaign = await program.campaign()
    said = [(await program.post(PATH, {"campaign_id": campaign})).status_code for _ in range(6)]
    assert said == [202] * 5 + [409]


async def test_an_email_tells_of_a_completed_export(
    program: Program, search: dict[str, Any], database: Database, tmp_path: Path, admin_url: str
) -> None:
    with psycopg.connect(admin_url) as owner:
        owner.execute("UPDATE users SET email = 'somebody@example.com'")
    mailer = Mailer(transport=FolderTransport(tmp_path / "mail"), sender=None, app_url=None, key=None)
    async with exporting(database, tmp_path, mailer=mailer):
        await completed(program, (await program.post(PATH, {"search_id": search["id"]})).json()["id"])
    with psycopg.connect(admin_url) as owner:
        jobs = owner.execute("SELECT payload ->> 'email' FROM background_jobs WHERE job_type LIKE '%email%'")
        assert [row[0] for row in jobs] == ["export_ready"]


async def test_a_name_of_any_script_is_safe_in_a_header(program: Program) -> None:
    campaign = await program.campaign('Шахматы "../;\r\nX: y')
    said = await program.get(f"/api/v1/campaigns/{campaign}/export")
    shown = said.headers["Content-Disposition"]
    assert "filename*=UTF-8''%D1%88%D0%B0" in shown
    assert ".." not in shown
    assert "X" not in said.headers
