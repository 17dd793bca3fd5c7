import pytest

from tastemaker.core.text import clean_line


@pytest.mark.parametrize(
    ("given", "cleaned"),
    [
        ("  a \t b\r\n c ", "a b c"),
        ("nul\x00 and esc\x1b[31m", "nul and esc[31m"),
        ("\u202eevil\u2066", "evil"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("cafe\u0301", "caf\u00e9"),
        ("family \U0001f468\u200d\U0001f469", "family \U0001f468\u200d\U0001f469"),
        ("", ""),
    ],
)
def test_one_clean_line(given: str, cleaned: str) -> None:
    assert clean_line(given) == cleaned
