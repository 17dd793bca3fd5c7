"""The original steps aside: everything in `public` that no extension owns moves to the adoption's schema.

One transaction: either all of it stands in the other schema, or nothing has moved. Moving changes the
catalog only, so it takes moments whatever the tables weigh; rows, indexes,
    policies and keys stay as they are.
"""

from typing import Any, Final

from psycopg import Connection, sql

from tastemaker.ops.adopt.counts import Counts

_RELATIONS: Final = """
SELECT c.oid::regclass::text, quote_ident(c.relname), c.relkind::text, c.relforcerowsecurity FROM pg_class c
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  AND (c.relnamespace = 'public'::regnamespace OR c.oid = to_regclass('drizzle.__drizzle_migrations'))
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                    AND (d.deptype = 'e' OR (c.relkind = 'S' AND d.deptype IN ('a', 'i'))))
ORDER BY c.relkind = 'v', c.oid
"""

_ROUTINES: Final = """
SELECT p.oid::regprocedure::text FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype IN ('e', 'i'))
ORDER BY p.oid
"""

_TYPES: Final = """
SELECT t.oid::regtype::text, t.typtype = 'd' FROM pg_type t
WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd', 'r', 'c')
  AND (t.typrelid = 0 OR (SELECT relkind = 'c' FROM pg_class WHERE oid = t.typrelid))
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')
ORDER BY t.oid
"""

_WORDS: Final = {
    "r": "TABLE", "p": "TABLE", "f": "FOREIGN TABLE", "v": "VIEW", "m": "MATERIALIZED VIEW", "S": "SEQUENCE",
}  # fmt: skip


def move_everything(connection: Connection[Any], schema: str, *, owner: str) -> Counts:
    """Names come quoted from the catalog itself. The owner of ours becomes the owner of what moved."""
    connection.execute("SET LOCAL search_path = pg_catalog")
    relations = connection.execute(_RELATIONS).fetchall()
    routines = connection.execute(_ROUTINES).fetchall()
    types = connection.execute(_TYPES).fetchall()
    for name, bare, kind, forced in relations:
        if forced:
            _alter(connection, f"TABLE {name}", "NO FORCE ROW LEVEL SECURITY")
        _alter(connection, f"{_WORDS[kind]} {name}", f"SET SCHEMA {schema}")
        _alter(connection, f"{_WORDS[kind]} {schema}.{bare}", f"OWNER TO {owner}")
    for (name,) in routines:
        _alter(connection, f"ROUTINE {name}", f"SET SCHEMA {schema}")
    for name, is_domain in types:
        _alter(connection, f"{'DOMAIN' if is_domain else 'TYPE'} {name}", f"SET SCHEMA {schema}")
    return {"relations": len(relations), "routines": len(routines), "types": len(types)}


def _alter(connection: Connection[Any], what: str, how: str) -> None:
    connection.execute(sql.SQL("ALTER " + what + " " + how))
