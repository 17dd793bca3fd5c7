"""The original steps aside: everything in `public` that no extension owns moves to the adoption's schemas.

What can be called (routines, operators and the like) goes into a schema of its own that is never on the
adoption's path: a function of the original's that fits its arguments better than PostgreSQL's own would run
with the adopter's rights.

One transaction: either all of it stands aside, or nothing has moved. Moving changes the catalog only, so it
takes moments at any size of the tables; rows, indexes, policies and keys stay as they are.
"""

from typing import Any, Final

from psycopg import Connection, sql

from tastemaker.adopt.ledger_queries import Counts

RELATIONS: Final = """
SELECT c.oid::regclass::text, quote_ident(c.relname), c.relkind::text, c.relforcerowsecurity,
       c.relnamespace::regnamespace::text, pg_get_userbyid(c.relowner) FROM pg_class c
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  AND (c.relnamespace = 'public'::regnamespace OR c.oid = to_regclass('drizzle.__drizzle_migrations'))
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                    AND (d.deptype = 'e' OR (c.relkind = 'S' AND d.deptype IN ('a', 'i'))))
ORDER BY c.relkind = 'v', c.oid
"""

ROUTINES: Final = """
SELECT p.oid::regprocedure::text FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype IN ('e', 'i'))
ORDER BY p.oid
"""

CALLABLE: Final = """
SELECT CASE i.type WHEN 'statistics object' THEN 'STATISTICS' ELSE upper(i.type) END, i.identity
FROM (SELECT 'pg_operator'::regclass AS class, oid, oprnamespace AS space FROM pg_operator
      UNION ALL SELECT 'pg_opclass'::regclass, oid, opcnamespace FROM pg_opclass
      UNION ALL SELECT 'pg_opfamily'::regclass, oid, opfnamespace FROM pg_opfamily
      UNION ALL SELECT 'pg_collation'::regclass, oid, collnamespace FROM pg_collation
      UNION ALL SELECT 'pg_conversion'::regclass, oid, connamespace FROM pg_conversion
      UNION ALL SELECT 'pg_ts_config'::regclass, oid, cfgnamespace FROM pg_ts_config
      UNION ALL SELECT 'pg_ts_dict'::regclass, oid, dictnamespace FROM pg_ts_dict
      UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, stxnamespace FROM pg_statistic_ext) o
CROSS JOIN pg_identify_object(o.class, o.oid, 0) i
WHERE o.space = 'public'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e')
ORDER BY o.class, o.oid
"""

TYPES: Final = """
SELECT t.oid::regtype::text, t.typtype = 'd' FROM pg_type t
WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd', 'r', 'c')
  AND (t.typrelid = 0 OR (SELECT relkind = 'c' FROM pg_class WHERE oid = t.typrelid))
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')
ORDER BY t.oid
"""

LEDGER_HOME: Final = "drizzle"
LEDGER: Final = "__drizzle_migrations"
"""The other tool's; one of its own schema goes beside the code where there is another in `public`."""

WORDS: Final = {
    "r": "TABLE", "p": "TABLE", "f": "FOREIGN TABLE", "v": "VIEW", "m": "MATERIALIZED VIEW", "S": "SEQUENCE",
}  # fmt: skip
_TABLES: Final = ("r", "p")


def move_everything(connection: Connection[Any], schema: str, *, owner: str) -> Counts:
    """Names come quoted from the catalog itself. `owner` owns the tables from then on, and reads them.

    No view or routine becomes that owner's: it would run with more rights than who wrote it has. What can be
    called goes first, while the types of its arguments still stand where its name says.
    """
    code = code_schema(schema)
    connection.execute("SET LOCAL search_path = pg_catalog")
    relations = connection.execute(RELATIONS).fetchall()
    routines = connection.execute(ROUTINES).fetchall()
    types = connection.execute(TYPES).fetchall()
    others = connection.execute(CALLABLE).fetchall()
    for what, name in (*(("ROUTINE", name) for (name,) in routines), *others):
        alter(connection, f"{what} {name}", f"SET SCHEMA {code}")
    in_public = {bare for _, bare, _, _, home, _ in relations if home == "public"}
    for name, bare, kind, forced, home, whose in relations:
        space = code if home == LEDGER_HOME and LEDGER in in_public else schema
        connection.execute(
            sql.SQL("INSERT INTO {} VALUES (%s, %s, %s, %s, %s)").format(
                sql.Identifier(schema, "adoption_moved")
            ),
            (WORDS[kind], bare, home, whose, forced),
        )
        if forced:
            alter(connection, f"TABLE {name}", "NO FORCE ROW LEVEL SECURITY")
        alter(connection, f"{WORDS[kind]} {name}", f"SET SCHEMA {space}")
        if kind in _TABLES:
            alter(connection, f"TABLE {space}.{bare}", f"OWNER TO {owner}")
    for name, is_domain in types:
        alter(connection, f"{'DOMAIN' if is_domain else 'TYPE'} {name}", f"SET SCHEMA {schema}")
    moved = {"relations": relations, "routines": routines, "types": types, "operators_and_the_like": others}
    return {name: len(found) for name, found in moved.items()}


def make_code_schema(connection: Connection[Any], schema: str) -> None:
    name = sql.Identifier(code_schema(schema))
    connection.execute(sql.SQL("CREATE SCHEMA {}").format(name))
    connection.execute(
        sql.SQL("COMMENT ON SCHEMA {} IS 'The original product''s routines and operators.'").format(name)
    )


def code_schema(schema: str) -> str:
    """Beside the adoption's own."""
    return f"{schema}_code"


def alter(connection: Connection[Any], what: str, how: str) -> None:
    connection.execute(sql.SQL("ALTER " + what + " " + how))
