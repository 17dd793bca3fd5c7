"""Errors of the embedded server; each message says in one sentence what to do."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tastemaker.core.errors import DatabaseUnavailable


class HomeUnusable(DatabaseUnavailable):
    """The data directory cannot be made, read or written."""


class BinariesUnusable(DatabaseUnavailable):
    """There are no PostgreSQL binaries that could be run here."""


class WrongMajorVersion(DatabaseUnavailable):
    """Another major version of PostgreSQL made the data."""


class SocketTaken(DatabaseUnavailable):
    """A file or process of somebody else is at the path of the server's socket."""


class ServerBusy(DatabaseUnavailable):
    """Another process does not finish starting or stopping the server, or the server does not answer."""


class ServerFailed(DatabaseUnavailable):
    """PostgreSQL was started and ended with an error."""


REPORTED = (
    (
        "error while loading shared libraries",
        "a library of the PostgreSQL binaries cannot be loaded. Install them again with `make setup`.",
    ),
    ("No space left on device", "the disk that holds {home} is full. Free some space and try again."),
    ("Check free disk space", "the disk that holds {home} is full. Free some space and try again."),
    ("Disk quota exceeded", "the disk quota for {home} is used up. Free some space and try again."),
    ("File too large", "files in {home} may not grow as needed. Raise the file size limit (ulimit -f)."),
    ("Read-only file system", "{home} is on a read-only file system. Set TASTEMAKER_HOME to another folder."),
    (
        "could not map anonymous shared memory",
        "there is not enough memory for its shared buffers. Free memory or lower shared_buffers.",
    ),
    (
        "could not create shared memory segment",
        "the system refuses it shared memory. Raise the limits SHMMAX, SHMALL and SHMMNI.",
    ),
    ("could not create semaphores", "the system is out of semaphores. Raise the limits SEMMNI and SEMMNS."),
    ("Cannot allocate memory", "there is not enough memory. Free some and try again."),
    (
        "pre-existing shared memory block",
        "processes of an earlier server still use {home}. Wait until they are gone, or end them.",
    ),
    (
        "could not look up effective user ID",
        "this user is not in the system's list of users, which initdb needs. Add it, or set DATABASE_URL.",
    ),
    (
        "database files are incompatible with server",
        "its data was made by another build of PostgreSQL. Use the binaries that made it.",
    ),
    ("Permission denied", "it may not use a file in {home}. Check who owns the files there."),
)
"""What PostgreSQL prints (always in English here), and what to do about it."""

REFUSED = {
    errno.ENOSPC: "The disk that holds {path} is full. Free some space and try again.",
    errno.EDQUOT: "The disk quota for {path} is used up. Free some space and try again.",
    errno.EFBIG: "{path} may not grow as needed. Raise the file size limit (ulimit -f).",
    errno.EROFS: "{path} is on a read-only file system. Set TASTEMAKER_HOME to another folder.",
    errno.EACCES: "{path} may not be used by this user. Change its owner or set TASTEMAKER_HOME.",
    errno.EPERM: "{path} may not be used by this user. Change its owner or set TASTEMAKER_HOME.",
    errno.ENOTDIR: "{path} cannot be made: part of that path is a file. Set TASTEMAKER_HOME to a folder.",
    errno.EEXIST: "{path} is a file where a folder is needed. Set TASTEMAKER_HOME to a folder.",
    errno.ENAMETOOLONG: "{path} is too long a name here. Set TASTEMAKER_HOME to a shorter one.",
}


@contextmanager
def in_one_sentence(home: Path) -> Iterator[None]:
    """Turns an OSError in the block into HomeUnusable."""
    try:
        yield
    except OSError as error:
        path = error.filename if isinstance(error.filename, str) else home
        reason = REFUSED.get(
            error.errno or 0, "{path} cannot be used: " + (error.strerror or str(error)) + "."
        )
        raise HomeUnusable(reason.format(path=path)) from error


def explained(what: str, said: str, *, home: Path, log: Path | None = None) -> ServerFailed:
    """The error for `what` failed and printed `said`; its message names the cause."""
    for words, meaning in REPORTED:
        if words in said:
            return ServerFailed(f"{what}: {meaning.format(home=home)}")
    where = f" More is in {log}." if log else ""
    return ServerFailed(f"{what}: {_last_complaint(said)}.{where}")


def is_known(said: str) -> bool:
    """Whether it is one of the REPORTED errors, which waiting does not fix."""
    return any(words in said for words, _ in REPORTED)


def _last_complaint(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    for mark in ("PANIC:", "FATAL:", "error:", "ERROR:"):
        for line in lines:
            if mark in line:
                return line.split(mark, 1)[1].strip().rstrip(".")
    return lines[-1].rstrip(".") if lines else "it ended without a word"
