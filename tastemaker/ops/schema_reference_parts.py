"""The parts of the schema's reference: the diagram, a table's section, and Markdown tables of their own."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from tastemaker.ops.schema_reference_queries import (
    Column,
    Constraint,
    Index,
    Policy,
    Schema,
    Table,
    Trigger,
)

_SHORT_TYPES: Final = {
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "character varying": "varchar",
}


def diagram(schema: Schema) -> str:
    """Each table with its keys; what it has besides is below."""
    unique = {(k.table_name, tuple(k.columns)) for k in schema.constraints if k.kind in {"p", "u"}}
    columns = {(column.table_name, column.name): column for column in schema.columns}
    lines = ["## Diagram", "", "```mermaid", "erDiagram"]
    for key in (k for k in schema.constraints if k.kind == "f"):
        required = all(columns[key.table_name, name].required for name in key.columns)
        one = (key.table_name, tuple(key.columns)) in unique
        ends = f"{'||' if required else '|o'}--{'o|' if one else 'o{'}"
        lines.append(f'    {key.refers_to} {ends} {key.table_name} : "{", ".join(key.columns)}"')
    for table in schema.tables:
        keys = _keys_by_column(k for k in schema.constraints if k.table_name == table.name)
        lines.append(f"    {table.name} {{")
        lines.extend(
            f"        {short(columns[table.name, name].type)} {name} {', '.join(kinds)}"
            for name, kinds in keys.items()
        )
        lines.append("    }")
    return "\n".join([*lines, "```", ""])


def _keys_by_column(constraints: Iterable[Constraint]) -> dict[str, list[str]]:
    """A UNIQUE over several columns is no key of any one of them."""
    kinds: dict[str, list[str]] = {}
    for constraint in constraints:
        alone = len(constraint.columns) == 1
        if sign := {"p": "PK", "u": "UK" if alone else None, "f": "FK"}.get(constraint.kind):
            for column in constraint.columns:
                held = kinds.setdefault(column, [])
                if sign not in held:
                    held.append(sign)
    return kinds


def table(schema: Schema, described: Table) -> str:
    name = described.name
    parts = [
        f"## {name}",
        "",
        text(described.comment),
        "",
        *_columns([each for each in schema.columns if each.table_name == name]),
        *_constraints([each for each in schema.constraints if each.table_name == name]),
        *_indexes([each for each in schema.indexes if each.table_name == name]),
        *_triggers([each for each in schema.triggers if each.table_name == name]),
        f"Row-level security: {described.row_security}.",
        "",
        *_policies([each for each in schema.policies if each.table_name == name]),
    ]
    return "\n".join(parts)


def _columns(columns: Sequence[Column]) -> Iterator[str]:
    return grid(
        ("Column", "Type", "Null", "Default", "Meaning"),
        (
            (
                code(column.name),
                code(short(column.type)),
                "" if column.required else "yes",
                code(short(column.default_value)),
                text(column.comment),
            )
            for column in columns
        ),
    )


def _constraints(constraints: Sequence[Constraint]) -> Iterator[str]:
    return grid(
        ("Constraint", "Definition"), ((code(k.name), code(short(k.definition))) for k in constraints)
    )


def _indexes(indexes: Sequence[Index]) -> Iterator[str]:
    return grid(
        ("Index", "Unique", "On"),
        (
            (code(index.name), "yes" if index.is_unique else "", code(short(index.definition)))
            for index in indexes
        ),
    )


def _triggers(triggers: Sequence[Trigger]) -> Iterator[str]:
    return grid(
        ("Trigger", "When", "Function"),
        ((code(each.name), code(each.occasion), code(each.function)) for each in triggers),
    )


def _policies(policies: Sequence[Policy]) -> Iterator[str]:
    return grid(
        ("Policy", "For", "To", "Sees", "May write"),
        (
            (
                code(each.name),
                each.command,
                ", ".join(code(role) for role in each.roles),
                code(condition(each.sees)),
                code(condition(each.writes)),
            )
            for each in policies
        ),
    )


def grid(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A Markdown table and the empty line after it; nothing where there is no row."""
    filled = [f"| {' | '.join(row)} |" for row in rows]
    if filled:
        yield f"| {' | '.join(heads)} |"
        yield f"|{'---|' * len(heads)}"
        yield from (re.sub(r" +\|", " |", line) for line in filled)
        yield ""


def short(text: str) -> str:
    for long, short in _SHORT_TYPES.items():
        text = text.replace(long, short)
    return text


def condition(expression: str) -> str:
    """On one line, without the name that the server gives to a subquery's column."""
    return re.sub(r"\( SELECT (\w+)\(\) AS \1\)", r"(SELECT \1())", re.sub(r"\s+", " ", expression))


def code(text: str) -> str:
    return "`" + text.replace("|", r"\|") + "`" if text else ""


def text(comment: str) -> str:
    return comment.replace("|", r"\|").replace("<", "&lt;").replace("*", r"\*")
