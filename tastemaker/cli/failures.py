"""Errors as one sentence; the traceback of an unexpected one is written into a file."""

import re
import sys
import traceback
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tastemaker.cli.plain_text import plain
from tastemaker.cli.streams import Unwritable, complain, write
from tastemaker.core.clock import utc_now
from tastemaker.core.errors import AppError, DatabaseUnavailable, ExitCode
from tastemaker.core.private_files import private_folder

_EMAIL = re.compile(r"[^\s@\"'<>()\[\]{},;:=]+@[^\s@\"'<>()\[\]{},;:=]+\.[^\s@\"'<>()\[\]{},;:=]+")
_PASSWORD_IN_URL = re.compile(r"(?<=://)[^\s/@]*@")
_SECRET_PARAMETER = re.compile(r"(?i)\b((?:api[_-]?)?key|password|token|secret)=[^\s&'\"]+")
_DATABASE_MODULES = ("psycopg", "psycopg_pool")
_LOST = {"OperationalError", "InterfaceError", "PoolTimeout", "PoolClosed", "AdminShutdown"}
_KEPT_REPORTS = 20
SHORTEST_SECRET = 8
"""Shorter ones are no keys, and taking them out would take words out."""


class Unexpected(AppError):
    """A fault of the program itself."""


def tell(error: Exception, arguments: Sequence[str]) -> int:
    """Print it the way it was asked for; the exit status."""
    sentence, status = _sentence(error), int(getattr(error, "exit_code", ExitCode.FAILED))
    if "--json" not in arguments or not _told_as_json(error, sentence, status):
        complain(f"Error: {sentence}")
        _point_to_help(error)
    return status


def unexpected(error: Exception) -> AppError:
    """The error as a sentence: a lost database, or a fault whose traceback is kept."""
    if type(error).__module__.split(".")[0] in _DATABASE_MODULES and type(error).__name__ in _LOST:
        return DatabaseUnavailable(
            "The connection to PostgreSQL was lost. What was found so far is kept; run the command again."
        )
    if isinstance(error, OSError) and error.errno is not None:
        return AppError(
            f"The system refuses: {error.strerror}{f' ({error.filename})' if error.filename else ''}."
        )
    where = _keep_report(error)
    kept = f"The traceback is in {where}." if where else "Run it with --debug to see the traceback."
    return Unexpected(f"Something unexpected happened: {type(error).__name__}. {kept}")


def redacted(text: str) -> str:
    """Without keys, passwords and e-mail addresses."""
    for secret in _secrets():
        text = text.replace(secret, "[secret]")
    text = _PASSWORD_IN_URL.sub("[secret]@", text)
    text = _SECRET_PARAMETER.sub(r"\1=[secret]", text)
    return _EMAIL.sub("[e-mail]", text)


def _told_as_json(error: Exception, sentence: str, status: int) -> bool:
    """False where standard output takes nothing."""
    if isinstance(error, Unwritable):
        return False
    try:
        write(_document(error, sentence, status))
    except Unwritable:
        return False
    except SystemExit:  # nobody reads any more; the status still tells
        return True
    return True


def _sentence(error: Exception) -> str:
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    if similar := getattr(error, "possibilities", None):
        message = f"{getattr(error, 'message', message)}. Did you mean {' or '.join(sorted(similar))}?"
    return plain(redacted(message)) or type(error).__name__


def _document(error: Exception, sentence: str, status: int) -> str:
    import json

    document = {"error": sentence, "kind": _kind(error), "exit_code": status}
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _kind(error: Exception) -> str:
    """The error's name in words: `not_found`, `limit_reached`; `usage` for what could not be parsed."""
    if not isinstance(error, AppError):
        return "usage"
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(error).__name__).lower()


def _point_to_help(error: Exception) -> None:
    context: Any = getattr(error, "ctx", None)
    if context is not None:
        complain(f"Try: {context.command_path} --help")


def _keep_report(error: Exception) -> Path | None:
    """None where the data directory cannot be written."""
    from tastemaker.core.settings import get_settings

    try:
        folder = get_settings().home / "log"
        private_folder(folder)
        _drop_old(folder)
        path = folder / f"error-{_stamp(utc_now())}.txt"
        path.write_text(redacted("".join(traceback.format_exception(error))), encoding="utf-8")
    except (OSError, AppError):
        return None
    return path


def _drop_old(folder: Path) -> None:
    for path in sorted(folder.glob("error-*.txt"))[: -_KEPT_REPORTS + 1]:
        path.unlink(missing_ok=True)


def _stamp(now: datetime) -> str:
    return f"{now:%Y%m%dT%H%M%S%f}"


def _secrets() -> list[str]:
    """Every secret that the settings know, longest first; none before they were read."""
    if "tastemaker.core.settings" not in sys.modules:
        return []
    from pydantic import SecretStr

    from tastemaker.core.settings import get_settings

    try:
        values = dict(get_settings()).values()
    except AppError:
        return []
    known = {value.get_secret_value() for value in values if isinstance(value, SecretStr)}
    known |= {part for one in known for part in _parts_of_password(one)}
    return sorted((one for one in known if len(one) >= SHORTEST_SECRET), key=len, reverse=True)


def _parts_of_password(url: str) -> list[str]:
    """With an unescaped @ or / in a URL's password, libraries take a part of it for the host, and name it."""
    _, scheme, rest = url.partition("://")
    _, colon, password = rest.rpartition("@")[0].partition(":")
    parts = re.split("[@:/?#]", password)
    return [password, *parts] if scheme and colon and len(parts) > 1 else []
