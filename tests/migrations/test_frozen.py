"""0000-0026 are history: databases have taken them, so what they execute never changes again."""

import hashlib
from pathlib import Path

import pytest

from tests.migrations.step_sql import FILES, statements_of

LAST = "0026"
SUMS = Path(__file__).with_name("frozen.sha256")
INSTEAD = (
    "{} is frozen: databases that took it would differ from those that take it now. "
    "Put its file back as it was, and add a new step after the last one that changes what you want changed."
)


def _frozen() -> dict[str, str]:
    lines = (line.split() for line in SUMS.read_text().splitlines() if not line.startswith("#"))
    return {name: checksum for checksum, name in lines}


FROZEN = _frozen()


def test_exactly_the_specified_history_is_frozen() -> None:
    assert list(FROZEN) == [path.stem for path in FILES if path.stem[:4] <= LAST]


@pytest.mark.parametrize("name", FROZEN)
def test_a_frozen_step_executes_what_it_always_did(name: str) -> None:
    [path] = [path for path in FILES if path.stem == name]
    assert _sum_of(path) == FROZEN[name], INSTEAD.format(name)


@pytest.mark.parametrize(
    ("old", "new"),
    [("IF NOT EXISTS ", ""), ("(user_id, created_at DESC)", "(user_id)"), ("op.execute(SQL)", "pass")],
)
def test_a_planted_change_is_seen(old: str, new: str, tmp_path: Path) -> None:
    assert _sum_with(old, new, tmp_path) != FROZEN["0017_foreign_key_indexes"]


def test_a_comment_may_be_corrected(tmp_path: Path) -> None:
    assert _sum_with("Indexes for", "Indices for", tmp_path) == FROZEN["0017_foreign_key_indexes"]


def _sum_with(old: str, new: str, folder: Path) -> str:
    [path] = [path for path in FILES if path.stem == "0017_foreign_key_indexes"]
    changed = folder / path.name
    changed.write_text(path.read_text().replace(old, new))
    assert changed.read_text() != path.read_text()
    return _sum_of(changed)


def _sum_of(path: Path) -> str:
    """Of the SQL alone, so that a comment in the file may still be corrected."""
    return hashlib.sha256("\0".join(statements_of(path)).encode()).hexdigest()
