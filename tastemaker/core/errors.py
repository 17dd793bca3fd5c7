"""Errors that know what they mean to a person, to a shell and to HTTP.

Subclasses live beside the code that raises them. The message is one clear sentence for the person
who has to act on it; it never carries a secret or anyone's contact data.
"""

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What a command's exit status means. `docs/reference/exit-codes.md` is this table."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    DATABASE = 4
    PROVIDER = 5
    QUOTA = 6
    LIMIT = 7
    CONFLICT = 8
    INTERRUPTED = 130


class AppError(Exception):
    """An expected failure: shown as its one sentence, never as a traceback."""

    status: ClassVar[int] = 400
    exit_code: ClassVar[ExitCode] = ExitCode.FAILED


class InvalidInput(AppError):
    """What was asked cannot be done as asked; the message says what would be accepted."""

    status = 422
    exit_code = ExitCode.USAGE


class PayloadTooLarge(InvalidInput):
    """The payload of a job or an event exceeds its limit: keep it in a table and name the row."""

    status = 413


class MessageTooLarge(InvalidInput):
    """A message of the outbox or the inbox exceeds its limit."""

    status = 413


class NotFound(AppError):
    """No such row, or it is somebody else's: the two look the same from outside."""

    status = 404
    exit_code = ExitCode.NOT_FOUND


class Conflict(AppError):
    """The row is in a state in which this cannot be done."""

    status = 409
    exit_code = ExitCode.CONFLICT


class LimitReached(AppError):
    """The plan's limit is used up."""

    status = 402
    exit_code = ExitCode.LIMIT


class DatabaseUnavailable(AppError):
    """PostgreSQL cannot be started, reached or used as it is."""

    status = 503
    exit_code = ExitCode.DATABASE
