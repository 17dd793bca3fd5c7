"""A database's schema as a set of lines, read from the system catalog: equal lines, equal schemas.

Only the schema `public`, so that an adopted database compares with a fresh one. Grants, policies, triggers,
functions and whether existing rows were checked (NOT VALID) are in `catalog_rights`.
"""

from psycopg import Connection

MACHINERY = ("alembic_version", "schema_migrations_applied")
"""The history's own tables, which no code but the migrator's reads."""

_COLUMNS = """
SELECT format('column %%s.%%s %%s%%s%%s%%s%%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
              CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END,
              coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), ''),
              CASE a.attidentity::text WHEN '' THEN '' ELSE ' IDENTITY ' || a.attidentity::text END,
              CASE a.attgenerated::text WHEN '' THEN '' ELSE ' GENERATED ' || a.attgenerated::text END)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relname <> ALL (%(machinery)s)
  AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
"""

_CONSTRAINTS = """
SELECT format('constraint %%s.%%s %%s', c.relname, k.conname,
              regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', ''))
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relname <> ALL (%(machinery)s)
  AND k.contype IN ('p', 'u', 'f', 'c', 'x')
"""

_INDEXES = """
SELECT format('index %%s.%%s %%s%%s', c.relname, i.relname, pg_get_indexdef(i.oid),
              CASE WHEN x.indisvalid THEN '' ELSE ' INVALID' END)
FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relname <> ALL (%(machinery)s)
"""


def schema_of(connection: Connection) -> set[str]:
    """Names are qualified, so that where an extension lives does not matter to the reader of a difference."""
    connection.execute("SET search_path = ''")
    lines: set[str] = set()
    for query in (_COLUMNS, _CONSTRAINTS, _INDEXES):
        rows = connection.execute(query.encode(), {"machinery": list(MACHINERY)})
        lines.update(line for (line,) in rows)
    connection.execute("SET search_path = public, extensions")
    return lines


def without_comment(connection: Connection) -> list[str]:
    """Schemas, tables, views, columns of tables and functions of ours that say nothing about themselves."""
    rows = connection.execute(
        """
        WITH ours AS (
            SELECT oid, nspname FROM pg_namespace
            WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'extensions')
        ), brought AS (
            SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
        )
        SELECT nspname FROM ours WHERE obj_description(oid, 'pg_namespace') IS NULL
        UNION ALL
        SELECT c.oid::regclass::text FROM pg_class c
        WHERE c.relnamespace IN (SELECT oid FROM ours) AND c.relkind IN ('r', 'p', 'v', 'm')
          AND obj_description(c.oid, 'pg_class') IS NULL
          AND ('pg_class'::regclass, c.oid) NOT IN (TABLE brought)
        UNION ALL
        SELECT c.oid::regclass || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace IN (SELECT oid FROM ours) AND c.relkind IN ('r', 'p') AND a.attnum > 0
          AND NOT a.attisdropped AND col_description(c.oid, a.attnum) IS NULL
        UNION ALL
        SELECT p.oid::regprocedure::text FROM pg_proc p
        WHERE p.pronamespace IN (SELECT oid FROM ours) AND obj_description(p.oid, 'pg_proc') IS NULL
          AND ('pg_proc'::regclass, p.oid) NOT IN (TABLE brought)
        """
    )
    return [name for (name,) in rows]
