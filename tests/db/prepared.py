"""What PostgreSQL says of a statement that it prepares, held against the code around it."""

import ast
import importlib
import inspect
import pkgutil
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import psycopg

import tastemaker
from tastemaker.db.statements import (
    PARAMETER,
    Composition,
    Statement,
    row_hints,
    without_none,
)
from tests.rules.source import Source, Violation

NOT_IMPORTED = (
    "tastemaker.db.migrations.versions", "tastemaker.db.migrations.env", "tastemaker.cli.__main__",
)  # fmt: skip

TEXT = {"text", "varchar", "name", "bpchar", "unknown", "char"}
INTEGERS = {"int2", "int4", "int8", "oid"}
TYPES: Mapping[type, set[str]] = {
    bool: {"bool"},
    int: INTEGERS | {"numeric"},
    float: {"float4", "float8", "numeric"},
    Decimal: {"numeric"},
    str: TEXT,
    UUID: {"uuid"},
    datetime: {"timestamp", "timestamptz"},
    date: {"date"},
    timedelta: {"interval"},
    bytes: {"bytea"},
}
"""PostgreSQL's types whose values psycopg reads as the Python type."""

SENT: Mapping[type, set[str]] = {
    int: INTEGERS | {"numeric", "float8"},
    float: {"float4", "float8", "numeric"},
    str: TEXT | {"uuid", "jsonb", "json", "interval", "inet"},
    datetime: {"timestamp", "timestamptz"},
}
"""Parameters that PostgreSQL takes from the Python type, beside those of TYPES."""

OUTER = re.compile(r"\b(?:LEFT|RIGHT|FULL)\s+(?:OUTER\s+)?JOIN\s+(?:LATERAL\s+)?(\w+|\()", re.IGNORECASE)
CONTAINERS = {"list", "tuple", "set", "frozenset", "Sequence", "Collection", "Iterable", "Set"}
METHODS = {"one", "only", "many", "run"}
FUNCTIONS = {"read_one", "read_many"}


class Column(NamedTuple):
    name: str
    kind: str
    may_be_null: bool


class Described(NamedTuple):
    parameters: Mapping[str, str]
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Catalog:
    """A connection, with the names of types and the columns that are never NULL."""

    connection: psycopg.Connection[Any]
    kinds: Mapping[int, str]
    required: frozenset[tuple[int, int]]
    tables: Mapping[str, int]

    def describe(self, asked: Statement[Any]) -> Described:
        names = sorted(asked.parameters)
        numbered = PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", asked.sql).replace("%%", "%")
        prepared = self.connection.pgconn.prepare(b"", numbered.encode())
        if prepared.error_message:
            raise AssertionError(prepared.error_message.decode().strip())
        known = self.connection.pgconn.describe_prepared(b"")
        parameters = {name: self.kinds[known.param_type(place)] for place, name in enumerate(names)}
        outer = {self.tables.get(name.lower(), -1) for name in OUTER.findall(asked.sql)}
        columns = tuple(
            Column(
                (known.fname(place) or b"").decode(),
                self.kinds[known.ftype(place)],
                self._may_be_null(known.ftable(place), known.ftablecol(place), outer),
            )
            for place in range(known.nfields)
        )
        return Described(parameters, columns)

    def _may_be_null(self, table: int, column: int, outer: set[int]) -> bool:
        """-1 among the outer-joined ones stands for what is no table: its columns may come from any."""
        return (table, column) not in self.required or table in outer or -1 in outer


# --- what is compared ---------------------------------------------------------------------------------


def differences(asked: Statement[Any], known: Described) -> Iterator[str]:
    """Between the columns that PostgreSQL describes and the row that the statement declares."""
    if asked.row is types.NoneType:
        if known.columns and [column.kind for column in known.columns] != ["void"]:
            yield f"its columns {[column.name for column in known.columns]} have no row"
        return
    names = [column.name for column in known.columns]
    yield from (f"not_null names {name}, which is no column" for name in asked.not_null - set(names))
    if not is_dataclass(asked.row):
        if len(known.columns) != 1:
            yield f"{len(known.columns)} columns for one value"
            return
        yield from _unlike(known.columns[0], asked.row, asked)
        return
    hints = row_hints(asked.row)
    expected = [one.name for one in fields(asked.row) if one.init]
    if sorted(names) != sorted(expected):
        yield f"columns {sorted(set(names) ^ set(expected)) or names} differ from {asked.row.__name__}"
        return
    for column in known.columns:
        yield from _unlike(column, hints[column.name], asked)


def _unlike(column: Column, hint: Any, asked: Statement[Any]) -> Iterator[str]:  # noqa: ANN401 - any type
    kind, allows_none = without_none(hint)
    if not fits(kind, column.kind, TYPES):
        yield f"{column.name} is {column.kind}, not {kind}"
    if column.may_be_null and not allows_none and column.name not in asked.not_null and not asked.nullable:
        yield f"{column.name} may be NULL"


