"""What the system catalog says about our tables, views and functions, spelled alike by every server.

Left out: what differs between servers (the compression of JSONB, NOT NULL as a named constraint).
"""

from dataclasses import dataclass
from typing import Any, Final, TypeVar

from psycopg import Connection
from psycopg.rows import class_row

Row = TypeVar("Row")

_OURS: Final = "n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'extensions')"

_TABLES: Final = f"""
SELECT c.relname AS name, coalesce(obj_description(c.oid, 'pg_class'), '') AS comment,
       CASE WHEN NOT c.relrowsecurity THEN 'off' WHEN c.relforcerowsecurity THEN 'forced' ELSE 'enabled' END
           AS row_security
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_OURS} AND c.relkind IN ('r', 'p') ORDER BY c.relname
"""  # noqa: S608 - composed of this file's text, as all below

_COLUMNS: Final = f"""
SELECT c.relname AS table_name, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
       a.attnotnull AS required,
       CASE a.attidentity::text WHEN 'a' THEN 'identity' WHEN 'd' THEN 'identity by default'
           ELSE coalesce(CASE WHEN a.attgenerated <> '' THEN 'generated ' ELSE '' END
                         || pg_get_expr(d.adbin, d.adrelid), '') END AS default_value,
       coalesce(col_description(c.oid, a.attnum), '') AS comment
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE {_OURS} AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum
"""  # noqa: S608 - the same

_CONSTRAINTS: Final = f"""
SELECT c.relname AS table_name, k.conname AS name, k.contype::text AS kind,
       pg_get_constraintdef(k.oid) AS definition,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS key (number, place)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = number ORDER BY place) AS columns,
       coalesce(f.relname::text, '') AS refers_to
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class f ON f.oid = k.confrelid
WHERE {_OURS} AND k.contype IN ('p', 'u', 'f', 'c', 'x')
ORDER BY c.relname, array_position('{{p,u,f,c,x}}', k.contype::text), k.conname
"""  # noqa: S608 - the same

_INDEXES: Final = f"""
SELECT c.relname AS table_name, i.relname AS name, x.indisunique AS is_unique,
       regexp_replace(pg_get_indexdef(i.oid), '^.* USING ', '')
           || CASE WHEN x.indisvalid THEN '' ELSE ' INVALID' END AS definition
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_OURS} AND c.relkind IN ('r', 'p') ORDER BY c.relname, i.relname
"""  # noqa: S608 - the same

_TRIGGERS: Final = f"""
SELECT c.relname AS table_name, t.tgname AS name, p.proname AS function,
       regexp_replace(regexp_replace(pg_get_triggerdef(t.oid), '^CREATE TRIGGER \\S+ ', ''),
                      ' (ON \\S+|EXECUTE FUNCTION .*)', '', 'g') AS occasion
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_proc p ON p.oid = t.tgfoid
WHERE {_OURS} AND c.relkind IN ('r', 'p') AND NOT t.tgisinternal ORDER BY c.relname, t.tgname
"""  # noqa: S608 - the same

_POLICIES: Final = f"""
SELECT c.relname AS table_name, p.polname AS name,
       CASE p.polcmd::text WHEN '*' THEN 'all' WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert'
                           WHEN 'w' THEN 'update' ELSE 'delete' END AS command,
       ARRAY(SELECT CASE role WHEN 0 THEN 'everybody' ELSE role::regrole::text END
             FROM unnest(p.polroles) AS role ORDER BY role::regrole::text COLLATE "C") AS roles,
       coalesce(pg_get_expr(p.polqual, p.polrelid), '') AS sees,
       coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '') AS writes
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_OURS} ORDER BY c.relname, p.polname
"""  # noqa: S608 - the same

_VIEWS: Final = f"""
SELECT format('%s.%s', n.nspname, c.relname) AS name,
       coalesce(obj_description(c.oid, 'pg_class'), '') AS comment
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_OURS} AND c.relkind IN ('v', 'm')
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname, c.relname
"""  # noqa: S608 - the same

_FUNCTIONS: Final = f"""
SELECT CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END
           || format('%s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)) AS name,
       CASE WHEN p.prosecdef THEN p.proowner::regrole::text ELSE '' END AS runs_as,
       coalesce(obj_description(p.oid, 'pg_proc'), '') AS comment
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE {_OURS}
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
ORDER BY n.nspname, p.proname, pg_get_function_identity_arguments(p.oid) COLLATE "C"
"""  # noqa: S608 - the same


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    comment: str
    row_security: str


@dataclass(frozen=True, slots=True)
class Column:
    table_name: str
    name: str
    type: str
    required: bool
    default_value: str
    comment: str


@dataclass(frozen=True, slots=True)
class Constraint:
    """`kind` is the catalog's letter: p, u, f, c or x; `refers_to` is a foreign key's table."""

    table_name: str
    name: str
    kind: str
    definition: str
    columns: list[str]
    refers_to: str


@dataclass(frozen=True, slots=True)
class Index:
    table_name: str
    name: str
    is_unique: bool
    definition: str


@dataclass(frozen=True, slots=True)
class Trigger:
    table_name: str
    name: str
    function: str
    occasion: str


@dataclass(frozen=True, slots=True)
class Policy:
    table_name: str
    name: str
    command: str
    roles: list[str]
    sees: str
    writes: str


@dataclass(frozen=True, slots=True)
class View:
    name: str
    comment: str


@dataclass(frozen=True, slots=True)
class Function:
    """`runs_as` is the owner where the function runs with the owner's rights, else empty."""

    name: str
    runs_as: str
    comment: str


@dataclass(frozen=True, slots=True)
class Schema:
    """Everything in the order in which a page shows it; the lists of a table's parts by its name."""

    tables: list[Table]
    columns: list[Column]
    constraints: list[Constraint]
    indexes: list[Index]
    triggers: list[Trigger]
    policies: list[Policy]
    views: list[View]
    functions: list[Function]


def read_schema(connection: Connection[Any]) -> Schema:
    return Schema(
        tables=_listed(connection, Table, _TABLES),
        columns=_listed(connection, Column, _COLUMNS),
        constraints=_listed(connection, Constraint, _CONSTRAINTS),
        indexes=_listed(connection, Index, _INDEXES),
        triggers=_listed(connection, Trigger, _TRIGGERS),
        policies=_listed(connection, Policy, _POLICIES),
        views=_listed(connection, View, _VIEWS),
        functions=_listed(connection, Function, _FUNCTIONS),
    )


def _listed(connection: Connection[Any], kind: type[Row], sql: str) -> list[Row]:
    with connection.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(sql.encode()).fetchall()
