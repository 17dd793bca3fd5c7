"""What must not stay for good in a log that nobody edits: contact data, secrets."""

import re
from collections.abc import Mapping
from typing import Any, Final

from tastemaker.core.errors import InvalidInput

REDACTED: Final = "[redacted]"
MOST_ENTRIES: Final = 20
LONGEST_VALUE: Final = 500

_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
_SECRET_TEXT: Final = re.compile(
    r"(?i)\b(bearer\s+\S+|(?:sk|pk|rk|whsec)_\w+|eyJ[\w-]+\.[\w-]+\.[\w-]+)|(?<=://)[^/\s@]+(?=@)"
)
_SECRET_NAME: Final = re.compile(r"(?i)authori[sz]ation|cookie|token|secret|passw|api_?key|signature|session")
_CONTACT_NAME: Final = re.compile(
    r"(?i)(^|_)(e_?mails?|phones?|address|street|line1|line2|ip|ip_address|first_?name|last_?name|full_?name"
    r"|customer_name|name|birth\w*)$"
)
_METADATA_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


class UnfitMetadata(InvalidInput):
    """Metadata that does not belong into the log."""


def without_contact_data(value: Any) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """JSON as it was, contact data and secrets blanked: by the field's name, and wherever one is seen."""
    if isinstance(value, Mapping):
        return {key: _blanked(key, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_contact_data(item) for item in value]
    return redacted_text(value) if isinstance(value, str) else value


def checked_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """About the request: its id, its user agent, the actor. Raises UnfitMetadata.

    A name that speaks of a secret or of contact data is refused, since somebody would look for it there; in
    a value, which the outside may have chosen, one is blanked.
    """
    if len(metadata) > MOST_ENTRIES:
        raise UnfitMetadata(f"An event's metadata has {MOST_ENTRIES} entries at most.")
    for name in metadata:
        if not _METADATA_NAME.fullmatch(name):
            raise UnfitMetadata(f"{name[:40]!r} is no name for an event's metadata.")
        if _names_something_personal(name):
            raise UnfitMetadata(f"An event's metadata holds no secrets and no contact data: {name!r}.")
    return {name: redacted_text(str(value))[:LONGEST_VALUE] for name, value in metadata.items()}


def redacted_text(text: str) -> str:
    return _EMAIL.sub(REDACTED, _SECRET_TEXT.sub(REDACTED, text)).replace("\x00", "")


def _blanked(key: str, item: Any) -> Any:  # noqa: ANN401 - JSON has no narrower type
    if item is not None and _names_something_personal(key):
        return REDACTED
    return without_contact_data(item)


def _names_something_personal(name: str) -> bool:
    return bool(_SECRET_NAME.search(name) or _CONTACT_NAME.search(name))
