"""From the bytes of an answer to values that are safe to keep: bounded in depth, every text storable.

A strict parser reads nearly every body. What it refuses (NaN, 1e400, half a surrogate pair, raw control
characters, a byte-order mark) is read by the lenient one, after its nesting was counted.
"""

import json
import re
from typing import Any

import orjson

MAX_DEPTH = 64

_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_SURROGATES = re.compile("[\ud800-\udfff]")
_OPENING = b"[{"
_ALL_BUT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_INT64_DIGITS = 19


class UnreadableBodyError(Exception):
    """The body is no JSON object. `final`: it would be refused again, so it is not worth another charge."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


def parse_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in `raw`, every text in it cleaned. Raises UnreadableBodyError, saying in words why."""
    if not raw.strip():
        raise UnreadableBodyError("an empty answer")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        body = _parse_leniently(raw)
    if not isinstance(body, dict):
        raise UnreadableBodyError("JSON that is not an object")
    cleaned: dict[str, Any] = _clean(body, MAX_DEPTH)
    return cleaned


def clean_text(text: str) -> str:
    """`text` without NUL, U+FFFD for each half of a surrogate pair: what UTF-8 and PostgreSQL hold."""
    if "\0" in text:
        text = text.replace("\0", "")
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def _parse_leniently(raw: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    if _is_deeper_than(raw, MAX_DEPTH):
        raise _too_deep()
    text = raw.decode("utf-8-sig", errors="replace")
    try:
        return json.loads(text, strict=False, parse_int=_number)
    except ValueError:
        looks_like_html = text.lstrip()[:1] == "<"
        reason = "a web page instead of JSON" if looks_like_html else "text that is not JSON, or cut off"
        raise UnreadableBodyError(reason) from None


def _is_deeper_than(raw: bytes, limit: int) -> bool:
    """Counted without parsing, and no further than the limit: a bomb is given up at its start."""
    depth = 0
    for bracket in _STRINGS.sub(b"", raw).translate(None, _ALL_BUT_BRACKETS):
        depth += 1 if bracket in _OPENING else -1
        if depth > limit:
            return True
    return False


def _number(digits: str) -> int | float:
    """Integers beyond 64 bits become floats, as in the strict parser: Python refuses thousands of digits."""
    return int(digits) if len(digits) < _INT64_DIGITS else float(digits)


def _clean(value: Any, depth_left: int) -> Any:  # noqa: ANN401 - whatever JSON holds
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        if not depth_left:
            raise _too_deep()
        return {key: _clean(item, depth_left - 1) for key, item in value.items()}
    if isinstance(value, list):
        if not depth_left:
            raise _too_deep()
        return [_clean(item, depth_left - 1) for item in value]
    return value


def _too_deep() -> UnreadableBodyError:
    return UnreadableBodyError(f"JSON nested more than {MAX_DEPTH} levels deep", final=True)
