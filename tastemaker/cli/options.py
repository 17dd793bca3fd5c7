"""Options that many commands share, and reading what was typed."""

import sys
from enum import StrEnum
from typing import Annotated, TypeVar

import typer

from tastemaker.cli.screen import say
from tastemaker.core.errors import InvalidInput

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1000, help="How many to show.")]
After = Annotated[
    str | None, typer.Option("--after", metavar="PLACE", help="Continue after the last row of another page.")
]
Cursor = Annotated[
    str | None, typer.Option("--after", metavar="CURSOR", help="Continue after the last row of another page.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]

Word = TypeVar("Word", bound=StrEnum)
HasEmail = Annotated[bool, typer.Option("--has-email", help="Only those who show an e-mail address.")]
IsVerified = Annotated[bool, typer.Option("--verified", help="Only those with the platform's badge.")]
Languages = Annotated[
    list[str] | None,
    typer.Option("--language", metavar="CODE", help="Only with this language, or unknown (repeatable)."),
]
Countries = Annotated[
    list[str] | None,
    typer.Option("--country", metavar="CODE", help="Only from this country, or unknown (repeatable)."),
]
PostedWithin = Annotated[
    int | None,
    typer.Option("--posted-within", metavar="DAYS", help="Only with a post of the last DAYS days."),
]


def word_of(words: type[Word], typed: str | None) -> Word | None:
    """The member of an enum; None without an option. Raises InvalidInput that names each member."""
    if typed is None:
        return None
    try:
        return words(typed.strip().lower())
    except ValueError:
        accepted = ", ".join(word.value for word in words)
        raise InvalidInput(f"{typed[:40]!r} is none of: {accepted}.") from None


def confirm_deletion(what: str, *, yes: bool, as_json: bool) -> None:
    """Raises InvalidInput where nobody can be asked, or where the answer is no."""
    if yes:
        return
    if as_json or not sys.stdin.isatty():
        raise InvalidInput("Deleting cannot be undone. Add --yes to do it without being asked.")
    say(f"Delete {what} for good? Type yes: ")
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise InvalidInput("Nothing was deleted.")
