"""A plan without e-mail addresses shows none: not in a list and not in a file."""

import asyncio
from pathlib import Path
from uuid import UUID

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.billing.plans import Overrides, override_plan
from tastemaker.core.ids import SearchId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import ExportFormat
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tastemaker.searches.exports.service import layout_of
from tastemaker.searches.exports.writing import pieces
from tastemaker.searches.results.filtering import EVERYTHING
from tastemaker.searches.results.paging import SearchScope, Sort
from tests.billing.test_periods import owner_says
from tests.web.conftest import Program, working
from tests.web.test_searches import OPEN, PATH, started

KIM = "kim@example.org"


async def test_addresses_are_shown_where_the_plan_includes_them(
    program: Program, database: Database, user: CurrentUser, corpus: Path, admin_url: str
) -> None:
    search = await started(program)
    async with working(database, corpus):
        while (await program.get(f"{PATH}/{search}")).json()["status"] in OPEN:
            await asyncio.sleep(0.05)
    owner_says(admin_url, "UPDATE creators SET emails = ARRAY[%s]", KIM)

    async def file(kind: ExportFormat) -> bytes:
        scope = SearchScope((SearchId(UUID(search)),))
        made = pieces(
            database,
            user.user_id,
            scope,
            kind,
            layout_of(None),
            wanted=EVERYTHING,
            sort=Sort.POSITION,
            chosen={},
        )
        return b"".join([piece async for piece, _ in made])

    for is_shown in (True, False):
        async with transaction(database, SYSTEM) as tx:
            wanted = Overrides(None, None, {"emailExtraction": is_shown})
            await override_plan(tx, user.user_id, wanted, actor="local")
        listed = (await program.get(f"{PATH}/{search}/results")).text
        assert (KIM in listed) == is_shown
        for kind in (ExportFormat.CSV, ExportFormat.JSON):
            assert (KIM.encode() in await file(kind)) == is_shown, kind
