"""Initials of names in all scripts, and of names that are none."""

from xml.etree import ElementTree as ET

import pytest

from tastemaker.web.initials import draw_initials, graphemes, initials

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
FLAG = "\U0001f1ea\U0001f1f8"
WAVE = "\U0001f44b\U0001f3fd"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Lucía Ferrer", "LF"),
        ("lucía maría ferrer", "LF"),
        ("Noa", "N"),
        ("e\u0301mile zola", "ÉZ"),
        ("Анна Петрова", "АП"),
        ("مريم الشريف", "م"),
        ("山田 太郎", "山"),
        ("क्षमा", "क्"),
        (f"{FAMILY} Sara Benítez", "SB"),
        (f"{FAMILY}{FLAG}", FAMILY),
        (f"{FLAG}{WAVE}", FLAG),
        (WAVE, WAVE),
        ("@lucia.entrena", "L"),
        ("ßen", "SS"),
        ("24 Stunden", "2"),
        ("  ", "?"),
        ("", "?"),
        ("!!!", "!"),
        ("\u202eevil", "E"),
    ],
)
def test_initials(name: str, shown: str) -> None:
    assert initials(name) == shown


def test_signs_are_not_torn_apart() -> None:
    assert list(graphemes(f"a\u0308{FAMILY}{FLAG}{FLAG}{WAVE}\u2764\ufe0f")) == [
        "ä",
        FAMILY,
        FLAG,
        FLAG,
        WAVE,
        "\u2764\ufe0f",
    ]


@pytest.mark.parametrize("name", ["<script>", "&", "a" * 5_000, FAMILY, "\x00", "\ud800", "\x1b[31m"])
def test_the_drawing_is_a_document(name: str) -> None:
    assert ET.fromstring(draw_initials(name, seed=7)).tag.endswith("svg")  # noqa: S314 - drawn by us


def test_a_seed_has_one_colour() -> None:
    assert draw_initials("A", seed=7) == draw_initials("A", seed=7)
    assert len({draw_initials("A", seed=seed) for seed in range(200)}) > 40
