"""Loggers of the product. Messages carry ids and kinds, never secrets or anyone's contact data."""

import logging
import sys
from typing import Final

from tastemaker.core.clock import monotonic

REPEATS_AFTER_SECONDS: Final = 60.0


def get_logger(name: str) -> logging.Logger:
    return logging.getLogger(name)


class OncePerMinute(logging.Filter):
    """Passes one message of each kind a minute: a pool without its server warns at each try."""

    def __init__(self) -> None:
        super().__init__()
        self._passed: dict[tuple[int, object], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        kind, now = (record.levelno, record.msg), monotonic()
        if now < self._passed.get(kind, now - 1):
            return False
        self._passed[kind] = now + REPEATS_AFTER_SECONDS
        return True


def limit_log(name: str) -> None:
    """From now on the library's logger passes one message of each kind a minute."""
    logger = logging.getLogger(name)
    if not any(isinstance(one, OncePerMinute) for one in logger.filters):
        logger.addFilter(OncePerMinute())


def configure_logging(level: str) -> None:
    """Log to standard error; standard output belongs to results."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger("tastemaker")
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    root.propagate = False
