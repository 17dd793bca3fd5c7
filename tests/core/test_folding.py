import pytest

from tastemaker.core.folding import MOST_WORDS, fold, is_unspaced, term, words_of
from tastemaker.sandbox.store import index_text, pairs


@pytest.mark.parametrize(
    ("text", "added"),
    [
        ("GothamChess", "gotham chess"),
        ("#MakeUpTips today", "make up tips"),
        ("ABCdef", "ab cdef"),
        ("iPhone and BBCNews", "i phone bbc news"),
    ],
)
def test_a_compound_in_camel_case_also_counts_as_its_parts(text: str, added: str) -> None:
    assert index_text(text) == f"{text.lower()} {added}"


def test_a_script_without_spaces_is_cut_into_pairs_and_its_last_character() -> None:
    assert (index_text("看化妆教程vlog") or "").split() == ["看化", "化妆", "妆教", "教程", "程", "vlog"]


def test_decorated_letters_are_read_as_letters() -> None:
    assert (
        index_text("\U0001d4dc\U0001d4ea\U0001d4f4\U0001d4ee\U0001d4fe\U0001d4f9 \uff36\uff2c\uff2f\uff27")
        == "makeup vlog"
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
        ('"; DROP TABLE', ["drop", "table"]),
        ("💄", []),
        ("", []),
    ],
)
def test_the_words_of_a_keyword(keyword: str, words: list[str]) -> None:
    assert words_of(keyword) == words


def test_a_very_long_keyword_is_cut() -> None:
    assert len(words_of("word " * 3_000)) == MOST_WORDS


def test_runs_and_pairs() -> None:
    assert is_unspaced("แต่งหน้า")
    assert not is_unspaced("makeup")
    assert pairs("化妆品") == ["化妆", "妆品"]
    assert pairs("化") == ["化"]


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("CAFÉ", "cafe"),
        ("Йога", "йога"),
        ("Ёлка", "елка"),
        ("Їжак", "їжак"),
        ("Άλφα", "αλφα"),
        ("Straße", "strasse"),
        ("Øystein Łódź", "oystein lodz"),
        ("İzmir", "izmir"),
        ("Isparta \u0131", "isparta i"),
        ("バリ", "バリ"),
        ("ก้าว", "ก้าว"),
        ("हिन्दी", "हिन्दी"),
        ("한글", "한글"),
        ("\uff37\uff29\uff24\uff25", "wide"),
    ],
)
def test_marks_are_dropped_only_where_they_are_accents(text: str, folded: str) -> None:
    assert fold(text) == folded
    assert fold(fold(text)) == folded


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ("café", "CAFE"),
        ("CAFE", "my café"),
        ("Istanbul", "İSTANBUL"),
        ("GROSS", "groß"),
        ("c++", "I love C++!"),
        ("c#", "Learn C#, now"),
        ("R&B", "best r&b songs"),
        ("Q&A", "Our Q&A today"),
        ("ai", "#AI art"),
        ("travel", "Food&Travel"),
        ("vegan food", "#veganfood"),
        ("make-up", "Makeup"),
        ("makeup", "make-up"),
        ("大阪", "大阪の旅"),
        ("여행", "여행을 가다"),
        ("chess", "gothamchess"),
        ("мой", "мой дом"),
    ],
)
def test_a_keyword_is_in_a_text(keyword: str, text: str) -> None:
    assert term(keyword).occurs_in([text])


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ("パン", "バンド"),
        ("чай", "чаи"),
        ("c++", "vitamin c"),
        ("c++", "cats"),
        ("c#", "#c #cats"),
        ("H&M", "hmm"),
        ("R&D", "herds and herds"),
        ("ai", "said"),
        ("go", "golang"),
        ("ก้า", "กา"),
        ("", "anything"),
        ("💄", "💄"),
    ],
)
def test_a_keyword_is_not_in_a_text(keyword: str, text: str) -> None:
    assert not term(keyword).occurs_in([text])
