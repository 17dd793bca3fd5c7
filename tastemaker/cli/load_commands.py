"""`tastemaker db sizes` and `db slow`: what takes room, what takes time. As the administrator."""

from dataclasses import asdict

from tastemaker.cli import screen
from tastemaker.cli.listing_commands import show_table
from tastemaker.cli.numbers import size
from tastemaker.cli.plain_text import plain
from tastemaker.cli.table import Column
from tastemaker.core.errors import DatabaseUnavailable
from tastemaker.core.settings import get_settings
from tastemaker.db.access import Access, database_access
from tastemaker.ops.load_queries import By, StatementStatistics, TableSize, list_sizes, list_statements

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


def show_sizes(*, limit: int, as_json: bool) -> None:
    with database_access(get_settings()) as access:
        found = list_sizes(_administrator(access), limit=limit)
    if as_json:
        screen.write_json({"tables": [asdict(table) for table in found]})
    else:
        show_table(SIZE_COLUMNS, [_size_row(table) for table in found])


def show_slow(*, by: By, limit: int, as_json: bool) -> None:
    with database_access(get_settings()) as access:
        found = list_statements(_administrator(access), by=by, limit=limit)
    if as_json:
        screen.write_json({"statements": [asdict(statement) for statement in found]})
    else:
        show_table(STATEMENT_COLUMNS, [_statement_row(statement) for statement in found])


def _administrator(access: Access) -> str:
    if access.admin_url is None:
        raise DatabaseUnavailable("The administrator alone sees everybody's load. Set DATABASE_ADMIN_URL.")
    return access.admin_url


def _size_row(table: TableSize) -> tuple[str, ...]:
    name = table.name if table.schema == "public" else f"{table.schema}.{table.name}"
    parts = (size(table.total), f"{table.rows:,}", size(table.table), size(table.toast), size(table.indexes))
    return (plain(name), *parts)


def _statement_row(statement: StatementStatistics) -> tuple[str, ...]:
    words = plain(" ".join(statement.query.split()))
    return f"{statement.mean_ms:,.2f}", f"{statement.calls:,}", f"{statement.total_ms / 1000:,.1f}", words
