"""One wide table for a user: identity, company, onboarding and the state of scheduled mail.

Lock: none on anything that exists.
The code before it knew users only by their external id, which is unchanged.
"""

from alembic import op

revision = "0007"
down_revision = "0006"

SQL = """
CREATE TABLE IF NOT EXISTS user_profiles (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id text NOT NULL UNIQUE,
    name text,
    company_name text,
    industry text,
    email text,
    created_at timestamp DEFAULT now(),
    updated_at timestamp DEFAULT now(),
    signup_timestamp timestamp DEFAULT now(),
    onboarding_step varchar(50) DEFAULT 'pending',
    full_name text,
    business_name text,
    brand_description text,
    email_schedule_status jsonb DEFAULT '{}',
    is_admin boolean DEFAULT false
);
"""


def upgrade() -> None:
    op.execute(SQL)
