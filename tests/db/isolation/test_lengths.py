"""Nobody stores a text of any length: a new row and a changed value are limited, an older row is not."""

from typing import Final

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from tastemaker.core.platforms import Platform
from tastemaker.providers.base import LONGEST_BIO, LONGEST_TEXT, Creator, Post
from tests.db.isolation.conftest import Attacked
from tests.db.isolation.planting import ALICE, Connection
from tests.db.isolation.test_crossing import claiming

SYSTEM: Final = '{"role": "tastemaker_system"}'
LIMITS: Final = [
    ("campaigns", "name", "x" * 200),
    ("campaigns", "description", "x" * 2_000),
    ("scraping_runs", "keyword", "x" * 200),
    ("exclusions", "note", "x" * 5_000),
    ("creators", "bio", "x" * LONGEST_BIO),
    ("posts", "text", "x" * LONGEST_TEXT),
    ("posts", "description", "x" * LONGEST_TEXT),
    ("search_results", "bio", "x" * LONGEST_BIO),
    ("search_results", "post_description", "x" * LONGEST_TEXT),
    ("search_results", "raw_data", Jsonb({"x": "y" * 262_135})),
    ("scraping_jobs", "keywords", Jsonb(["tea", "x" * 200])),
    ("scraping_jobs", "search_params", Jsonb({"x": "y" * 65_527})),
]
"""Table, column, and the longest value."""


@pytest.mark.parametrize(("table", "column", "longest"), LIMITS)
def test_what_is_too_long_is_refused(
    table: str, column: str, longest: object, attacked: Attacked, app: Connection, owner: Connection
) -> None:
    key = attacked.planted.rows[table][ALICE]["id"]
    names = {"t": sql.Identifier(table), "c": sql.Identifier(column)}
    change = sql.SQL("UPDATE {t} SET {c} = %s WHERE id = %s").format(**names)
    with app.transaction(force_rollback=True):
        _claim(app)
        assert app.execute(change, (longest, key)).rowcount == 1
    with (
        pytest.raises(psycopg.errors.StringDataRightTruncation, match=f"{table}.{column}"),
        claiming(app, SYSTEM),
    ):
        app.execute(change, (_longer(longest), key))

    find = sql.SQL("SELECT FROM {t} WHERE id = %s").format(**names)
    copy = sql.SQL("INSERT INTO {t} OVERRIDING SYSTEM VALUE SELECT * FROM {t} WHERE id = %s").format(**names)
    with owner.transaction(force_rollback=True):
        owner.execute("SET LOCAL session_replication_role = replica")
        owner.execute(change, (_longer(longest), key))
        owner.execute("SET LOCAL session_replication_role = origin")
        owner.execute(sql.SQL("UPDATE {t} SET {c} = {c} WHERE id = %s").format(**names), (key,))
        assert owner.execute(find, (key,)).fetchone() is not None, (
            "an older row stays as it is, and can be changed"
        )
        with pytest.raises(psycopg.errors.StringDataRightTruncation), owner.transaction():
            owner.execute(copy, (key,))


def test_a_providers_longer_text_is_cut_and_fails_no_page() -> None:
    creator = Creator(
        platform=Platform.TIKTOK, stable_id="1", handle="a", name="A", bio="x" * (LONGEST_BIO + 1)
    )
    post = Post(
        platform=Platform.TIKTOK, post_id="1", creator_id="1", url=None,
        text="x" * (LONGEST_TEXT + 1), description="y" * (LONGEST_TEXT + 1),
    )  # fmt: skip
    assert creator.bio == "x" * LONGEST_BIO
    assert (post.text, post.description) == ("x" * LONGEST_TEXT, "y" * LONGEST_TEXT)


def _claim(connection: Connection) -> None:
    connection.execute("SELECT set_config('request.jwt.claims', %s, true)", (SYSTEM,))


def _longer(value: object) -> object:
    if isinstance(value, str):
        return value + "x"
    assert isinstance(value, Jsonb)
    held = value.obj
    return Jsonb([*held[:-1], held[-1] + "x"] if isinstance(held, list) else {"x": held["x"] + "y"})
