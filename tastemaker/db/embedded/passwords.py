"""The passwords of the two roles that connect, in the file format that libpq's PGPASSFILE reads.

The role `tastemaker_app` itself is made by the migrations; only its password is decided here.
"""

import os
import tempfile
from pathlib import Path

from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import new_token
from tastemaker.db.embedded.failures import HomeUnusable, in_one_sentence
from tastemaker.db.embedded.places import Places, places_of, prepare

SUPERUSER = "postgres"
APP = "tastemaker_app"


def app_password(home: Path) -> str:
    """The password of the role `tastemaker_app`: made at the first call, the same ever after."""
    ensure_passwords(prepare(home))
    return password_of(APP, home=home)


def password_of(role: str, *, home: Path) -> str:
    """Raises InvalidInput for a role that has none here, HomeUnusable if there are none yet."""
    places = places_of(home)
    with in_one_sentence(places.home):
        lines = places.passwords.read_text().splitlines()
    known = dict(line.rsplit(":", 2)[1:] for line in lines)
    if role not in known:
        raise InvalidInput(
            f"The embedded database has no password for {role!r}, only for {SUPERUSER} and {APP}."
        )
    return known[role]


def ensure_passwords(places: Places) -> None:
    """Made once, whoever comes first: a link to a whole file either appears or was there before."""
    if places.passwords.exists():
        return
    if places.data.exists():
        raise HomeUnusable(
            f"{places.passwords} is gone, so nobody can sign in to the database in {places.data}. "
            "Put the file back from a backup."
        )
    with in_one_sentence(places.home):
        number, name = tempfile.mkstemp(dir=places.root, prefix="passwords.")
        try:
            with os.fdopen(number, "w") as file:
                file.writelines(f"*:*:*:{role}:{new_token()}\n" for role in (SUPERUSER, APP))
                file.flush()
                os.fsync(number)
            os.link(name, places.passwords)
        except FileExistsError:
            pass
        finally:
            Path(name).unlink()
