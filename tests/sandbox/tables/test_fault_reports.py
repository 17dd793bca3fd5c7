"""The small inputs made from public fault reports, read where they lie beside the checkout."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tastemaker.core.platforms import Platform
from tastemaker.sandbox.tables.importing import ImportReport, import_tables
from tastemaker.sandbox.tables.rows import Reason
from tastemaker.searches.exclusions.names import read_list

pytestmark = [pytest.mark.shared_data]


class Cases:
    def __init__(self, folder: Path, corpus: Path) -> None:
        self.folder = folder
        self.corpus = corpus

    def load(
        self, name: str, columns: str, platform: Platform | None = None
    ) -> tuple[ImportReport, list[Any]]:
        report = import_tables(self.corpus, [self.folder / name], platform=platform)
        with closing(sqlite3.connect(self.corpus)) as connection:
            rows = connection.execute(f"SELECT {columns} FROM creators ORDER BY id").fetchall()  # noqa: S608 - tests
        return report, rows


@pytest.fixture
def cases(shared_data: Path, tmp_path: Path) -> Cases:
    return Cases(shared_data.parent / "cases", tmp_path / "corpus.sqlite3")


def test_profile_addresses_name_their_accounts(cases: Cases) -> None:
    _, rows = cases.load("a1_profile_urls_youtube.csv", "handle, stable_id", Platform.YOUTUBE)
    assert {handle for handle, _ in rows} == {"anna.bakes", "ben.cooks", None}
    assert {"UC" + "a" * 22, "UC" + "b" * 22} <= {stable_id for _, stable_id in rows}
    assert len(rows) == 4


def test_profile_addresses_on_instagram(cases: Cases) -> None:
    _, rows = cases.load("a2_profile_urls_instagram.csv", "handle")
    assert {handle for (handle,) in rows} == {"anna.bakes", "ben.cooks", "cara.runs"}


def test_a_scraper_s_export(cases: Cases) -> None:
    _, rows = cases.load(
        "b1_apify_instagram.jsonl",
        "stable_id, followers, name, following, posts_count, links",
        Platform.INSTAGRAM,
    )
    assert rows == [
        ("5550001", 12_345, "Anna Bakes", 10, 99, '["https://example.com/anna"]'),
        ("5550002", 777, "Ben Cooks", 20, 5, None),
    ]


def test_late_keys(cases: Cases) -> None:
    _, rows = cases.load("b3_late_keys.jsonl", "email, bio")
    assert ("late@example.com", "sourdough specialist") in rows


def test_numbers_that_could_be_two(cases: Cases) -> None:
    report, rows = cases.load("c1_numbers.csv", "handle, followers")
    unknown = dict.fromkeys(("num0", "num1", "num2", "num3", "num4", "num8"))
    assert dict(rows) == {**unknown, "num5": 1_234_500, "num6": 390_000, "num7": 2_100_000}
    assert [one.line for one in report.dropped_values] == [2, 3, 4, 5, 6, 10]


def test_title_rows_and_delimiters(cases: Cases) -> None:
    report, rows = cases.load("d3_title_row.csv", "handle")
    assert rows == [("anna.bakes",)]
    assert "above the headings" in report.notes[0]
    _, rows = cases.load("d6_semicolon_commas_in_head.csv", "handle, followers")
    assert rows == [("anna.bakes", 1_000)]


def test_lists_of_objects(cases: Cases) -> None:
    _, rows = cases.load("f1_links_objects.jsonl", "links, tags")
    assert rows == [
        ('["https://example.com/shop"]', '["bread"]'),
        ('["https://example.com/?a=1;2","https://example.org"]', '["bread","cake"]'),
    ]


def test_ids_of_spreadsheets(cases: Cases) -> None:
    report, rows = cases.load("g2_ids_excel.csv", "stable_id")
    assert report.reasons == {Reason.CUT_OFF: 2}
    assert rows == [("5550001",), ("5550002",)]


def test_our_own_export_comes_back(cases: Cases) -> None:
    report, rows = cases.load("k1_own_export.csv", "bio, email, views_total, likes_total, tags")
    assert all(bio for bio, *_ in rows)
    assert all(more == [None, None, None] for _, _, *more in map(list, rows))
    addresses = {email for _, email, *_ in rows if email}
    assert not addresses & {"e.m@example.com", "doe@example.com", "brien@example.com", "ane@example.com"}
    assert report.posts == report.rows


def test_exclusions_by_address(cases: Cases) -> None:
    lines = (cases.folder / "i1_exclusions_urls.csv").read_text(encoding="utf-8").splitlines()
    assert [name.value for name in read_list(lines)] == ["user301", "user302", "user303"]
