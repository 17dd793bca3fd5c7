"""Goes with its last caller."""

from tastemaker.db.bridge import read_all, read_one, write_all

__all__ = ["read_all", "read_one", "write_all"]
