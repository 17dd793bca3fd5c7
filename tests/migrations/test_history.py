"""The history is one line of numbered steps through the specified milestones, each stating its lock."""

import ast
import re
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

import tastemaker.db.migrations
from tastemaker.db.migrate import HEAD
from tastemaker.db.migrations.steps import NAMES

FOLDER = Path(tastemaker.db.migrations.__file__).parent
FILES = sorted(FOLDER.glob("versions/*.py"))

MILESTONES = {
    "0000_sleepy_moira_mactaggert",
    "0002_lively_cable",
    "0004_qstash_fields",
    "0009_trial_system",
    "0010_search_indexes",
    "0011_industry_standard_event_sourcing",
    "0013_sleepy_luckman",
    "0014_migrate_user_data",
    "0015_remove_legacy_user_profiles",
    "0016_normalize_user_tables",
}


def test_the_line_has_one_end_and_no_branch() -> None:
    script = ScriptDirectory(str(FOLDER), version_locations=[str(FOLDER / "versions")])
    assert script.get_heads() == [HEAD]
    walked = [revision.revision for revision in script.walk_revisions()]
    assert walked == sorted(NAMES, reverse=True)
    for number, revision in zip(walked[:-1], list(script.walk_revisions())[:-1], strict=True):
        assert revision.down_revision == f"{int(number) - 1:04d}"


def test_the_numbers_have_no_gap_and_the_files_are_named_for_them() -> None:
    assert [path.stem[:4] for path in FILES] == [f"{number:04d}" for number in range(len(FILES))]
    assert all(re.fullmatch(r"\d{4}_[a-z0-9_]+", path.stem) for path in FILES)


def test_the_specified_milestones_are_passed() -> None:
    assert {path.stem for path in FILES} >= MILESTONES
    assert int(HEAD) >= 26


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_step_states_its_lock_and_knows_no_way_back(path: Path) -> None:
    tree = ast.parse(path.read_text())
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert "upgrade" in functions
    assert "downgrade" not in functions
    assert re.search(r"\bLock:", ast.get_docstring(tree) or "")


@pytest.mark.parametrize("path", [path for path in FILES if path.stem > "0027"], ids=lambda path: path.stem)
def test_a_step_of_ours_says_what_becomes_of_the_code_before_it(path: Path) -> None:
    said = " ".join((ast.get_docstring(ast.parse(path.read_text())) or "").split())
    assert re.search(r"[Pp]revious code|[Cc]ode before it|code that does not know it", said)
