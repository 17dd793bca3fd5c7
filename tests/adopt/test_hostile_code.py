"""Functions and operators of the original never run while it is adopted, nor with more rights afterwards."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tastemaker.adopt.plan_queries import Options
from tastemaker.adopt.service import adopt, look
from tastemaker.adopt.session_queries import connected
from tests.adopt.conftest import MakeOriginal

TRAP = """
CREATE FUNCTION {name}({arguments}) RETURNS {result} LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'the original''s own function ran'; END $$
"""

TRAPS = (
    ("floor", "bigint", "bigint"),
    ("pg_column_size", "jsonb", "integer"),
    ("jsonb_build_object", "text, bigint", "jsonb"),
    ("length", "varchar", "integer"),
    ("differs", "varchar, varchar", "boolean"),
    ("differs", "text, varchar", "boolean"),
)
"""Each fits the adoption's own calls better than what PostgreSQL has."""

OBJECTS = """
CREATE OPERATOR <> (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = differs);
CREATE OPERATOR <> (LEFTARG = text, RIGHTARG = varchar, FUNCTION = differs);
CREATE FUNCTION label(scraping_jobs) RETURNS text LANGUAGE sql AS 'SELECT ($1).status';
CREATE DOMAIN short_text AS text CHECK (length(VALUE) < 10);
CREATE FUNCTION shorten(short_text) RETURNS text LANGUAGE sql AS 'SELECT $1::text';
CREATE AGGREGATE glued(text) (SFUNC = textcat, STYPE = text);
CREATE PROCEDURE nothing() LANGUAGE sql AS 'SELECT 1';
CREATE COLLATION plain FROM "C";
CREATE TEXT SEARCH CONFIGURATION words (COPY = simple);
CREATE STATISTICS of_jobs ON status, platform FROM scraping_jobs;
CREATE VIEW everybodys_money AS SELECT * FROM user_billing;
"""

LEFT_IN_PUBLIC = """
SELECT i.identity FROM (
    SELECT 'pg_operator'::regclass AS class, oid, oprnamespace AS space FROM pg_operator
    UNION ALL SELECT 'pg_collation'::regclass, oid, collnamespace FROM pg_collation
    UNION ALL SELECT 'pg_ts_config'::regclass, oid, cfgnamespace FROM pg_ts_config
    UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, stxnamespace FROM pg_statistic_ext
    UNION ALL SELECT 'pg_type'::regclass, oid, typnamespace FROM pg_type WHERE typtype = 'd') o
CROSS JOIN pg_identify_object(o.class, o.oid, 0) i WHERE o.space = 'public'::regnamespace
UNION ALL
SELECT oid::regprocedure::text FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND prosrc LIKE '%own function ran%'
"""

OWNED = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname ~ '^legacy' AND c.relkind = 'v' AND c.relowner = 'tastemaker_owner'::regrole
UNION ALL
SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname ~ '^legacy' AND p.proowner = 'tastemaker_owner'::regrole
"""


@pytest.fixture
def adopted(make_original: MakeOriginal) -> Iterator[psycopg.Connection[Any]]:
    url = make_original("both")
    with psycopg.connect(url, autocommit=True) as original:
        for name, arguments, result in TRAPS:
            original.execute(TRAP.format(name=name, arguments=arguments, result=result).encode())
        original.execute(OBJECTS.encode())
    assert look(url, Options()).plan is not None
    adopt(url, app_password=None, options=Options())
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def test_it_steps_aside_unheard_and_nobodys_rights_grow(adopted: psycopg.Connection[Any]) -> None:
    assert adopted.execute(LEFT_IN_PUBLIC.encode()).fetchall() == []
    assert adopted.execute(OWNED.encode()).fetchall() == []
    moved = adopted.execute("SELECT count(*) FROM pg_proc WHERE pronamespace::regnamespace::text ~ '_code$'")
    assert moved.fetchone() == (len(TRAPS) + len(("touch", "label", "shorten", "glued", "nothing")),)


def test_looking_hears_nobody_of_the_database_either(make_original: MakeOriginal) -> None:
    """`=` of a text and a word stands in every question; this one would be the better fit for each."""
    url = make_original("both")
    with psycopg.connect(url, autocommit=True) as original:
        for name, arguments, result in TRAPS:
            original.execute(TRAP.format(name=name, arguments=arguments, result=result).encode())
        for left, right in (
            ("varchar", "varchar"),
            ("text", "varchar"),
            ("name", "text"),
            ("varchar", "text"),
        ):
            same = f"same_{left}_{right}"
            trap = TRAP.format(name=same, arguments=f"{left}, {right}", result="boolean")
            operator = f"CREATE OPERATOR = (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = {same})"
            original.execute(f"{trap}; {operator}".encode())
    with connected(url, read_only=True) as connection:
        connection.execute("SELECT FROM public.scraping_jobs WHERE status = 'completed'::varchar")
    assert look(url, Options()).plan is not None
