"""${message}.

Lock:
The code before it keeps working because
"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}

SQL = """
"""


def upgrade() -> None:
    op.execute(SQL)
