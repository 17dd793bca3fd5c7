"""The administrator's search: names by trigram, and the list of users newest first.

Lock: SHARE on `user_profiles`: readers go on, writers wait for the builds.
The code before it asks the same questions and gets faster answers.
"""

from alembic import op

revision = "0010"
down_revision = "0009"

SQL = """
CREATE INDEX IF NOT EXISTS idx_user_profiles_full_name_search
    ON user_profiles USING gin (full_name gin_trgm_ops);

CREATE INDEX IF NOT EXISTS idx_user_profiles_admin_search
    ON user_profiles (created_at DESC, onboarding_step, trial_status);
"""


def upgrade() -> None:
    op.execute(SQL)
