import pytest

from tastemaker.sandbox.text import MOST_WORDS, fold, index_text, is_unspaced, keyword_words, pairs


@pytest.mark.parametrize(
    ("text", "added"),
    [
        ("GothamChess", "Gotham Chess"),
        ("#MakeUpTips today", "Make Up Tips"),
        ("ABCdef", "AB Cdef"),
        ("iPhone and BBCNews", "i Phone BBC News"),
    ],
)
def test_a_compound_in_camel_case_also_counts_as_its_parts(text: str, added: str) -> None:
    assert index_text(text) == f"{text} {added}"


@pytest.mark.parametrize("text", ["chess", "CHESS", "Chess Opening", "", None, "a1 B2"])
def test_a_plain_text_stays_as_it_is(text: str | None) -> None:
    assert index_text(text) == text


def test_a_script_without_spaces_is_cut_into_pairs_and_its_last_character() -> None:
    assert (index_text("看化妆教程vlog") or "").split() == ["看化", "化妆", "妆教", "教程", "程", "vlog"]


def test_decorated_letters_are_read_as_letters() -> None:
    assert (
        index_text("\U0001d4dc\U0001d4ea\U0001d4f4\U0001d4ee\U0001d4fe\U0001d4f9 \uff36\uff2c\uff2f\uff27")
        == "Makeup VLOG"
    )


@pytest.mark.parametrize(
    ("keyword", "words"),
    [
        ("chess", ["chess"]),
        ("  street   food ", ["street", "food"]),
        ("#makeup @someone", ["makeup", "someone"]),
        ("化妆 教程", ["化妆", "教程"]),
        ("make化妆up", ["make", "化妆", "up"]),
        ("मेकअप टिप्स", ["मेकअप", "टिप्स"]),
        ('"; DROP TABLE', ["DROP", "TABLE"]),
        ("💄", []),
        ("", []),
    ],
)
def test_the_words_of_a_keyword(keyword: str, words: list[str]) -> None:
    assert keyword_words(keyword) == words


def test_a_very_long_keyword_is_cut() -> None:
    assert len(keyword_words("word " * 3_000)) == MOST_WORDS


def test_runs_and_pairs() -> None:
    assert is_unspaced("แต่งหน้า")
    assert not is_unspaced("makeup")
    assert pairs("化妆品") == ["化妆", "妆品"]
    assert pairs("化") == ["化"]


def test_folding_drops_case_and_latin_accents_only() -> None:
    assert fold("CAFÉ") == "cafe"
    assert fold("Йога") == "йога"
