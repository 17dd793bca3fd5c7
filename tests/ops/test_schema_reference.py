"""docs/reference/schema.md is what the catalog says at head, on every server."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tastemaker.db.embedded import Server
from tastemaker.ops.schema_reference import OVERLAPPING, SUCCEEDED, render, write
from tastemaker.ops.schema_reference_queries import read_schema

PAGE = Path(__file__).parents[2] / "docs/reference/schema.md"

BEGINS_LIKE_ANOTHER = """
WITH plain AS (
    SELECT x.indrelid, i.relname AS name, x.indkey::text || ' ' AS columns, x.indisunique AS is_unique
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_am m ON m.oid = i.relam
    WHERE m.amname = 'btree' AND x.indexprs IS NULL AND i.relnamespace = 'public'::regnamespace
)
SELECT DISTINCT CASE WHEN a.is_unique THEN b.name ELSE a.name END
FROM plain a JOIN plain b ON b.indrelid = a.indrelid AND b.name <> a.name AND b.columns LIKE a.columns || '%'
"""


@pytest.fixture(scope="module")
def head(
    server: Server, template: str, make_database: Callable[[str | None], str]
) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server.url(database=make_database(template)), autocommit=True) as opened:
        yield opened


@pytest.fixture
def connection(head: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """A database at head, in a transaction that is rolled back."""
    with head.transaction(force_rollback=True):
        yield head


def test_the_page_is_not_stale(connection: psycopg.Connection) -> None:
    assert PAGE.read_text(encoding="utf-8") == render(connection), "The schema changed: say `make docs`."


@pytest.mark.slow
def test_make_docs_writes_the_page(tmp_path: Path) -> None:
    write(tmp_path / "schema.md")
    assert (tmp_path / "schema.md").read_bytes() == PAGE.read_bytes()


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("COMMENT ON TABLE users IS 'People | all < of them'", r"People \| all &lt; of them"),
        (
            "COMMENT ON COLUMN users.email IS 'Where mail goes.'",
            "| `email` | `text` | yes | | Where mail goes. |",
        ),
        (
            "ALTER TABLE users ADD COLUMN age integer NOT NULL DEFAULT 7",
            "| `age` | `integer` | | `7` | |",
        ),
        (
            "CREATE UNIQUE INDEX young ON users (email) WHERE is_admin",
            "| `young` | yes | `btree (email) WHERE is_admin` |",
        ),
        (
            "ALTER TABLE users ADD CONSTRAINT young CHECK (email <> '')",
            "| `young` | `CHECK ((email <> ''::text))` |",
        ),
        (
            "CREATE POLICY young ON users FOR DELETE USING (true)",
            "| `young` | delete | `everybody` | `true` | |",
        ),
        ("ALTER TABLE users DISABLE ROW LEVEL SECURITY", "Row-level security: off."),
        (
            "CREATE TABLE pets (owner text UNIQUE REFERENCES users (user_id))",
            '    users |o--o| pets : "owner"\n',
        ),
    ],
)
def test_a_change_of_the_schema_is_on_the_page(
    change: str, line: str, connection: psycopg.Connection
) -> None:
    assert line not in render(connection)
    connection.execute(change.encode())
    assert line in render(connection)


def test_what_is_said_to_be_gone_is_gone_and_what_took_its_place_is_there(
    connection: psycopg.Connection,
) -> None:
    names = {index.name for index in read_schema(connection).indexes}
    assert not SUCCEEDED.keys() & names
    assert {successor for successor, _ in SUCCEEDED.values()} <= names


def test_every_index_that_begins_like_another_one_has_its_reason(connection: psycopg.Connection) -> None:
    assert {name for (name,) in connection.execute(BEGINS_LIKE_ANOTHER)} == OVERLAPPING.keys()
