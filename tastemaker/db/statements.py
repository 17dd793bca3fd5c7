"""SQL statements: a text with `%(name)s` parameters and the type of its rows.

Every statement that stands at the top of a module is prepared against the migrated schema by
`tests/db/test_statements.py`, which compares columns, types, NULLs and parameters with what is written here.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from functools import cache, lru_cache
from itertools import chain, product
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Final, Generic, TypeVar, Union, get_args, get_origin, get_type_hints, overload

from psycopg.rows import RowMaker

Row = TypeVar("Row")
Convert = Callable[[Any], Any]

PARAMETER: Final = re.compile(r"%\((\w+)\)s")
NUMERIC: Final = 1700
"""PostgreSQL's type of `sum(bigint)`, among others, which psycopg reads as Decimal."""


@dataclass(frozen=True, slots=True, eq=False)
class Statement(Generic[Row]):
    """`row` is a dataclass whose fields are the columns, or the type of the only column.

    `not_null` names expressions and columns of outer joins that are never NULL, which the schema cannot tell.
    `nullable`: the only column may be NULL.
    """

    sql: str
    row: type[Row]
    not_null: frozenset[str] = frozenset()
    nullable: bool = False
    parameters: frozenset[str] = field(init=False)
    query: bytes = field(init=False, repr=False)
    _makers: dict[tuple[int, ...], RowMaker[Row]] = field(init=False, repr=False, default_factory=dict)
    """By the types of the columns: psycopg describes each column anew for each result, which takes longer."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", frozenset(PARAMETER.findall(self.sql)))
        object.__setattr__(self, "query", self.sql.encode())

    def check(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """The parameters. Raises TypeError unless they are those that the statement names."""
        if params.keys() != self.parameters:
            wrong = ", ".join(sorted(params.keys() ^ self.parameters))
            raise TypeError(f"missing or unknown parameters: {wrong}; the statement begins {self.sql[:60]!r}")
        return params

    def make_rows(self, cursor: Any) -> RowMaker[Row]:  # noqa: ANN401 - psycopg's cursor, async or not
        """Psycopg's row factory for this statement."""
        result = cursor.pgresult
        kinds = () if result is None else tuple(map(result.ftype, range(result.nfields)))
        make = self._makers.get(kinds)
        if make is None:
            columns = tuple((column.name, column.type_code) for column in cursor.description or ())
            make = self._makers[kinds] = _row_maker(self.row, columns)
        return make


@overload
def statement(sql: str) -> Statement[None]: ...


@overload
def statement(sql: str, row: type[Row], *, not_null: str = "", nullable: bool = False) -> Statement[Row]: ...


