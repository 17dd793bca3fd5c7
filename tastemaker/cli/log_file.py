"""Where warnings go while a command draws on the screen: a file in the data directory, without secrets."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler

from tastemaker.cli.failures import redacted
from tastemaker.core.logging import get_logger
from tastemaker.core.private_files import private_folder
from tastemaker.core.settings import Settings

LARGEST = 1_000_000
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _Redacting(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


@contextmanager
def logging_to_file(settings: Settings) -> Iterator[None]:
    """For the time of the block, unless --debug has put the log on the screen."""
    log = get_logger("tastemaker")
    if log.handlers:
        yield
        return
    handler = _handler(settings)
    before = log.propagate, log.level
    log.propagate = False
    log.setLevel(logging.getLevelNamesMapping().get(settings.log_level.upper(), logging.WARNING))
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()
        log.propagate, log.level = before


def _handler(settings: Settings) -> logging.Handler:
    """A directory that cannot be written is no reason to stop."""
    try:
        folder = settings.home / "log"
        private_folder(folder)
        handler = RotatingFileHandler(
            folder / "tastemaker.log", maxBytes=LARGEST, backupCount=1, encoding="utf-8", delay=True
        )
    except OSError:
        return logging.NullHandler()
    handler.setFormatter(_Redacting(FORMAT))
    return handler
