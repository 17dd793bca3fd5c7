"""`tastemaker db sizes` and `db slow`: what takes room, what takes time. As the administrator."""

from enum import StrEnum
from typing import Annotated

import typer

from tastemaker.cli.listing import Listing
from tastemaker.cli.numbers import size
from tastemaker.cli.options import Json, Limit
from tastemaker.cli.plain_text import plain
from tastemaker.cli.table import Column
from tastemaker.core.errors import DatabaseUnavailable
from tastemaker.core.settings import get_settings
from tastemaker.db.access import DatabaseUrls, database_access
from tastemaker.ops.load_queries import StatementStatistics, TableSize, list_sizes, list_statements


class Order(StrEnum):
    MEAN = "mean"
    TOTAL = "total"


SIZE_COLUMNS = (
    Column(title="Table", least=12, most=50),
    Column(title="Total", right=True),
    Column(title="Rows", right=True, rank=1),
    Column(title="Table alone", right=True, rank=3),
    Column(title="Outside", right=True, rank=4),
    Column(title="Indexes", right=True, rank=2),
)

STATEMENT_COLUMNS = (
    Column(title="Mean ms", right=True),
    Column(title="Calls", right=True, rank=1),
    Column(title="Total s", right=True, rank=2),
    Column(title="Statement", least=20, most=200),
)


def _size_row(table: TableSize) -> tuple[str, ...]:
    name = table.name if table.schema == "public" else f"{table.schema}.{table.name}"
    parts = (size(table.total), f"{table.rows:,}", size(table.table), size(table.toast), size(table.indexes))
    return (plain(name), *parts)


def _statement_row(statement: StatementStatistics) -> tuple[str, ...]:
    words = plain(" ".join(statement.query.split()))
    return f"{statement.mean_ms:,.2f}", f"{statement.calls:,}", f"{statement.total_ms / 1000:,.1f}", words


SIZES = Listing("tables", SIZE_COLUMNS, _size_row, empty="There is no table.")
STATEMENTS = Listing("statements", STATEMENT_COLUMNS, _statement_row, empty="There is no statement.")


def sizes(*, limit: Limit = 50, as_json: Json = False) -> None:
    """Show what takes room: tables with what they hold outside their rows, and their indexes."""
    with database_access(get_settings()) as access:
        found = list_sizes(_administrator(access), limit=limit)
    SIZES.show(found, as_json=as_json)


def slow(
    *,
    by: Annotated[
        Order, typer.Option("--by", help="By the mean of one call, or by all calls together.")
    ] = Order.MEAN,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show what takes time: the slowest statements, as the server counts them."""
    with database_access(get_settings()) as access:
        found = list_statements(_administrator(access), by=by.value, limit=limit)
    STATEMENTS.show(found, as_json=as_json)


def _administrator(access: DatabaseUrls) -> str:
    if access.admin_url is None:
        raise DatabaseUnavailable("The administrator alone sees everybody's load. Set DATABASE_ADMIN_URL.")
    return access.admin_url
