"""Portraits of people who do not exist: head and shoulders in muted hues, without a face.

Background, clothes, skin, hair and what somebody wears vary: a table of fifty looks like fifty people.
One in nine is an emblem, as brands and clubs have one.
"""

from random import Random
from typing import Final

from tastemaker.sandbox.identity import seeded_random

SIZE: Final = 64
EMBLEMS: Final = 1 / 9
DYED: Final = 0.07

_SKIN: Final = ("#f1d9c5", "#e8c5a8", "#dcb08c", "#c79572", "#a97455", "#8a5b41", "#6d4733", "#53372a")
_HAIR: Final = (
    "#2b2522",
    "#3d2c24",
    "#553b2c",
    "#7a5236",
    "#a1744a",
    "#c9a36b",
    "#8c3f2a",
    "#9a958f",
    "#d8d2c8",
)
_DARK_SKIN: Final = 5
"""From this tone on hair is dark."""

_DYED: Final = ("#b0677a", "#5f8a8b", "#7d6a9e")

_SHORT: Final = (
    (
        "M20.6 27c-.9-10.6 4.4-15.6 11.6-15.6S44.4 16 43.4 27c-.9-4.6-2.4-6.6-4-7.4-4.6 1.6-11 1-14.6-.4"
        "-2 1.4-3.3 4-4.2 7.8z"
    ),
    (
        "M20.5 28c-1.4-12 4-17 12.5-17 6 0 11 4.6 10.6 16-1.2-4.6-2.8-7-5-8.4-2 1.4-9.6.8-13-2"
        "-2.4 3-4.2 6-5.1 11.4z"
    ),
    (
        "M20.7 26c-2.2-8.4 2.3-16 11.3-16s13.5 7.6 11.3 16c-.7-3.6-1.5-5.4-3-6.6-4-1.7-12.6-1.7-16.6 0"
        "-1.5 1.2-2.3 3-3 6.6z"
    ),
    "M20.8 24.5c.4-8.4 5-12.6 11.2-12.6s10.8 4.2 11.2 12.6c-2-4.3-5.6-6.3-11.2-6.3s-9.2 2-11.2 6.3z",
    (
        "M19.8 27c-2-9 1-13.5 4-14.6 1.6-3 6.4-4.2 9.8-2.6 5.4-.6 10.4 4 10.2 9.4 1 2.4.8 5-.4 7.8"
        "-.8-5-2.2-7.4-4-8.4-3 2.2-7.4-.2-9.8-1-3.4.2-7.6 3.2-9.8 9.4z"
    ),
)
"""Hair that ends above the ears, over the head."""

_LONG: Final = (
    (
        "M18.5 50c-2.5-8-1.5-14-.7-22C18.8 15.6 24 10 32 10s13.2 5.6 14.2 18c.8 8 1.8 14-.7 22z",
        "M20.8 28c0-9 3-12 8-13 4 3.6 9 5 14.4 5.6.3 2.6.2 5 0 7.4 1.6-10-2-17-11.2-17s-12.8 7-11.2 17z",
    ),
    (
        "M18.8 40c-3-14-1-30 13.2-30s16.2 16 13.2 30z",
        (
            "M20.6 29c.6-7 2-10.2 5-11.6 4 .9 8.8.9 12.8 0 3 1.4 4.4 4.6 5 11.6 1.8-10.6-2-18-11.4-18"
            "s-13.2 7.4-11.4 18z"
        ),
    ),
    (
        "M16 37c-3-4-2-9 0-11-1-7 4-13 9-14 4-4 11-4 14.5 0 5.5 1 9.5 7 8.5 14 2 2 3 7 0 11-3 3-29 3-32 0z",
        (
            "M20.8 26c.4-6 2.6-9 5.2-10 3.4 1.6 8.6 1.6 12 0 2.6 1 4.8 4 5.2 10 1.2-9-2-14.5-11.2-14.5"
            "S19.6 17 20.8 26z"
        ),
    ),
    (
        (
            "M17 52c1-6-2-8-.6-13-1.2-3-.4-6 1-8.5C17 17 22.6 10 32 10s15 7 14.6 20.5c1.4 2.5 2.2 5.5 1 8.5"
            "1.4 5-1.6 7-.6 13z"
        ),
        "M20.8 29c-.4-6 3-11.5 11.2-14.4 8.2 2.9 11.6 8.4 11.2 14.4 1.4-11-2.2-18-11.2-18s-12.6 7-11.2 18z",
    ),
)
"""Long hair: what hangs behind the shoulders, and what lies over the head."""

