"""Creators' text is hostile: whatever it holds, the terminal sees one plain line."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.cli.plain_text import is_right_to_left, plain, spelled_out


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (None, ""),
        ("  Anna \t Kowalska\r\n", "Anna Kowalska"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("\x1b]0;title\x07name", "name"),
        ("\x1b]8;;https://evil.example.com\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mC1", "C1"),
        ("\x1bP1;2|code\x1b\\after", "after"),
        ("\x1b(0lqqk", "lqqk"),
        ("bell\x07 back\x08space nul\x00", "bell backspace nul"),
        ("over\u202eevil\u202c\u2066x\u2069", "overevilx"),
        ("zero\u200bwidth\ufeff\u2060", "zerowidth"),
        ("one\u2028two\u2029three\x85four", "one two three four"),
        ("\u3000wide\u00a0space", "wide space"),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467 family", "\U0001f468\U0001f469\U0001f467 family"),
        ("\U0001f1e9\U0001f1ea", "DE"),
        ("\U0001f44d\U0001f3fd \u2764\ufe0f 1\ufe0f\u20e3", "\U0001f44d \u2764 1"),
        ("e\u0301", "\u00e9"),
        ("\u0301alone", "alone"),
        ("a" + "\u0316" * 40, "a" + "\u0316" * 3),
        ("\ufdfd", "\ufffd"),
        ("\ud800half", "\ufffdhalf"),
        ("\ue000private", "\ufffdprivate"),
        (
            "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),
        ("[bold]markup[/] :smile:", "[bold]markup[/] :smile:"),
    ],
)
def test_what_acts_on_a_terminal_is_gone(written: str | None, shown: str) -> None:
    assert plain(written) == shown


@given(st.text() | st.text(alphabet="\x1b[]0;31mHJ\x07\\\x9b\x9d\u202e\u200d a\u0301"))
def test_nothing_that_acts_is_ever_left(written: str) -> None:
    shown = plain(written)
    assert plain(shown) == shown
    for character in shown:
        assert unicodedata.category(character) not in {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
        assert character in "\u200c\u200d" or unicodedata.category(character) != "Cf"


def test_right_to_left_text_is_known() -> None:
    assert is_right_to_left("\u0645\u062d\u0645\u062f")
    assert is_right_to_left("a \u05d0")
    assert not is_right_to_left("Anna 12 \ud55c")


@given(st.text())
def test_a_document_on_a_terminal_cannot_act_on_it(text: str) -> None:
    shown = spelled_out(text)
    left = shown.replace("\r\n", "").replace("\n", "").replace("\t", "")
    assert not {one for one in left if unicodedata.category(one) == "Cc"}
    assert not set(left) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    document = json.dumps(text, ensure_ascii=False)
    assert json.loads(spelled_out(document)) == text
    ordinary = text.translate(dict.fromkeys(range(32))).encode("ascii", "ignore").decode().replace("\x7f", "")
    assert spelled_out(ordinary) == ordinary
