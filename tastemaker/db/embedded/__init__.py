"""A PostgreSQL server of our own, for machines that have none; `DATABASE_URL` replaces it entirely.

Everything it owns lies in `<home>/postgres`: the data directory, the socket, the passwords, the log and
the locks. `docs/decisions/0001-embedded-postgresql.md` says why it is built this way.
"""

from tastemaker.db.embedded.inspection import Status, psql_command, status
from tastemaker.db.embedded.lifecycle import running, start, stop
from tastemaker.db.embedded.passwords import app_password
from tastemaker.db.embedded.server import Server

__all__ = ["Server", "Status", "app_password", "psql_command", "running", "start", "status", "stop"]
