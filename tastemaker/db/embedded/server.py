"""A running embedded server, as those who connect to it see it."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tastemaker.db.embedded.passwords import SUPERUSER, password_of

DATABASE = "tastemaker"
PORT = 5432
"""Only names the socket's file: nothing listens on the network."""


@dataclass(frozen=True, slots=True)
class Server:
    home: Path
    socket_dir: Path
    port: int
    version: str

    def url(self, *, database: str = DATABASE, role: str = SUPERUSER) -> str:
        """A libpq URL over the Unix socket, with the password. Raises InvalidInput for an unknown role."""
        password = quote(password_of(role, home=self.home), safe="")
        host = quote(str(self.socket_dir), safe="")
        return f"postgresql://{role}:{password}@/{quote(database, safe='')}?host={host}&port={self.port}"
