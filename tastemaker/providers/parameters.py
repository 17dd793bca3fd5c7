"""What a search may ask for, checked before anything is sent or charged. All refusals are final."""

import re
from collections.abc import Mapping

from tastemaker.providers.base import Cost, ErrorKind, KeywordQuery, ProfileQuery, ProviderError
from tastemaker.providers.http import clean_text

LONGEST_KEYWORD = 500
LONGEST_CURSOR = 4096

LONGEST_HANDLE = 128

_REGION = re.compile(r"[A-Za-z]{2}")
_HANDLE = re.compile(r"[\w.\-]+")
_ID = re.compile(r"[A-Za-z0-9_.\-]{1,128}")
_WORD = re.compile(r"[A-Za-z0-9_:./\-]{1,64}")


def checked_keyword(query: KeywordQuery) -> str:
    keyword = clean_text(query.keyword).strip()
    if not keyword:
        raise bad_request("The keyword is empty.")
    if len(keyword) > LONGEST_KEYWORD:
        raise bad_request(
            f"The keyword has {len(keyword):,} characters; at most {LONGEST_KEYWORD} are accepted."
        )
    return keyword


def checked_region(query: KeywordQuery) -> str | None:
    """The country in capitals."""
    if query.region is None:
        return None
    if not _REGION.fullmatch(query.region):
        raise bad_request("A region is a country's code of two letters, such as US or DE.")
    return query.region.upper()


def checked_account(query: ProfileQuery) -> tuple[str | None, str | None]:
    """Handle (without its @) and stable id; one of them is there, and neither can mean another parameter."""
    handle = clean_text(query.handle or "").strip().removeprefix("@") or None
    if handle is None and query.stable_id is None:
        raise bad_request("A profile is asked for by a handle or by an id.")
    if handle is not None and not (len(handle) <= LONGEST_HANDLE and _HANDLE.fullmatch(handle)):
        raise bad_request("A handle has letters, digits, dots, hyphens and underscores, 128 at most.")
    if query.stable_id is not None and not _ID.fullmatch(query.stable_id):
        raise bad_request("The id of an account has letters, digits, dots, hyphens and underscores.")
    return handle, query.stable_id


def checked_options(
    query: KeywordQuery | ProfileQuery, known: Mapping[str, tuple[str, frozenset[str] | None]]
) -> dict[str, str]:
    """The provider's parameters for `query.options`.

    `known` gives for each option the parameter's name and the values it takes, or None for any word.
    An unknown option is refused: a provider that ignored it would charge for the wrong results.
    """
    return dict(_checked_option(name, value, known) for name, value in query.options.items())


def checked_cursor(cursor: str | None, *, provider: str) -> str | None:
    """A cursor as a provider may have issued it."""
    if cursor is not None and not (
        cursor.isascii() and cursor.isprintable() and 0 < len(cursor) <= LONGEST_CURSOR
    ):
        raise unknown_cursor(provider)
    return cursor


def unknown_cursor(provider: str) -> ProviderError:
    return bad_request(f"The page asked of {provider} does not exist: its cursor was never issued.")


def bad_request(message: str) -> ProviderError:
    """Nothing was sent, and asking again cannot help."""
    return ProviderError(ErrorKind.BAD_REQUEST, message, final=True, cost=Cost(calls=0, units=0))


def _checked_option(
    name: str,
    value: object,
    known: Mapping[str, tuple[str, frozenset[str] | None]],
) -> tuple[str, str]:
    if name not in known:
        choice = f"Choose from: {', '.join(sorted(known))}." if known else "There are none here."
        raise bad_request(f"Unknown option {name[:40]!r}. {choice}")
    parameter, values = known[name]
    if not (isinstance(value, str) and _WORD.fullmatch(value) and (values is None or value in values)):
        accepted = ", ".join(sorted(values)) if values else "a single word"
        raise bad_request(f"The option {name} takes: {accepted}.")
    return parameter, value
