"""A PostgreSQL server for machines that have none; `DATABASE_URL` replaces it entirely.

All its files are in `<home>/postgres`: the data directory, the socket, the passwords, the log and the locks.
`docs/decisions/0001-embedded-postgresql.md` gives the reasons for this design.
"""

from tastemaker.db.embedded.home import app_password
from tastemaker.db.embedded.lifecycle import Status, psql_command, running, start, status, stop
from tastemaker.db.embedded.server import Server

__all__ = ["Server", "Status", "app_password", "psql_command", "running", "start", "status", "stop"]