def statement(
    sql: str,
    row: Any = NoneType,
    *,
    not_null: str = "",
    nullable: bool = False,
) -> Statement[Any]:
    """A statement; without `row` it returns no rows. `not_null`: names of columns, separated by spaces."""
    return Statement(sql, row, frozenset(not_null.split()), nullable)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Pieces of which a statement may hold any number."""

    pieces: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OneOf:
    """Pieces of which a statement holds exactly one."""

    pieces: Mapping[str, str]


def any_of(**pieces: str) -> AnyOf:
    return AnyOf(MappingProxyType(pieces))


def one_of(**pieces: str) -> OneOf:
    return OneOf(MappingProxyType(pieces))


@dataclass(frozen=True, slots=True, eq=False)
class Composition(Generic[Row]):
    """A statement with slots, `{name}`, that constant pieces fill: optional filters, the order of rows."""

    sql: str
    row: type[Row]
    slots: Mapping[str, AnyOf | OneOf]
    not_null: frozenset[str] = frozenset()

    def choose(self, **chosen: str | Sequence[str]) -> Statement[Row]:
        """The statement with these pieces, by name. The same choice gives the same statement."""
        return _composed(
            self,
            tuple(
                (slot, (names,) if isinstance(names, str) else tuple(names)) for slot, names in chosen.items()
            ),
        )

    def variants(self) -> Iterator[Statement[Row]]:
        """With none, each and all of the optional pieces, for each of the exclusive ones."""
        optional = {slot: tuple(one.pieces) for slot, one in self.slots.items() if isinstance(one, AnyOf)}
        exclusive = {slot: tuple(one.pieces) for slot, one in self.slots.items() if isinstance(one, OneOf)}
        single: list[dict[str, tuple[str, ...]]] = [
            {slot: (name,)} for slot, names in optional.items() for name in names
        ]
        choices = [{}, *single, optional]
        for names in product(*exclusive.values()):
            fixed = {slot: (name,) for slot, name in zip(exclusive, names, strict=True)}
            yield from (self.choose(**choice, **fixed) for choice in choices)


def composed(sql: str, row: type[Row], *, not_null: str = "", **slots: AnyOf | OneOf) -> Composition[Row]:
    return Composition(sql, row, MappingProxyType(slots), frozenset(not_null.split()))


@lru_cache(maxsize=1024)
def _composed(
    composition: Composition[Row], chosen: tuple[tuple[str, tuple[str, ...]], ...]
) -> Statement[Row]:
    names = dict(chosen)
    filled: dict[str, str] = {}
    for slot, pieces in composition.slots.items():
        wanted = names.pop(slot, ())
        if isinstance(pieces, OneOf) and len(wanted) != 1:
            raise TypeError(f"{slot} takes exactly one of {', '.join(pieces.pieces)}")
        filled[slot] = " ".join(pieces.pieces[name] for name in wanted)
    if names:
        raise TypeError(f"no slot is named {', '.join(names)}")
    return Statement(composition.sql.format(**filled), composition.row, composition.not_null)


def _row_maker(row: Any, columns: tuple[tuple[str, int], ...]) -> RowMaker[Any]:  # noqa: ANN401 - any type
    if isinstance(row, type) and is_dataclass(row):
        return _dataclass_maker(row, columns)
    if len(columns) > 1:
        raise TypeError(f"{len(columns)} columns do not make one {row.__name__}")
    convert = _conversion(row, columns[0][1]) if columns else None
    if convert is None:
        return lambda values: values[0]
    return lambda values: None if values[0] is None else convert(values[0])


def _dataclass_maker(row: Any, columns: tuple[tuple[str, int], ...]) -> RowMaker[Any]:  # noqa: ANN401 - a dataclass
    hints = row_hints(row)
    order = {name: place for place, (name, _) in enumerate(columns)}
    names = [one.name for one in fields(row) if one.init]
    if missing := set(order) ^ set(names):
        raise TypeError(f"{row.__name__} and the columns differ in {', '.join(sorted(missing))}")
    conversions = [
        (order[name], convert)
        for name in names
        if (convert := _conversion(hints[name], columns[order[name]][1])) is not None
    ]

    def make(values: Sequence[Any]) -> Any:  # noqa: ANN401 - the dataclass, which the statement knows
        if conversions:
            values = list(values)
            for place, convert in conversions:
                if values[place] is not None:
                    values[place] = convert(values[place])
        return row(**dict(zip(order, values, strict=True)))

    return make


@cache
def row_hints(row: Any) -> Mapping[str, Any]:  # noqa: ANN401 - a type
    """The types of a dataclass's fields."""
    return get_type_hints(row)


def without_none(hint: Any) -> tuple[Any, bool]:  # noqa: ANN401 - any annotation
    """The type beside `None`, and whether None is allowed."""
    if get_origin(hint) not in (Union, UnionType):
        return hint, hint in (None, NoneType, Any, object)
    rest = [one for one in get_args(hint) if one is not NoneType]
    return (rest[0] if len(rest) == 1 else Union[tuple(rest)]), len(rest) < len(get_args(hint))  # noqa: UP007 - of a tuple


def _conversion(hint: Any, type_code: int) -> Convert | None:  # noqa: ANN401 - any annotation
    """What makes the annotated type out of the value that psycopg reads; None where it is that already."""
    hint, _ = without_none(hint)
    while hasattr(hint, "__supertype__"):
        hint = hint.__supertype__
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    if hint in (int, float) and type_code == NUMERIC:
        return int if hint is int else float
    kind = get_origin(hint) or hint
    if kind not in (list, tuple, set, frozenset):
        return None
    inner = next(chain(get_args(hint), (Any,)))
    convert = _conversion(inner, 0)
    if convert is not None:
        return lambda values: kind(map(convert, values))
    return None if kind is list else kind
