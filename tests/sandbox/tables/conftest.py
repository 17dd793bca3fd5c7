import gzip
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tastemaker.sandbox.tables.importing import ImportReport, import_tables


class Tables:
    """Writes tables and imports them into one corpus."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "corpus.sqlite3"

    def write(self, name: str, content: str) -> Path:
        file = self.folder / name
        if name.endswith(".gz"):
            file.write_bytes(gzip.compress(content.encode()))
        else:
            file.write_text(content, encoding="utf-8")
        return file

    def load(self, *tables: tuple[str, str], **options: Any) -> ImportReport:  # noqa: ANN401 - passed on
        return import_tables(self.path, [self.write(*table) for table in tables], **options)

    def rows(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(f"SELECT {columns} FROM {table} ORDER BY id").fetchall()  # noqa: S608 - tests


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    return Tables(tmp_path)
