"""squawk, a linter of migrations, finds nothing in any step but what is listed here with its reason."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tastemaker.db.migrations import steps
from tests.migrations.step_sql import FILES, script_of

EVERYWHERE: Final = {
    "prefer-text-field": "the specification declares words as varchar; what stands beside them is alike",
    "prefer-bigint-over-int": "places, pages, attempts, limits and the cents of a price stay below two "
    "billion; our counts of people and views are bigint",
}

LAST_SPECIFIED: Final = "0026"
OF_THE_SPECIFIED: Final = {
    "prefer-timestamp-tz": "the specification's columns are timestamp, always UTC",
    "require-concurrent-index-creation": "a step is one transaction, in which nothing is built concurrently; "
    "the tables are the history's own and small, and an adopted database takes other steps",
    "require-concurrent-index-deletion": "the UNIQUE constraint takes the name over in the same transaction",
    "disallowed-unique-constraint": "rows that have become one must not become two again before it is there",
    "constraint-missing-not-valid": "every row was mapped to a legal word in the same transaction",
    "adding-foreign-key-constraint": "every row was given what it refers to in the same transaction",
    "ban-drop-not-null": "a search by a creator's name has no keywords",
    "ban-drop-table": "user_profiles goes after the comparison with its complete copy",
}

OF_OURS: Final = {
    ("0028", "adding-not-nullable-field"): "a satellite has one row for a user: the scan is short",
    ("0028", "require-concurrent-index-creation"): "the column is new: each row was written in the same step",
    (
        "0029",
        "require-concurrent-index-creation",
    ): "partial: finished jobs, the bulk of the table, are not in it",
    (
        "0029",
        "constraint-missing-not-valid",
    ): "on a column added by the same statement: there is no row to wait for",
    ("0030", "constraint-missing-not-valid"): "the same",
    ("0032", "prefer-timestamp-tz"): "compared with user_usage.usage_reset_date, which is timestamp in UTC",
    ("0033", "prefer-timestamp-tz"): "a copy of events.timestamp, which is timestamp in UTC",
    (
        "0033",
        "adding-field-with-default",
    ): "numbering the events there are is a rewrite; its docstring says so",
    ("0033", "require-concurrent-index-creation"): "the rewrite holds the lock already",
    (
        "0036",
        "require-concurrent-index-creation",
    ): "partial, and a subscription with an intended plan is rare",
    ("0043", "require-concurrent-index-creation"): "partial: only users for whom an e-mail waits are in it",
    ("0044", "require-concurrent-index-creation"): "partial: searches that have ended are not in it",
    (
        "0046",
        "require-concurrent-index-creation",
    ): "a million handles are indexed in seconds, while readers go on",
    ("0040", "require-concurrent-index-creation"): "partial, over what waits and what ended lately",
    ("0040", "constraint-missing-not-valid"): "on columns of the same step, all NULL but for what waits",
    ("0047", "require-concurrent-index-creation"): "partial: calls that are under way are a handful",
    ("0054", "require-concurrent-index-creation"): "partial; workers wait for a moment and lose nothing",
    ("0054", "require-concurrent-index-deletion"): "the same",
    ("0055", "require-concurrent-index-creation"): "searches wait for seconds, nobody who reads",
    ("0055", "require-concurrent-index-deletion"): "an instant, behind a lock that is held already",
    ("0050", "require-concurrent-index-creation"): "partial: only what a policy limits is in them",
    ("0037", "adding-field-with-default"): "the search text is written once for the users there are: its "
    "docstring says how long that takes",
    ("0037", "require-concurrent-index-creation"): "writing the text holds the lock already",
    ("0037", "require-concurrent-index-deletion"): "the same",
    ("0039", "prefer-timestamp-tz"): "a copy of events.timestamp, which is timestamp in UTC",
    ("0039", "require-concurrent-index-creation"): "a right-growing index of an append-only log: a million "
    "events are indexed in seconds, and writers wait for lock_timeout at most before the step gives way",
    ("0067", "require-concurrent-index-creation"): "partial, over a column that is new",
    ("0075", "ban-drop-constraint"): "replaced in the same transaction by one that allows more",
    ("0075", "constraint-missing-not-valid"): "the same; a user has a handful of keys",
    ("0075", "ban-drop-function"): "made anew in the same transaction, because it returns more columns",
    ("0060", "ban-drop-table"): "tenants have no SQL login any more",
    ("0060", "ban-drop-function"): "the same",
    ("0072", "ban-drop-constraint"): "is made again at once, wider",
    ("0074", "constraint-missing-not-valid"): "a satellite has one row for a user: the scan is short",
    ("0072", "constraint-missing-not-valid"): "exports are few, and deleted after days",
    ("0077", "adding-foreign-key-constraint"): "on a new column that is NULL in every row",
    ("0077", "require-concurrent-index-creation"): "partial, over a column that is new",
    ("0077", "ban-drop-not-null"): "a creator that was imported has no search",
    ("0078", "require-concurrent-index-creation"): "partial, and its column is new: no row is in it",
}

SESSION: Final = (
    f"SET lock_timeout = '{steps._LOCK_TIMEOUT}'; SET statement_timeout = '{steps._STATEMENT_TIMEOUT}';"
)
"""What the migrator says before it takes a step."""

DANGEROUS: Final = {
    "ALTER TABLE users ADD COLUMN nickname text NOT NULL": "adding-required-field",
    "ALTER TABLE users RENAME COLUMN email TO mail": "renaming-column",
    "ALTER TABLE users ALTER COLUMN email TYPE varchar(9)": "changing-column-type",
    "ALTER TABLE users DROP COLUMN email": "ban-drop-column",
    "ALTER TABLE users ADD CONSTRAINT c CHECK (email <> '')": "constraint-missing-not-valid",
    "CREATE INDEX CONCURRENTLY i ON users (email)": "ban-concurrent-index-creation-in-transaction",
    "CREATE TABEL t ()": "syntax-error",
}


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """Step and rule."""
    folder = tmp_path_factory.mktemp("steps")
    for path in FILES:
        (folder / f"{path.stem}.sql").write_text(f"{SESSION}\n{script_of(path)}")
    return {(number, rule) for number, rule in _linted(folder) if rule not in EVERYWHERE}


def test_squawk_finds_nothing_in_our_steps_without_a_reason(findings: set[tuple[str, str]]) -> None:
    assert (
        sorted({(number, rule) for number, rule in findings if number > LAST_SPECIFIED} - OF_OURS.keys())
        == []
    )


def test_squawk_finds_nothing_in_the_specified_steps_without_a_reason(findings: set[tuple[str, str]]) -> None:
    found = {(number, rule) for number, rule in findings if number <= LAST_SPECIFIED}
    assert sorted((number, rule) for number, rule in found if rule not in OF_THE_SPECIFIED) == []


def test_no_reason_outlives_what_it_excuses(findings: set[tuple[str, str]]) -> None:
    specified = {rule for number, rule in findings if number <= LAST_SPECIFIED}
    assert sorted(OF_THE_SPECIFIED.keys() - specified) == []
    assert sorted(OF_OURS.keys() - findings) == []


@pytest.mark.parametrize("sql", DANGEROUS)
def test_a_planted_danger_is_found(sql: str, tmp_path: Path) -> None:
    (tmp_path / "0099_planted.sql").write_text(f"{SESSION}\n{sql};\n")
    assert ("0099", DANGEROUS[sql]) in _linted(tmp_path)


def test_a_step_without_the_migrators_patience_is_found(tmp_path: Path) -> None:
    (tmp_path / "0099_planted.sql").write_text("ALTER TABLE users ADD COLUMN nickname text;\n")
    assert {rule for _, rule in _linted(tmp_path)} == {"require-lock-timeout", "require-statement-timeout"}


def _linted(folder: Path) -> set[tuple[str, str]]:
    """Asked as for the oldest server; squawk ends with 1 where it finds something."""
    squawk = Path(sys.executable).with_name("squawk")
    command = [squawk, "--pg-version=15.0", "--assume-in-transaction", "--reporter=json"]
    done = subprocess.run(
        [*command, *sorted(folder.glob("*.sql"))], capture_output=True, text=True, check=False, cwd=folder
    )
    assert done.returncode in {0, 1}, done.stderr
    found = json.loads(done.stdout)
    return {(Path(each["file"]).name[:4], each["rule_name"]) for each in found}
