"""Statements that go to the driver past SQLAlchemy."""

import re
from functools import cache
from typing import Final

from sqlalchemy import TextClause

NAME: Final = re.compile(r"(?<![:\w]):(\w+)")


@cache
def in_the_drivers_form(statement: TextClause) -> bytes:
    """`:name` as the driver writes it."""
    return NAME.sub(r"%(\1)s", statement.text.replace("%", "%%")).encode()
