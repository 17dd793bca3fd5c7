"""The language of the parameter `fields`: names, arguments in brackets, what is wanted inside in braces."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

_TOKENS: Final = re.compile(r"[A-Za-z0-9_]+|[{},]|\.[a-z]+\([^(){}]*\)")


@dataclass(frozen=True, slots=True)
class Field:
    """`media.limit(5){id}` is media, with limit 5 among its arguments and id inside."""

    name: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    inside: Sequence["Field"] = ()


class BadFields(ValueError):
    """The parameter cannot be read."""


def parse_fields(text: str) -> list[Field]:
    tokens = _TOKENS.findall(text)
    if "".join(tokens) != text:
        raise BadFields("Syntax error in the parameter fields.")
    tokens.reverse()
    found = _fields(tokens)
    if tokens:
        raise BadFields("Syntax error: unexpected } in the parameter fields.")
    return found


def _fields(tokens: list[str]) -> list[Field]:
    """Up to the closing brace or the end; `tokens` are taken from the end of the list."""
    found = []
    while tokens and tokens[-1] != "}":
        found.append(_field(tokens))
        if tokens and tokens[-1] == ",":
            tokens.pop()
    return found


def _field(tokens: list[str]) -> Field:
    name = tokens.pop()
    if not name[0].isalnum():
        raise BadFields(f"Syntax error: unexpected {name} in the parameter fields.")
    arguments = {}
    while tokens and tokens[-1].startswith("."):
        argument, _, value = tokens.pop()[1:-1].partition("(")
        arguments[argument] = value
    inside: Sequence[Field] = ()
    if tokens and tokens[-1] == "{":
        tokens.pop()
        inside = _fields(tokens)
        if not tokens or tokens.pop() != "}":
            raise BadFields("Syntax error: missing } in the parameter fields.")
    return Field(name, arguments, inside)
