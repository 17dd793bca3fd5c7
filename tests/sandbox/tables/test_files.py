"""Tables that are too much for memory are given up, and say why."""

import gzip
import json
from pathlib import Path

import pytest

from tastemaker.sandbox.tables.files import open_table
from tastemaker.sandbox.tables.texts import BadTable


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("line.csv", b"platform,handle\ntiktok," + b"a" * 4_500_000, "a line of more than 4,000,000"),
        ("line.jsonl", b'{"handle": "' + b"a" * 4_500_000, "a line of more than 4,000,000"),
        ("object.json", b'[{"handle": "' + b"a" * 4_500_000, "an object of more than 4,000,000"),
        ("quoted.csv", b'platform,handle\ntiktok,"' + b"a\n" * 2_200_000, "is a quotation mark open"),
        ("before.csv", b"\n" * 1_100_000 + b"platform,handle\n", "more than 1,000,000 blank lines"),
        ("inside.csv", b"platform,handle\n" + b"\n" * 1_100_000, "more than 1,000,000 blank lines"),
        ("bomb.csv.gz", b"platform,handle\n" + b"tiktok,a\n" * 3_000_000, "200 times its size"),
        ("bomb.json.gz", b"[" + b"{}," * 8_000_000, "200 times its size"),
        ("cut.json", b'[{"handle": "a"}, {"handle": "b"}', "cut off"),
        ("keys.jsonl", b"".join(b'{"k%d": 1}\n' % number for number in range(3_000)), "different keys"),
    ],
)
def test_what_has_no_end_is_given_up(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    with pytest.raises(BadTable, match=reason), open_table(path) as table:
        for _ in table.lines:
            pass


def rows_of(path: Path) -> tuple[list[str], list[list[str]], tuple[str, ...]]:
    with open_table(path) as table:
        return list(table.headings), [list(line.cells or ()) for line in table.lines], table.notes


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "cp1251"])
def test_a_table_is_read_in_its_encoding(tmp_path: Path, encoding: str) -> None:
    name = "Привет, как дела" if encoding == "cp1251" else "Señorita Müller é à la plage"
    path = tmp_path / "names.csv"
    path.write_bytes(f"platform;handle;name\ntiktok;ada;{name}\n".encode(encoding))
    headings, rows, _ = rows_of(path)
    assert headings == ["platform", "handle", "name"]
    if not encoding.startswith("cp"):
        assert rows == [["tiktok", "ada", name]]


@pytest.mark.parametrize(
    ("content", "headings"),
    [
        ('platform;handle;"Fans (all, K, M)"\ntiktok;ada;5\n', ["platform", "handle", "Fans (all, K, M)"]),
        ('"platform"|"a,b,c"|"handle"\n"tiktok"|"x"|"ada"\n', ["platform", "a,b,c", "handle"]),
        ("sep=;\nplatform;handle\ntiktok;ada\n", ["platform", "handle"]),
        (
            "Our list 2025,,\n,,\nplatform,handle,followers\ntiktok,ada,5\n",
            ["platform", "handle", "followers"],
        ),
    ],
)
def test_headings_are_found_by_parsing(tmp_path: Path, content: str, headings: list[str]) -> None:
    path = tmp_path / "table.csv"
    path.write_text(content)
    found, rows, notes = rows_of(path)
    assert found == headings
    assert len(rows) == 1
    assert bool(notes) == content.startswith("Our list")


def test_keys_that_come_late_and_objects_inside_are_headings(tmp_path: Path) -> None:
    rows = [{"handle": f"ada{number}"} for number in range(300)] + [{"handle": "eve", "author": {"fans": 5}}]
    path = tmp_path / "late.json"
    path.write_text(json.dumps(rows, indent=1))
    headings, found, _ = rows_of(path)
    assert headings == ["handle", "author.fans"]
    assert found[-1] == ["eve", "5"]
    assert len(found) == 301