def fits(hint: Any, kind: str, known: Mapping[type, set[str]]) -> bool:  # noqa: ANN401 - any type
    """Whether a value of PostgreSQL's type `kind` is one of the annotated Python type."""
    hint, _ = without_none(hint)
    while hasattr(hint, "__supertype__"):
        hint = hint.__supertype__
    if hint in (Any, object):
        return True
    origin = get_origin(hint) or hint
    if origin in (Union, types.UnionType):
        return any(fits(one, kind, known) for one in get_args(hint))
    if kind in ("json", "jsonb"):
        return not (isinstance(hint, type) and issubclass(hint, (UUID, datetime, bytes)))
    if kind.startswith("_"):
        inner = get_args(hint)
        return _is_container(origin) and (not inner or fits(inner[0], kind[1:], known))
    if kind == "record" or kind.startswith("record"):
        return True
    if isinstance(hint, type) and issubclass(hint, Enum):
        hint = str if issubclass(hint, str) else type(next(iter(hint)).value)
    return kind in known.get(hint, set())


def _is_container(origin: object) -> bool:
    return getattr(origin, "__name__", "") in CONTAINERS


# --- where the statements are -------------------------------------------------------------------------


def modules() -> Iterator[types.ModuleType]:
    for found in pkgutil.walk_packages(tastemaker.__path__, "tastemaker."):
        if not found.name.startswith(NOT_IMPORTED):
            yield importlib.import_module(found.name)


def named_statements() -> dict[str, Statement[Any]]:
    """By module and name; a composition with each of its variants."""
    found: dict[str, Statement[Any]] = {}
    for module in modules():
        for name, value in vars(module).items():
            place = f"{module.__name__}.{name}"
            for number, one in enumerate(_statements_in(value)):
                found[f"{place}[{number}]" if number else place] = one
    return {place: one for one, place in {one: place for place, one in found.items()}.items()}


def _statements_in(value: object) -> Iterator[Statement[Any]]:
    if isinstance(value, Statement):
        yield value
    elif isinstance(value, Composition):
        yield from value.variants()
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _statements_in(one)
    elif isinstance(value, list | tuple):
        for one in value:
            if isinstance(one, (Statement, Composition)):
                yield from _statements_in(one)


def inner_statements(source: Source) -> Iterator[Violation]:
    """Statements made inside functions, which no test would find."""
    for function in source.nodes():
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and _called(node) in {"statement", "composed"}:
                    yield Violation(source.path, node.lineno, f"{_called(node)}() inside {function.name}()")


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""


# --- how they are called ------------------------------------------------------------------------------


def calls(source: Source, module: types.ModuleType) -> Iterator[tuple[int, Statement[Any], ast.Call, Any]]:
    """Each call of a named statement, with the annotations of the function that it stands in."""
    for function in source.nodes():
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and (asked := _asked(node, module)) is not None:
                yield node.lineno, asked, node, _hints(module, function.name)


def _asked(node: ast.Call, module: types.ModuleType) -> Statement[Any] | None:
    if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS and node.args:
        place = node.args[0]
    elif _called(node) in FUNCTIONS and len(node.args) > 2:
        place = node.args[2]
    else:
        return None
    value: object = None
    if isinstance(place, ast.Name):
        value = getattr(module, place.id, None)
    elif isinstance(place, ast.Attribute) and isinstance(place.value, ast.Name):
        value = getattr(getattr(module, place.value.id, None), place.attr, None)
    return value if isinstance(value, Statement) else None


def _hints(module: types.ModuleType, name: str) -> Mapping[str, Any]:
    function = inspect.unwrap(getattr(module, name, None) or (lambda: None))
    try:
        return get_type_hints(function)
    except (NameError, TypeError):  # imported for the type checker alone
        return {}


def wrong_parameters(
    asked: Statement[Any], node: ast.Call, hints: Mapping[str, Any], known: Described
) -> Iterator[str]:
    given = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg is not None}
    is_whole = len(given) == len(node.keywords)
    if unknown := given.keys() - asked.parameters:
        yield f"unknown parameters {sorted(unknown)}"
    if is_whole and (missing := asked.parameters - given.keys()):
        yield f"missing parameters {sorted(missing)}"
    for name, value in given.items():
        if isinstance(value, ast.Name) and value.id in hints and name in known.parameters:
            kind = known.parameters[name]
            both = {one: TYPES.get(one, set()) | SENT.get(one, set()) for one in {*TYPES, *SENT}}
            if not fits(hints[value.id], kind, both):
                yield f"{name} is {kind}, and {hints[value.id]} is given"
