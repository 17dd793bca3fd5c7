"""What a role can reach, by the catalog: tables, views, functions, columns."""

from typing import Any, Final

from psycopg import sql

from tests.db.isolation.planting import Connection

RELATIONS: Final = """
    SELECT format('%%I.%%I', n.nspname, c.relname), c.relkind
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND has_schema_privilege(%(role)s, n.oid, 'USAGE')
      AND NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
      AND (has_table_privilege(%(role)s, c.oid,
                               'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
           OR has_any_column_privilege(%(role)s, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES'))
    ORDER BY 1
"""

FUNCTIONS: Final = """
    SELECT p.oid::regprocedure::text, p.oid, p.prosecdef
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND has_schema_privilege(%(role)s, n.oid, 'USAGE')
      AND has_function_privilege(%(role)s, p.oid, 'EXECUTE')
      AND p.prorettype <> 'trigger'::regtype
      AND NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
    ORDER BY 1
"""


def tables_of(owner: Connection, role: str) -> list[str]:
    return [name for name, kind in owner.execute(RELATIONS, {"role": role}) if kind in ("r", "p")]


def views_of(owner: Connection, role: str) -> list[str]:
    return [name for name, kind in owner.execute(RELATIONS, {"role": role}) if kind not in ("r", "p")]


def functions_of(owner: Connection, role: str) -> list[Any]:
    return owner.execute(FUNCTIONS, {"role": role}).fetchall()


def named(relation: str) -> sql.Composable:
    """`schema.name` or a name alone, as the catalog spells it."""
    return sql.Identifier(*(part.strip('"') for part in relation.split(".")))


def may(owner: Connection, role: str, relation: str, right: str) -> bool:
    row = owner.execute(
        "SELECT has_table_privilege(%s, %s, %s) OR has_any_column_privilege(%s, %s, %s)"
        if right in ("SELECT", "INSERT", "UPDATE")
        else "SELECT has_table_privilege(%s, %s, %s)",
        (role, relation, right) * (2 if right in ("SELECT", "INSERT", "UPDATE") else 1),
    ).fetchone()
    assert row is not None
    return bool(row[0])
