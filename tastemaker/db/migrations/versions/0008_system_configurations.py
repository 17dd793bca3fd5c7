"""Settings that change while the product runs, one row for each key of a category.

Lock: none on anything that exists.
The code before it takes its settings from the environment.
"""

from alembic import op

revision = "0008"
down_revision = "0007"

SQL = """
CREATE TABLE IF NOT EXISTS system_configurations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    category varchar(50) NOT NULL,
    key varchar(100) NOT NULL,
    value text NOT NULL,
    value_type varchar(20) NOT NULL,
    description text,
    is_hot_reloadable varchar(5) DEFAULT 'true' NOT NULL,
    created_at timestamp DEFAULT now() NOT NULL,
    updated_at timestamp DEFAULT now() NOT NULL,
    CONSTRAINT system_configurations_category_key_unique UNIQUE (category, key)
);
"""


def upgrade() -> None:
    op.execute(SQL)
