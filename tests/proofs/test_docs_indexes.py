"""The page about the specification's indexes is what the catalog and the proofs say."""

import re
from pathlib import Path

import psycopg

from tests.proofs.test_indexes_at_head import PROOFS
from tests.proofs.test_indexes_before_normalization import QUESTIONS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "indexes.md"
ARBITER = "idx_user_billing_stripe_customer"


def rows_of(heading: str) -> list[list[str]]:
    section = PAGE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if re.match(r"\| `\w+` \|", line)]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in rows]


def test_each_index_is_on_its_table(admin_url: str) -> None:
    with psycopg.connect(admin_url) as connection:
        catalog = connection.execute(
            "SELECT indexname, tablename FROM pg_indexes WHERE schemaname = 'public'"
        ).fetchall()
    for name, table, *_ in rows_of("At head"):
        assert (name, table) in catalog


def test_each_is_proven_and_each_proof_is_told() -> None:
    told = {row[0] for row in rows_of("At head")}
    assert told == {proof.index for proof in PROOFS} | {ARBITER}
    assert {row[0] for row in rows_of("On the wide table, until 0015 removes it")} == set(QUESTIONS)


def test_what_a_constraint_carries_is_a_constraint(admin_url: str) -> None:
    with psycopg.connect(admin_url) as connection:
        unique = connection.execute("SELECT conname FROM pg_constraint WHERE contype = 'u'").fetchall()
    for name, _ in rows_of("Carried by a constraint"):
        assert (name,) in unique
