import math
from contextlib import suppress

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tastemaker.providers.http import MAX_DEPTH, UnreadableBodyError, clean_text, parse_object

UNTIMED = settings(deadline=None)  # a busy machine is no failure
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@UNTIMED
@given(st.dictionaries(TEXT, JSON, max_size=3))
def test_good_json_is_what_it_was(value: dict[str, object]) -> None:
    assert parse_object(orjson.dumps(value)) == value


@UNTIMED
@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_unreadable(raw: bytes) -> None:
    with suppress(UnreadableBodyError):
        assert isinstance(parse_object(raw), dict)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (rb'{"a": "x\u0000y"}', "xy"),
        (rb'{"a": "\ud83d\ude00"}', "\N{GRINNING FACE}"),
        (rb'{"a": "\ud83d"}', "\ufffd"),
        (rb'{"a": "\ude00\ud83d"}', "\ufffd\ufffd"),
        (b'{"a": "\x01\x00"}', "\x01"),
        (b'{"a": "\xff"}', "\ufffd"),
        (b'\xef\xbb\xbf{"a": 1}', 1),
        (b'{"a": 1, "a": 2}', 2),
        (b'{"a": 2, "b": NaN, "a": 3}', 3),
        (b'{"a": 1e400}', math.inf),
        (b'{"a": -Infinity}', -math.inf),
        (b'{"b": NaN, "a": ' + b"9" * 5000 + b"}", math.inf),
        (b'{"a": ' + b"9" * 25 + b"}", 1e25),
        (b'{"b": NaN, "a": 9007199254740993}', 9007199254740993),
    ],
)
def test_odd_json_is_read(raw: bytes, value: object) -> None:
    assert parse_object(raw)["a"] == value


@pytest.mark.parametrize("odd", [b"", b', "b": NaN'], ids=["strict", "lenient"])
def test_the_nesting_limit_is_exact(odd: bytes) -> None:
    def nested(depth: int) -> bytes:
        return b'{"a": ' + b"[" * (depth - 1) + b"]" * (depth - 1) + odd + b"}"

    assert parse_object(nested(MAX_DEPTH))
    with pytest.raises(UnreadableBodyError, match="levels deep") as raised:
        parse_object(nested(MAX_DEPTH + 1))
    assert raised.value.final


def test_objects_nest_as_deep_as_lists() -> None:
    with pytest.raises(UnreadableBodyError, match="levels deep"):
        parse_object(b'{"a": ' * 200 + b"1" + b"}" * 200)


def test_brackets_in_texts_are_no_nesting() -> None:
    text = '[{"' * 500
    assert parse_object(b'{"a": "' + text.replace('"', '\\"').encode() + b'", "b": NaN}')["a"] == text


def test_clean_text_keeps_what_can_be_stored() -> None:
    kept = "e\u0301 \u202e 👩‍👩‍👧 \x1f \ufffd"
    assert clean_text(kept) == kept
    assert clean_text("\0a\ud800\0") == "a\ufffd"
