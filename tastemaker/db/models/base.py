"""What all models stand on: names of constraints, times that are always UTC, words that are enums.

The models declare the schema for the code that reads and writes it; the history in `migrations` makes it.
A test compares the two.
"""

import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Dialect, Identity, MetaData, String, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column
from sqlalchemy.types import TypeDecorator

Word = TypeVar("Word", bound=StrEnum)

NOW: Final = text("now()")


class UtcTimestamp(TypeDecorator[datetime]):
    """`timestamp without time zone` that holds UTC; Python only ever sees aware times."""

    impl = DateTime(timezone=False)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone could be any time; give an aware one")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        return None if value is None else value.replace(tzinfo=UTC)


class WordOf(TypeDecorator[Word]):
    """`varchar` that holds one of an enum's words; a CHECK on the table says the same."""

    impl = String
    cache_ok = True

    def __init__(self, words: type[Word], length: int | None = None) -> None:
        super().__init__(length)
        self.words = words

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        del dialect
        return None if value is None else self.words(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> Word | None:
        del dialect
        return None if value is None else self.words(value)


def one_of(column: str, words: type[StrEnum]) -> CheckConstraint:
    """The CHECK that a column holds one of the words."""
    listed = ", ".join(f"'{word.value}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def never_negative(column: str) -> CheckConstraint:
    return CheckConstraint(f"{column} >= 0", name=column)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "fk": "%(table_name)s_%(column_0_name)s_fkey",
            "uq": "%(table_name)s_%(column_0_name)s_key",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        str: Text,
        datetime: UtcTimestamp,
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
        list[str]: ARRAY(Text),
    }


RandomKey = Annotated[uuid.UUID, mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))]
"""A primary key that the database draws."""

NumberedKey = Annotated[int, mapped_column(BigInteger, Identity(always=True), primary_key=True)]
"""A primary key that the database counts up."""

InsertedAt = Annotated[datetime, mapped_column(server_default=NOW)]
"""A time in UTC that the database fills."""

Instant = Annotated[datetime, mapped_column(DateTime(timezone=True))]
"""`timestamptz`: what our own tables use."""

InstantOfInsert = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=NOW)]
"""The same, filled by the database."""

BigCount = Annotated[int, mapped_column(BigInteger)]
"""A count that may pass two thousand million."""

Counter = Annotated[int, mapped_column(server_default=text("0"))]
"""An integer that starts at 0."""

TextList = Annotated[list[str], mapped_column(ARRAY(Text), server_default=text("'{}'"))]
"""An array of text that starts empty."""

JsonObject = Annotated[dict[str, Any], mapped_column(JSONB, server_default=text("'{}'"))]
"""A JSON object that starts empty."""
