"""Passwords: which are accepted, and Argon2id by two threads, so that sign-ins cannot take all memory.

The parameters are OWASP's for Argon2id (19 MiB, two passes). An old digest is replaced at the next sign-in.
"""

import asyncio
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import new_token

SHORTEST: Final = 10
LONGEST: Final = 200
FEWEST_CHARACTERS: Final = 4

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_THREADS: Final = ThreadPoolExecutor(2, thread_name_prefix="argon2")


def checked_password(password: str, *, email: str) -> str:
    """Raises InvalidInput. The length counts, not the kinds of characters (NIST SP 800-63B)."""
    written = unicodedata.normalize("NFC", password)
    if not SHORTEST <= len(written) <= LONGEST:
        raise InvalidInput(f"A password has {SHORTEST} to {LONGEST} characters.")
    if written.casefold() in {email, email.partition("@")[0]} or len(set(written)) < FEWEST_CHARACTERS:
        raise InvalidInput("Choose a password that is harder to guess.")
    return written


async def digest_of(password: str) -> str:
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _HASHER.hash, _encoded(password))


async def fits(password: str, digest: str | None) -> bool:
    """Takes the same time without a digest, so that nobody learns which accounts exist."""
    run = asyncio.get_running_loop().run_in_executor
    known = digest if digest is not None else await run(_THREADS, _stand_in)
    is_right = await run(_THREADS, _verify, known, _encoded(password[: LONGEST + 1]))
    return is_right and digest is not None


def is_outdated(digest: str) -> bool:
    return _HASHER.check_needs_rehash(digest)


def _verify(digest: str, password: bytes) -> bool:
    try:
        return _HASHER.verify(digest, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _stand_in() -> str:
    return _HASHER.hash(new_token())


def _encoded(password: str) -> bytes:
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
