"""What a profile says: handle, name, e-mail address, links, bio."""

from random import Random

import orjson

from tastemaker.core.platforms import Platform
from tastemaker.sandbox.synthetic.vocabulary import Person, happens, pick

_LONGEST_HANDLE = {Platform.YOUTUBE: 30, Platform.TIKTOK: 24, Platform.INSTAGRAM: 30}
_EMOJI = (
    "✨",
    "🌸",
    "🎮",
    "🏃\u200d♀️",
    "👩🏽\u200d🍳",
    "🐾",
    "📚",
    "🎧",
    "🌿",
    "👨\u200d👩\u200d👧",
    "🔥",
    "🧵",
)


def handle_parts(who: Person) -> list[str]:
    given, family, niche = who.given.romanised, who.family.romanised, who.niche.compound.lower()
    year = f"{who.dice.randrange(84, 108) % 100:02}"
    return pick(
        who.dice,
        (
            [given, niche],
            [given, family],
            [niche, "with", given],
            ["its", given, family],
            [given, family, year],
            [niche, "by", given],
            ["the", given, niche],
            [given, niche, year],
            ["real", given, family],
            [family, niche],
        ),
    )


def write_handle(dice: Random, platform: Platform, parts: list[str]) -> str:
    if platform is Platform.YOUTUBE:
        joined = ("-" if happens(dice, 0.1) else "").join(part.capitalize() for part in parts)
        return joined[: _LONGEST_HANDLE[platform]]
    separator = pick(dice, ("", "", ".", "_"))
    if happens(dice, 0.15):
        parts = [*parts, pick(dice, ("official", "tv", "hq", "daily"))]
    return separator.join(parts)[: _LONGEST_HANDLE[platform]]


def profile_name(who: Person) -> str:
    dice, word = who.dice, pick(who.dice, who.niche.words_in(who.language.code))
    given, family = who.given.written, who.family.written
    ordered = (family, given) if who.language.family_first else (given, family)
    full = who.language.joint.join(ordered)
    return pick(
        dice,
        (
            full,
            full,
            f"{given} {pick(dice, _EMOJI)}",
            f"{given} {word[:1].upper()}{word[1:]}",
            f"{who.given.romanised.capitalize()}{who.niche.compound}",
            f"{full} | {word}",
            f"{pick(dice, _EMOJI)} {full}",
        ),
    )


def email_address(dice: Random, handle: str) -> str:
    """Public on the profile; every address leads to a domain that is reserved for examples."""
    pattern = pick(
        dice, ("{}@example.com", "{}@example.org", "hello@{}.example.com", "business.{}@example.com")
    )
    return pattern.format(handle.lower().strip("._-"))


def profile_links(dice: Random, handle: str) -> list[str]:
    if happens(dice, 0.6):
        return []
    name = handle.lower().replace("_", "-").strip(".-")
    return [f"https://links.example.com/{name}", f"https://shop.example.org/{name}"][
        : 1 + int(dice.random() * 2)
    ]


def bio(who: Person, platform: Platform, email: str | None, links: list[str]) -> str | None:
    dice, language = who.dice, who.language
    if not email and happens(dice, 0.04):
        return None
    lines = [_sentence(who, pick(dice, language.bios))]
    if platform is Platform.YOUTUBE:
        lines += [_sentence(who, pick(dice, language.captions)), *links]
    if happens(dice, 0.35):
        lines[0] += f" {pick(dice, _EMOJI)}"
    if email:
        lines.append(f"{language.contact}: {email}")
    return "\n".join(lines)


def _sentence(who: Person, template: str) -> str:
    words, code = who.niche.words_in(who.language.code), who.language.code
    return template.format(
        w=pick(who.dice, words),
        x=pick(who.dice, who.second_niche.words_in(code)),
        n=2 + int(who.dice.random() * 9),
        name=who.given.written,
    )


def channel_keywords(who: Person) -> str | None:
    if happens(who.dice, 0.4):
        return None
    words = (*who.niche.words_in(who.language.code), *who.niche.tags[:3])
    return orjson.dumps(words).decode()
