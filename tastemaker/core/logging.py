"""Loggers of the product. Messages carry ids and kinds, never secrets or anyone's contact data."""

import logging
import sys


def get_logger(name: str) -> logging.Logger:
    return logging.getLogger(name)


def configure_logging(level: str) -> None:
    """Log to standard error; standard output belongs to results."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger("tastemaker")
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    root.propagate = False
