"""How many members each plan includes beside the owner; -1 is unlimited.

A plan that an administrator has given a number keeps it.

Lock: none beyond the handful of rows of the price list. The previous code reads no seats.
"""

from alembic import op

revision = "0080"
down_revision = "0079"
branch_labels = None
depends_on = None

SEATS = {
    "self_hosted": -1,
    "free": 0,
    "glow_up": 2,
    "viral_surge": 4,
    "fame_flex": -1,
    "growth": 4,
    "scale": 9,
    "pro": -1,
}


def upgrade() -> None:
    op.execute("""SELECT set_config('request.jwt.claims', '{"role": "tastemaker_system"}', true)""")
    for plan, seats in SEATS.items():
        op.execute(
            f"UPDATE subscription_plans SET features = features || '{{\"seats\": {seats}}}'"
            f" WHERE plan_key = '{plan}' AND NOT features ? 'seats'"
        )
    op.execute("SELECT set_config('request.jwt.claims', '', true)")
