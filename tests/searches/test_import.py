"""Files of other tools become results of a campaign: by line, once, bounded, and not for others to see."""

import csv
import gzip
import io
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from openpyxl import Workbook

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.campaigns.queries import Campaign
from tastemaker.campaigns.service import ensure_campaign
from tastemaker.core.errors import InvalidInput
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tastemaker.searches.exclusions.names import SuppressionKey, name_creator
from tastemaker.searches.exclusions.service import AdministratorRequired, suppress
from tastemaker.searches.imports import service
from tastemaker.searches.imports.reading import ImportedCreator, Reading
from tastemaker.searches.imports.service import ImportSummary, import_file, preview
from tastemaker.searches.results.filtering import EVERYTHING, ResultFilter
from tastemaker.searches.results.paging import CampaignScope, Sort
from tastemaker.searches.results.panel_queries import find_creator
from tastemaker.searches.results.queries import FoundCreator, count_results, list_results, stream_passing
from tests.searches.rows import many, one, write

HEAD = "platform,handle,id,name,followers,e-mail,bio,unheard of\n"
ANNA = 'TikTok,anna,7012345678901234567,Anna,"12,000",anna@example.org,Chess daily,x\n'


@pytest.fixture
async def campaign(database: Database, user: CurrentUser) -> Campaign:
    async with transaction(database, user.claim) as tx:
        return await ensure_campaign(tx, user, name="old list")


class Importer:
    def __init__(self, database: Database, user: CurrentUser, campaign: Campaign, folder: Path) -> None:
        self.database, self.user, self.campaign, self.folder = database, user, campaign, folder

    async def __call__(
        self, content: str | bytes, name: str = "list.csv", reading: Reading | None = None, **how: object
    ) -> ImportSummary:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        how = {"key": None, **how}
        return await import_file(
            self.database,
            self.user,
            self.campaign,
            path,
            reading or Reading(),
            **how,  # type: ignore[arg-type]  # - as `import_file` takes them
        )

    async def found(self, wanted: ResultFilter = EVERYTHING) -> Sequence[FoundCreator]:
        async with transaction(self.database, self.user.claim) as tx:
            scope = CampaignScope(self.campaign.id)
            page = await list_results(tx, self.user.user_id, scope, wanted=wanted, limit=100)
            assert await count_results(tx, self.user.user_id, scope, wanted=wanted) == len(page.creators)
        exported = stream_passing(self.database, self.user.user_id, scope, wanted=wanted, sort=Sort.POSITION)
        assert [row.stable_id async for row in exported] == [row.stable_id for row in page.creators]
        return page.creators


@pytest.fixture
def importer(database: Database, user: CurrentUser, campaign: Campaign, tmp_path: Path) -> Importer:
    return Importer(database, user, campaign, tmp_path)


async def test_a_list_becomes_results_and_wrong_rows_are_told_by_their_line(
    importer: Importer, database: Database
) -> None:
    said = await importer(
        HEAD + ANNA + "TikTok,ben,,Ben,?,,,\n" + "TikTok,,,,1,,,\n" + "MySpace,carl,,,5,,,\n" + ANNA
    )
    assert (said.rows, said.new, said.repeated, said.refused) == (5, 2, 1, 2)
    assert [(error.line, error.reason) for error in said.errors] == [
        (4, "no id, handle or name of a creator"),
        (5, "unknown platform"),
    ]
    anna, ben = await importer.found()
    assert (anna.stable_id, anna.handle, anna.name, anna.followers, anna.emails, anna.bio) == (
        "7012345678901234567", "anna", "Anna", 12_000, ("anna@example.org",), "Chess daily",
    )  # fmt: skip
    assert (anna.search_id, anna.keyword, anna.matched_in) == (None, "", ())
    assert (ben.stable_id, ben.handle, ben.followers, ben.emails) == ("handle:ben", "ben", None, ())
    assert [one.handle for one in await importer.found(ResultFilter(has_email=True))] == ["anna"]
    assert [one.handle for one in await importer.found(ResultFilter(text="CHESS"))] == ["anna"]
    # the catalog has the names alone, and nothing was charged
    assert await many(
        database,
        "SELECT concat_ws('|', stable_id, handle, name, bio, followers) FROM creators "
        "WHERE emails = '{}' ORDER BY stable_id",
    ) == ["7012345678901234567", "handle:ben|ben"]
    assert await one(database, "SELECT count(*) FROM usage_charges") == 0
    assert (
        await one(database, "SELECT raw_data ->> 'unheard of' FROM search_results WHERE username = 'anna'")
        == "x"
    )
    assert await many(
        database, "SELECT event_data ->> 'added' FROM events WHERE event_type = 'creators_imported'"
    ) == ["2"]


