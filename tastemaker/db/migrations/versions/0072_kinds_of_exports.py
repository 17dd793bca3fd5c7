"""Exports as Excel workbooks and Parquet.

Lock: ACCESS EXCLUSIVE on `exports` for an instant. The code before it asks for no such file and goes on.
"""

from alembic import op

revision = "0072"
down_revision = "0071"
branch_labels = None
depends_on = None

SQL = """
ALTER TABLE exports DROP CONSTRAINT ck_exports_format;
ALTER TABLE exports ADD CONSTRAINT ck_exports_format
    CHECK (format IN ('csv', 'json', 'jsonl', 'xlsx', 'parquet'));
COMMENT ON COLUMN exports.format IS 'csv, json, jsonl (one JSON document on each line), xlsx or parquet.';
"""


def upgrade() -> None:
    op.execute(SQL)
