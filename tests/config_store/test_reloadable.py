from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest

from tastemaker.config_store.queries import list_reloadable
from tastemaker.db.pool import Database

SETTINGS = """
INSERT INTO system_configurations (category, key, value, value_type, is_hot_reloadable) VALUES
    ('test', 'decimal', '0.1', 'number', 'true'), ('test', 'span', '90s', 'duration', 'true'),
    ('test', 'bare span', '30000', 'duration', 'true'), ('test', 'flag', ' TRUE', 'boolean', 'true'),
    ('test', 'word', 'INFO', 'string', 'true'), ('test', 'cold', '1', 'number', 'false'),
    ('test', 'broken number', 'many', 'number', 'true'), ('test', 'no number', 'NaN', 'number', 'true'),
    ('test', 'broken flag', 'maybe', 'boolean', 'true'),
    ('test', 'broken span', '5 parsecs', 'duration', 'true'),
    ('other', 'decimal', '2', 'number', 'true')
"""


@pytest.fixture(autouse=True)
def settings(admin_url: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        # As from a time before the database refused them.
        admin.execute("ALTER TABLE system_configurations DISABLE TRIGGER refuse_unreadable")
        admin.execute(SETTINGS)


async def test_a_category_is_read_typed_and_without_what_cannot_be_read(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    values = {found.key: found.value for found in await list_reloadable(database, "test")}
    assert values == {
        "bare span": timedelta(seconds=30),
        "decimal": Decimal("0.1"),
        "flag": True,
        "span": timedelta(seconds=90),
        "word": "INFO",
    }
    assert sorted(record.args[1] for record in caplog.records if isinstance(record.args, tuple)) == [
        "broken flag", "broken number", "broken span", "no number"
    ]  # fmt: skip


async def test_the_limits_of_the_installation_are_there(database: Database) -> None:
    assert await list_reloadable(database, "api_limits")
    assert await list_reloadable(database, "no such category") == ()