async def test_the_same_file_again_and_one_that_was_interrupted_add_what_is_missing(
    importer: Importer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "AT_ONCE", 2)
    rows = HEAD + "".join(f"TikTok,c{number},,,{number},,,\n" for number in range(9))
    stored = 0
    whole = service._store

    async def killed(*given: object) -> tuple[int, int]:
        nonlocal stored
        stored += 1
        if stored == 3:
            raise RuntimeError
        return await whole(*given)  # type: ignore[arg-type]  # - passed on

    monkeypatch.setattr(service, "_store", killed)
    with pytest.raises(RuntimeError):
        await importer(rows)
    assert await many(database, "SELECT status FROM search_jobs") == ["processing"]
    said = await importer(rows)
    assert (said.new, said.known) == (5, 4)
    again = await importer(rows)
    assert (again.new, again.known) == (0, 9)
    assert len(await importer.found()) == 9
    counts = "SELECT concat_ws(' ', status, total_count, completed_count, platform) FROM search_jobs"
    assert await many(database, counts) == ["completed 9 9 TikTok"]


async def test_nothing_known_is_overwritten_and_a_handle_is_the_account_that_bears_it(
    importer: Importer, database: Database
) -> None:
    await write(
        database,
        "INSERT INTO creators (platform, stable_id, handle, name, followers, source, policy, fetched_at,"
        " first_seen_at) VALUES ('TikTok', '7099', 'Anna', 'The real one', 5, 's', 'p', now(), now())",
    )
    await importer("platform,handle,name,followers,e-mail\nTikTok,anna,Somebody,9,a@example.org\n")
    (anna,) = await importer.found()
    assert (anna.stable_id, anna.name, anna.followers, anna.emails) == (
        "7099", "The real one", 5, ("a@example.org",),
    )  # fmt: skip
    await importer("platform,handle,name,followers,e-mail\nTikTok,anna,Other,8,b@example.org\n", "2.csv")
    assert [one.emails for one in await importer.found()] == [("a@example.org",)]
    async with transaction(database, importer.user.claim) as tx:
        creator_id = await one(database, "SELECT id FROM creators")
        panel = await find_creator(tx, importer.user.user_id, int(str(creator_id)))
    assert panel is not None
    assert (panel.emails, panel.found_by, len(panel.imported)) == (("a@example.org",), (), 1)


async def test_only_an_administrator_fills_the_catalog_and_the_suppressed_stay_out(
    importer: Importer, database: Database
) -> None:
    nobody = replace(importer.user, is_admin=False)
    with pytest.raises(AdministratorRequired):
        await import_file(
            database, nobody, importer.campaign, importer.folder, Reading(), key=None, for_installation=True
        )
    key = SuppressionKey(b"secret")
    async with transaction(database, SYSTEM) as tx:
        await suppress(tx, importer.user, key, name_creator("tiktok", "ben"))
    said = await importer(HEAD + ANNA + "TikTok,ben,,Ben,1,,,\n", for_installation=True, key=key)
    assert (said.new, said.left_out) == (1, 1)
    assert await many(database, "SELECT concat_ws('|', name, followers, emails[1]) FROM creators") == [
        "Anna|12000|anna@example.org"
    ]
    async with transaction(database, SYSTEM) as tx:
        await suppress(tx, importer.user, key, name_creator("tiktok", "anna"))
    assert await one(database, "SELECT count(*) FROM search_results") == 0
    assert await importer.found() == []


SHAPES = [
    {"platform": "TikTok", "creator": {"uniqueId": "anna", "name": "Anna", "followers": 12, "emails": []},
     "video": {"description": "d", "url": "https://www.tiktok.com/@anna/video/7012345",
               "statistics": {"views": 3}}},
    {"results": [{"creators": [{"platform": "YouTube", "creator": {
        "channelId": "UC" + "a" * 22, "handle": "ben"}}]}]},
    {"profile": {"username": "carl", "followerCount": 7}},
    {"creator": 5},
]  # fmt: skip