_SCARF: Final = (
    "M17 50c-2-8 1-14 2-22C20 16 25 11 32 11s12 5 13 17c1 8 4 14 2 22-4 4-26 4-30 0z",
    (
        "M20 30c0-13 5-19 12-19s12 6 12 19c0 9-4 15-7 17 4-5 5-10 5-17-3-5-4-8.5-10-8.5S25 25 22 30"
        "c0 7 1 12 5 17-3-2-7-8-7-17z"
    ),
)
_BEARD: Final = (
    "M21.2 28c.6 9.6 4 13.8 10.8 13.8S42.2 37.6 42.8 28c-1.6 3.6-3.4 5.6-6 5.6-2-1.3-7.6-1.3-9.6 0"
    "-2.6 0-4.4-2-6-5.6z"
)
_STYLES: Final = {"short": 40, "long": 28, "tied up": 10, "scarf": 7, "cap": 8, "none": 7}
"""How people wear their hair, and how many of a hundred."""

_WORN: Final = {"nothing": 56, "beard": 14, "glasses": 14, "ear-rings": 8, "sunglasses": 4, "headphones": 4}

_CLOTHES: Final = (
    "M7 64c1-12 9-17 18-18.5l7 2.5 7-2.5c9 1.5 17 6.5 18 18.5z",
    "M10 64c0-10 7-16 16-18.5h12c9 2.5 16 8.5 16 18.5z",
    "M4 64c2-11 11-16 21-18l7 3 7-3c10 2 19 7 21 18z",
)


def draw_face(stable_id: str) -> str:
    """The picture of an account; always the same one for the same id."""
    dice = seeded_random("face", stable_id)
    hue = dice.randrange(0, 360, 6)
    drawing = _emblem(dice, hue) if dice.random() < EMBLEMS else _portrait(dice, hue)
    view = f"0 0 {SIZE} {SIZE}"
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view}">{_ground(dice, hue)}{drawing}</svg>'


def _ground(dice: Random, hue: int) -> str:
    light, other = _tone(hue, 32, 80), _tone(hue + dice.choice((0, 24, -24)), 30, 73)
    whole = f'<path fill="{light}" d="M0 0h64v64H0z"/>'
    return whole + dice.choice(
        (
            "",
            "",
            f'<path fill="{other}" d="M64 0v64H0z"/>',
            f'<path fill="{other}" d="M0 {dice.randrange(34, 46)}h64v30H0z"/>',
            f'<circle cx="{dice.randrange(16, 48)}" cy="{dice.randrange(18, 34)}" r="22" fill="{other}"/>',
            f'<path stroke="{other}" stroke-width="5" d="M8 0v64M24 0v64M40 0v64M56 0v64"/>',
            f'<path fill="{other}" d="M0 64V30a32 32 0 0 1 64 0v34z"/>',
        )
    )


def _portrait(dice: Random, hue: int) -> str:
    skin = dice.randrange(len(_SKIN))
    hair = dice.choice(_DYED if dice.random() < DYED else _HAIR[:4] if skin >= _DARK_SKIN else _HAIR)
    shade = hue + dice.choice((0, 0, 150, 180, 210))
    clothes = _tone(shade, dice.choice((12, 20, 28)), dice.randrange(34, 56, 4))
    style = dice.choices(tuple(_STYLES), tuple(_STYLES.values()))[0]
    behind, over = _hair(dice, style, hair, clothes)
    body = f"{_fill(dice.choice(_CLOTHES), clothes)}{_neckline(dice, skin, clothes)}"
    ears = _line("M21.4 28.5v1.6M42.6 28.5v1.6", _SKIN[skin], 4.4)
    head = f'<ellipse cx="32" cy="27.5" rx="10.8" ry="12.4" fill="{_SKIN[skin]}"/>'
    worn = _worn(dice, style, hair)
    neck = _fill("M26.8 36h10.4v8.5c0 4-10.4 4-10.4 0z", _darker(skin))
    turned = f'<g transform="rotate({dice.choice((-4, -2, 0, 0, 2, 4))} 32 44)">{ears}{head}{over}{worn}</g>'
    return f'<g transform="{_place(dice)}">{behind}{neck}{body}{turned}</g>'


def _place(dice: Random) -> str:
    """How near the camera was, and where the head is in the picture."""
    size, aside = dice.choice((1.0, 1.06, 1.14)), dice.randrange(-2, 3)
    mirrored = dice.choice(("", "translate(64)scale(-1 1)"))
    return f"translate({32 * (1 - size) + aside:.1f} {SIZE * (1 - size):.1f})scale({size}){mirrored}"


