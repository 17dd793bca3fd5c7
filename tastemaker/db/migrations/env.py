"""Alembic's entry: runs the step that `tastemaker.db.migrate` chose, on the connection it holds."""

from alembic import context

from tastemaker.db.migrations.ledger import record_step

context.configure(
    connection=context.config.attributes["connection"],
    transaction_per_migration=True,
    on_version_apply=record_step,
)
context.run_migrations()