async def test_the_shapes_of_the_original_are_read_with_their_posts(importer: Importer) -> None:
    lines = "\n".join(orjson.dumps(one).decode() for one in SHAPES)
    said = await importer(lines, "old.jsonl", Reading(platform=Platform.INSTAGRAM))
    assert (said.new, said.refused, said.errors[0].line) == (3, 1, 4)
    anna, ben, carl = await importer.found()
    assert (anna.platform, anna.post_url, anna.views) == (
        Platform.TIKTOK,
        "https://www.tiktok.com/@anna/video/7012345",
        3,
    )
    assert (ben.platform, ben.stable_id) == (Platform.YOUTUBE, "UC" + "a" * 22)
    assert (carl.platform, carl.handle, carl.followers) == (Platform.INSTAGRAM, "carl", 7)
    array = await importer(orjson.dumps(SHAPES[:1]).decode(), "old.json", Reading(with_posts=False))
    assert (array.new, array.known) == (0, 1)


def _sheet(rows: Sequence[Sequence[object]]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


async def test_a_workbook_with_titles_formulas_and_long_numbers(importer: Importer) -> None:
    said = await importer(
        _sheet([
            ["Our creators"],
            ["Platform", "Username", "User ID", "Followers", "Bio"],
            ["TikTok", "anna", "7012345678901234567", 12_000.0, '=HYPERLINK("x")'],
            ["TikTok", "ben", 7012345678901234567, "1.5k", None],
        ]),
        "list.xlsx",
    )  # fmt: skip
    assert [error.reason for error in said.errors] == ["an id cut off by a spreadsheet"]
    (anna,) = await importer.found()
    assert (anna.followers, anna.bio) == (12_000, None)


async def test_columns_can_be_named_and_are_shown_before(importer: Importer, tmp_path: Path) -> None:
    text = "who;Fans of Q3;Site\nanna;1.200;https://example.org\n"
    reading = Reading(
        platform=Platform.TIKTOK, columns={"who": "handle", "Fans of Q3": "followers", "Site": ""}
    )
    (tmp_path / "odd.csv").write_text(text, encoding="utf-16")
    shown = preview(tmp_path / "odd.csv", reading)
    assert [(one.heading, one.field) for one in shown.columns] == [
        ("who", "handle"), ("Fans of Q3", "followers"), ("Site", ""),
    ]  # fmt: skip
    assert [(one.handle, one.followers) for one in shown.creators] == [("anna", 1200)]
    await importer(text.encode("utf-16"), "odd.csv", reading)
    assert [one.followers for one in await importer.found()] == [1200]
    with pytest.raises(InvalidInput, match="no column 'nothing'"):
        preview(tmp_path / "odd.csv", Reading(columns={"nothing": "handle"}))


def _bomb() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 30_000_000)
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bomb.xlsx", _bomb()),
        ("no.xlsx", b"PK\x03\x04 nonsense"),
        ("bomb.csv.gz", gzip.compress(b"x" * 30_000_000)),
        ("empty.csv", b""),
        ("words.csv", b"hello world\nhow are you\n"),
        ("open.csv", b'platform,handle\nTikTok,"' + b"x" * 5_000_000),
        ("deep.json", b"[" * 100_000),
        ("none.csv", (HEAD + ",,,,,,,x\n").encode()),
    ],
)
async def test_a_hostile_file_is_refused_in_a_sentence(importer: Importer, name: str, content: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        await importer(content, name)
    assert str(refused.value).endswith(".")
    assert len(str(refused.value)) < 400


async def test_our_own_exports_come_back(importer: Importer) -> None:
    await importer(HEAD + ANNA)
    (anna,) = await importer.found()
    line = orjson.dumps({"platform": anna.platform, "stable_id": anna.stable_id, "handle": anna.handle,
                         "followers": anna.followers, "emails": anna.emails, "post_url": None})  # fmt: skip
    said = await importer(line, "back.jsonl")
    assert (said.new, said.known, said.errors) == (0, 1, [])


def _fields(user: CurrentUser) -> dict[str, object]:
    return {name: getattr(user, name) for name in ("id", "user_id", "is_admin") if hasattr(user, name)}


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_thirty_thousand_rows_arrive(importer: Importer, tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["platform", "handle", "name", "followers", "bio"])
        lines.writerows(["TikTok", f"c{n}", f"Name {n}", n, "b" * 200] for n in range(30_000))
    said = await import_file(importer.database, importer.user, importer.campaign, path, Reading(), key=None)
    assert said.new == 30_000
    assert isinstance(next(iter(preview(path, Reading()).creators)), ImportedCreator)
