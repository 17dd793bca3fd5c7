"""A file into a campaign, by a program and in a browser."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.core.settings import Settings
from tastemaker.db.pool import Database
from tastemaker.providers.registry import Registry
from tastemaker.searches.installation import Installation
from tests.web.conftest import app_over, make_key, served
from tests.web.visitors import sign_in

CAMPAIGNS = "/api/v1/campaigns"
LIST = "network;who;fans\ntiktok;anna;1.200\ntiktok;;3\ntiktok;ben;many\n"


@pytest.fixture
async def site(database: Database, user: CurrentUser, tmp_path: Path) -> AsyncIterator[str]:
    app = app_over(database, installation=Installation(Settings(home=tmp_path), Registry(())))
    async with served(app) as url:
        yield url


@pytest.fixture
async def program(site: str, database: Database, user: CurrentUser) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {await make_key(database, user)}"}
    async with httpx.AsyncClient(base_url=site, headers=headers, timeout=60) as http:
        yield http


@pytest.fixture
async def campaign(program: httpx.AsyncClient) -> dict[str, Any]:
    return dict((await program.post(CAMPAIGNS, json={"name": "old list"})).json())


async def test_a_program_imports_a_file_larger_than_other_bodies(
    program: httpx.AsyncClient, campaign: dict[str, Any]
) -> None:
    path = f"{CAMPAIGNS}/{campaign['id']}/imports"
    rows = "platform,handle,followers,bio\n" + "".join(
        f"TikTok,c{number},{number},{'b' * 500}\n" for number in range(2_500)
    )
    assert len(rows) > 1_200_000
    said = await program.post(path, files={"file": ("list.csv", rows + "TikTok,,1,\n")})
    assert said.status_code == 201, said.text
    report = said.json()
    assert (report["new"], report["refused"], report["errors"][0]["line"]) == (2_500, 1, 2_502)
    (listed,) = (await program.get(path)).json()["imports"]
    assert (listed["rows"], listed["creators"], listed["is_complete"]) == (2_501, 2_500, True)
    few = {"min_followers": 2_499}
    page = (await program.get(f"{CAMPAIGNS}/{campaign['id']}/results", params=few)).json()
    assert [(one["handle"], one["search_id"]) for one in page["creators"]] == [("c2499", None)]
    csv = await program.get(f"{CAMPAIGNS}/{campaign['id']}/export", params=few)
    assert "c2499" in csv.text
    wrong = await program.post(path, files={"file": ("list.pdf", b"x")})
    assert (wrong.status_code, "can be imported" in wrong.json()["detail"]) == (422, True)
    large = await program.post(path, files={"file": ("list.csv", b"x" * 26_000_000)})
    assert large.status_code == 413
    elsewhere = await program.post(f"{CAMPAIGNS}/{campaign['id']}/other", content=b"x" * 2_000_000)
    assert elsewhere.status_code == 413


async def test_a_person_sees_the_columns_before_and_the_errors_after(
    site: str, database: Database, user: CurrentUser, campaign: dict[str, Any], tmp_path: Path
) -> None:
    async with httpx.AsyncClient(base_url=site, timeout=60, headers={"Origin": site}) as browser:
        await sign_in(browser, database, user)
        here = f"/campaigns/{campaign['id']}"
        assert f'href="{here}/import"' in (await browser.get(here)).text
        nothing = await browser.post(f"{here}/imports", files={"file": ("", b"")})
        assert (nothing.status_code, "Choose a file." in nothing.text) == (422, True)
        shown = await browser.post(f"{here}/imports", files={"file": ("list.csv", LIST.encode())})
        assert shown.status_code == 422  # no column is a handle
        assert "no column for an id, a handle or a name" in shown.text
        known = LIST.replace("who", "handle").encode()
        shown = await browser.post(f"{here}/imports", files={"file": ("list.csv", known)})
        assert shown.status_code == 200, shown.text
        (kept,) = (tmp_path / "imports").glob("*.csv")
        action = shown.text.partition(f'action="{here}/imports/')[2].partition('"')[0]
        assert kept.name.endswith(action)
        form = {
            "name": "list.csv", "kind": "creators", "act": "import",
            "heading": ["network", "handle", "fans"],
            "field-0": "platform", "field-1": "handle", "field-2": "followers",
        }  # fmt: skip
        again = await browser.post(f"{here}/imports/{action}", data={**form, "act": "preview"})
        assert again.status_code == 200
        done = await browser.post(f"{here}/imports/{action}", data=form)
        assert done.status_code == 200, done.text
        assert "no id, handle or name of a creator" in done.text
        assert not kept.exists()
        creators = await browser.get(f"{here}/creators")
        assert "anna" in creators.text
        assert "imported" in creators.text
        gone = await browser.post(f"{here}/imports/{action}", data=form)
        assert (gone.status_code, "not kept any more" in gone.text) == (422, True)
        outside = await browser.post(f"{here}/imports/..%2F..%2Fkey", data=form)
        assert outside.status_code in {404, 422}
