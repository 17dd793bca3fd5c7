"""Tables that are too much for memory are given up, and say why."""

import gzip
from pathlib import Path

import pytest

from tastemaker.sandbox.tables import files
from tastemaker.sandbox.tables.files import BadTable, open_table


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("line.csv.gz", b"platform,handle\ntiktok," + b"a" * 60_000_000, "a line of more than 50,000,000"),
        ("line.jsonl.gz", b'{"handle": "' + b"a" * 60_000_000, "a line of more than 50,000,000"),
        ("before.csv.gz", b"\n" * 2_000_000 + b"platform,handle\n", "more than 1,000,000 blank lines"),
        ("inside.csv.gz", b"platform,handle\n" + b"\n" * 2_000_000, "more than 1,000,000 blank lines"),
    ],
)
def test_what_unpacks_without_end_is_given_up(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(content, 1))
    with pytest.raises(BadTable, match=reason), open_table(path) as table:
        list(table.lines)


def test_a_json_list_too_long_for_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LONGEST_LIST", 40)
    path = tmp_path / "long.json"
    path.write_text('[{"platform": "tiktok", "handle": "ada"}]')
    with pytest.raises(BadTable, match="an object per line"), open_table(path):
        pass
