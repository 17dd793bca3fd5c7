"""The tests of this folder can fail: every kind of hole, planted in a database of its own, is seen."""

from collections.abc import Callable

import psycopg
import pytest

from tastemaker.db.access import APP_ROLE
from tastemaker.db.embedded import Server
from tests.db.isolation.planting import ALICE, plant
from tests.db.isolation.test_crossing import claiming

BOBS = '{"sub": "bob-secret"}'


@pytest.mark.parametrize(
    ("hole", "way"),
    [
        ("CREATE POLICY hole ON campaigns FOR SELECT USING (true)", "SELECT c::text FROM campaigns c"),
        ("ALTER TABLE users DISABLE ROW LEVEL SECURITY", "SELECT u::text FROM users u"),
        ("GRANT tastemaker_backup TO tastemaker_app", "SELECT e::text FROM events e"),
        (
            "CREATE VIEW hole AS SELECT * FROM users; GRANT SELECT ON hole TO tastemaker_app",
            "SELECT h::text FROM hole h",
        ),
        (
            "CREATE FUNCTION hole() RETURNS SETOF users LANGUAGE sql SECURITY DEFINER AS 'TABLE users'",
            "SELECT * FROM hole()",
        ),
        (
            "CREATE MATERIALIZED VIEW hole AS SELECT * FROM users; GRANT SELECT ON hole TO tastemaker_app",
            "SELECT h::text FROM hole h",
        ),
    ],
)
def test_a_planted_hole_shows_her_row(
    hole: str, way: str, server: Server, template: str, make_database: Callable[[str | None], str]
) -> None:
    name = make_database(template)
    with psycopg.connect(server.url(database=name), autocommit=True) as owner:
        plant(owner)
        with psycopg.connect(server.url(database=name, role=APP_ROLE), autocommit=True) as app:
            owner.execute(hole.encode())
            try:
                owner.execute("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO tastemaker_app")
                with claiming(app, BOBS):
                    assert ALICE in str(app.execute(way.encode()).fetchall())
            finally:
                if hole.startswith("GRANT"):  # of the whole cluster
                    owner.execute("REVOKE tastemaker_backup FROM tastemaker_app")
