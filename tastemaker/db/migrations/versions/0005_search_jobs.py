"""The per-creator view of a search: `search_jobs` and one row of `search_results` for each creator.

Lock: SHARE ROW EXCLUSIVE on `campaigns` while the foreign key is declared.
The code before it does not know the two tables.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

SQL = """
CREATE TABLE IF NOT EXISTS search_jobs (
    id text PRIMARY KEY,
    campaign_id uuid REFERENCES campaigns (id),
    platform varchar(20),
    search_type varchar(20),
    status varchar(20) DEFAULT 'queued',
    total_count integer NOT NULL,
    completed_count integer DEFAULT 0,
    created_at timestamp DEFAULT now() NOT NULL,
    updated_at timestamp DEFAULT now() NOT NULL,
    completed_at timestamp
);

CREATE TABLE IF NOT EXISTS search_results (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    job_id text NOT NULL REFERENCES search_jobs (id),
    profile_id text NOT NULL,
    username text NOT NULL,
    display_name text,
    platform varchar(20) NOT NULL,
    profile_url text,
    post_url text,
    post_description text,
    avatar_url text,
    followers integer DEFAULT 0,
    is_verified varchar(10) DEFAULT 'false',
    email text,
    bio text,
    raw_data jsonb,
    created_at timestamp DEFAULT now() NOT NULL
);
"""


def upgrade() -> None:
    op.execute(SQL)