def _neckline(dice: Random, skin: int, clothes: str) -> str:
    """Round, deep, with a collar, high, or plain."""
    return dice.choice(
        (
            _fill("M26.6 45h10.8c-1 5.6-9.8 5.6-10.8 0z", _darker(skin)),
            _fill("M26.6 45h10.8L32 54z", _darker(skin)),
            _fill("M25 44.5l7 6.5-5 4.5zM39 44.5L32 51l5 4.5z", "#f4f1ea"),
            _fill("M25.5 40.5h13v8h-13z", clothes) + _shadow("M25.5 40.5h13v2.6h-13z"),
            _line("M25 45.6c2 6.6 12 6.6 14 0", "#0003", 1.6),
        )
    )


def _hair(dice: Random, style: str, hair: str, clothes: str) -> tuple[str, str]:
    """What lies behind the neck, and what lies over the head."""
    if style == "short":
        return "", _fill(dice.choice(_SHORT), hair)
    if style == "long":
        behind, over = dice.choice(_LONG)
        return _fill(behind, hair), _fill(over, hair)
    if style == "tied up":
        return f'<circle cx="32" cy="10" r="5.2" fill="{hair}"/>', _fill(_SHORT[2], hair)
    if style == "scarf":
        behind, over = _SCARF
        return _fill(behind, clothes), _fill(over, clothes) + _shadow(over)
    if style == "cap":
        sides = _fill("M20.5 30v-8h2.2l-.6 6zM43.5 30v-8h-2.2l.6 6z", hair)
        cap = _fill("M20.4 23C20 14.5 25 10.6 32 10.6S44 14.5 43.6 23z", clothes)
        return "", sides + cap + _shadow("M20.4 23h23.2v1.5c-8-1.7-15.2-1.7-23.2 0z")
    return "", ""


def _worn(dice: Random, style: str, hair: str) -> str:
    worn = dice.choices(tuple(_WORN), tuple(_WORN.values()))[0]
    if worn in {"glasses", "sunglasses"}:
        lens = "#26232a" if worn == "sunglasses" else "#fff4"
        one = f'<rect x="{{}}" y="26" width="7.6" height="5.6" rx="2.6" fill="{lens}" stroke="#2f2a28"/>'
        return one.format(23.4) + one.format(33) + _line("M31 28h2", "#2f2a28", 1)
    if worn == "beard" and style in {"short", "cap", "none"}:
        return _fill(_BEARD, hair)
    if worn == "headphones" and style not in {"scarf", "cap"}:
        band = _line("M20.4 28C19 8 45 8 43.6 28", "#2f2c31", 2)
        return band + _line("M20.4 27.5v4M43.6 27.5v4", "#2f2c31", 4.6)
    if worn == "ear-rings" and style in {"long", "tied up", "none"}:
        return _line("M20.8 34v.6M43.2 34v.6", "#d9b25f", 2)
    return ""


def _fill(path: str, color: str) -> str:
    return f'<path fill="{color}" d="{path}"/>'


def _shadow(path: str) -> str:
    return _fill(path, "#0002")


def _line(path: str, color: str, width: float) -> str:
    return f'<path fill="none" stroke="{color}" stroke-width="{width}" stroke-linecap="round" d="{path}"/>'


def _emblem(dice: Random, hue: int) -> str:
    dark, warm = _tone(hue, 26, 40), _tone(hue + 180, 26, 58)
    disc = '<circle cx="{}" cy="{}" r="{}" fill="{}" fill-opacity=".9"/>'
    return dice.choice(
        (
            disc.format(26, 32, 13, dark) + disc.format(38, 32, 13, warm),
            _fill("M12 50a20 20 0 0 1 40 0z", dark) + disc.format(32, 20, 7, warm),
            _fill("M32 12l20 34H12z", dark) + _fill("M32 30l9.4 16H22.6z", warm),
            _line("M14 40c6-22 12-22 18-8s12 14 18-8", dark, 6),
            disc.format(32, 32, 20, dark) + disc.format(32, 32, 9, warm),
            _fill("M32 50C14 40 14 22 20 14c12 4 16 16 12 36z", dark)
            + _fill("M32 50c-4-18 2-28 14-32 6 10 2 24-14 32z", warm),
        )
    )


def _darker(skin: int) -> str:
    """Where the head throws its shadow."""
    red, green, blue = (int(_SKIN[skin][place : place + 2], 16) for place in (1, 3, 5))
    return f"#{int(red * 0.86):02x}{int(green * 0.84):02x}{int(blue * 0.83):02x}"


def _tone(hue: int, saturation: int, lightness: int) -> str:
    return f"hsl({hue % 360},{saturation}%,{lightness}%)"
