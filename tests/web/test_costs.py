"""`/api/v1/costs` over real HTTP."""

import pytest

from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import transaction
from tests.web.conftest import MakeProgram, Program, make_key
from tests.web.test_campaigns import somebody

PATH = "/api/v1/costs"
CALLS = statement("""
    INSERT INTO provider_calls (tenant_id, provider, operation, status, estimated_units, estimated_micros_usd,
                                calls, units, micros_usd, started_at)
    VALUES ('local', 'youtube', 'fetch_profile', 'charged', 1, 0, 1, 100, 0, '2026-10-31 23:59:59+00'),
           ('local', 'scrapecreators', 'fetch_profile', 'charged', 1, 900, 1, 1, 1000, '2026-11-01 00:00Z'),
           ('local', 'scrapecreators', 'fetch_profile', 'abandoned', 1, 900, 0, 0, 0, '2026-11-02 23:59Z'),
           ('mallory', 'scrapecreators', 'fetch_profile', 'charged', 1, 900, 1, 1, 7000, '2026-11-02 12:00Z')
""")


@pytest.fixture(autouse=True)
async def calls(database: Database, program: Program) -> None:
    await somebody(database, "mallory")
    async with transaction(database, SYSTEM) as tx:
        await tx.run(CALLS)


async def test_ones_own_costs_are_summed(program: Program) -> None:
    told = (await program.get(PATH)).json()
    assert told["by"] == "provider"
    assert [(line["name"], line["pages"], line["micros_usd"]) for line in told["costs"]] == [
        ("scrapecreators", 2, 1000),
        ("youtube", 1, 0),
    ]
    assert (told["costs"][0]["lost"], told["costs"][0]["lost_micros_usd"]) == (1, 900)


async def test_both_days_are_included(program: Program) -> None:
    days = (await program.get(PATH, by="day", since="2026-11-01", until="2026-11-02")).json()["costs"]
    assert [(line["name"], line["pages"]) for line in days] == [("2026-11-01", 1), ("2026-11-02", 1)]
    assert (await program.get(PATH, since="9999-12-31", until="9999-12-31")).json()["costs"] == []


async def test_another_sees_their_own_alone(database: Database, program_with: MakeProgram) -> None:
    other = program_with(await make_key(database, await somebody(database, "mallory")))
    assert [line["micros_usd"] for line in (await other.get(PATH)).json()["costs"]] == [7000]


@pytest.mark.parametrize("query", [{"by": "user"}, {"since": "yesterday"}, {"limit": 0}, {"limit": 1001}])
async def test_what_does_not_fit_is_refused(program: Program, query: dict[str, str]) -> None:
    assert (await program.get(PATH, **query)).status_code == 422
