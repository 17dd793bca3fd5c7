"""The detected language of creators, on made-up bios and captions of 24 languages in 12 scripts."""

from collections import Counter
from random import Random

import pytest

from tastemaker.catalog.languages import MIXED, detect, language_of
from tastemaker.sandbox.synthetic.vocabulary import get_vocabulary

SEED = 12
OF_EACH = 25
OTHER_LANGUAGES = {
    "nl": ("dagelijkse tips over {}", "mijn favoriete recepten en {}", "ik hou van {} en koffie"),
    "pl": (
        "codzienne porady o tym, jak lubię {}",
        "moje ulubione przepisy i {}",
        "uwielbiam {} z przyjaciółmi",
    ),
    "sv": (
        "mina bästa tips för dig som gillar {}",
        "jag älskar {} varje dag",
        "nya videor varje vecka om {}",
    ),
    "el": ("αγαπώ το {} κάθε μέρα", "οι αγαπημένες μου συνταγές και {}", "νέα βίντεο κάθε εβδομάδα"),  # noqa: RUF001 - its own letters
    "he": ("אני אוהבת {} כל יום", "סרטונים חדשים כל שבוע על {}", "המתכונים האהובים עליי"),
    "uk": ("люблю {} щодня і ділюся порадами", "нові відео щотижня про {}", "мої улюблені рецепти вдома"),  # noqa: RUF001 - its own letters
    "vi": ("mình thích {} mỗi ngày", "video mới mỗi tuần về {}", "những công thức yêu thích của mình"),
    "fa": (
        "هر هفته ویدیوی جدید درباره {}",
        "من عاشق {} هستم و هر روز تمرین می‌کنم",
        "دستورهای غذایی مورد علاقه من",
    ),
    "ta": ("எனக்கு {} மிகவும் பிடிக்கும்", "ஒவ்வொரு வாரமும் புதிய வீடியோ", "என் சமையல் குறிப்புகள்"),
}
WORDS = ("yoga", "fitness", "vlog")
NOISE = (
    "",
    "",
    " #fyp #viral",
    " @jane.doe",
    " jane@example.com",
    " https://example.com/shop",
    " ✨🔥",
    " 💪 2026",
)


def labelled() -> list[tuple[str, str]]:
    dice = Random(SEED)  # noqa: S311 - made-up texts
    rows = []
    for language in get_vocabulary().languages:
        for _ in range(OF_EACH):
            words = dice.choice(get_vocabulary().niches).words_in(language.code)
            template = dice.choice((*language.bios, *language.captions))
            name = dice.choice(language.given).written
            text = template.format(w=dice.choice(words), x=dice.choice(words), n=3, name=name)
            rows.append((language.code, text + dice.choice(NOISE)))
    for code, templates in OTHER_LANGUAGES.items():
        rows += [
            (code, dice.choice(templates).format(dice.choice(WORDS)) + dice.choice(NOISE))
            for _ in range(OF_EACH)
        ]
    return rows


def test_single_texts_are_told_or_left_unknown() -> None:
    told: Counter[str] = Counter()
    wrong = []
    rows = labelled()
    for code, text in rows:
        guess = language_of(text)
        told["unknown" if guess is None else "right" if guess.language == code else "wrong"] += 1
        if guess is not None and guess.language != code:
            wrong.append((code, guess, text))
    assert len(rows) >= 500
    assert told["right"] / (told["right"] + told["wrong"]) >= 0.98, wrong
    assert told["unknown"] / len(rows) <= 0.2, told


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("筋トレの記録", "ja"), ("分享健身日常", "zh"), ("집에서 운동해요", "ko"),
        ("olahraga setiap hari", "id"),
        ("senaman setiap hari di rumah", "id"), ("RUTINAS DE FUERZA PARA TODOS", "es"),
    ],
)  # fmt: skip
def test_scripts_and_kinships(text: str, language: str) -> None:
    guess = language_of(text)
    assert guess is not None
    assert guess.language == language


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yoga",
        "#rutinas #fuerza #gimnasio #casa",
        "@entrenamiento en.casa@example.com",
        "🔥🔥 2026",
        "vlog gym",
    ],
)
def test_what_is_no_prose_or_too_short_is_unknown(text: str) -> None:
    assert language_of(text) is None


def test_a_creators_language_is_a_vote() -> None:
    spanish = ["rutinas de fuerza para principiantes", "así entreno todos los días en casa"]
    english = ["come and join my morning workout"]
    found = detect([*spanish, *english, spanish[0], None, "vlog"])
    assert found is not None
    assert (found.language, found.n) == ("es", 3)
    assert 0.6 < found.share < 0.7
    mixed = detect([spanish[0], english[0]])
    assert mixed is not None
    assert mixed.language == MIXED
    assert detect(["vlog", None]) is None
