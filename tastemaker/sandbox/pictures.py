"""The pictures of the sandbox: portraits of made-up people and thumbnails of their posts, drawn as SVG.

A picture depends on the id in its URL alone, so that nothing is stored and every process draws the same one.
SVG, because a drawing takes a tenth of a millisecond and a kilobyte and is sharp at every size. Pictures of
strangers are never SVG: `providers.images` refuses it.
"""

import re
from random import Random
from typing import Final

from tastemaker.core.platforms import Platform
from tastemaker.sandbox.faces import draw_face
from tastemaker.sandbox.identity import seeded_random

IMAGE_HOST: Final = "images.example.com"
"""Reserved by RFC 2606: nobody can own it. The web pages draw its pictures themselves."""

BASE_URL: Final = f"https://{IMAGE_HOST}"
MEDIA_TYPE: Final = "image/svg+xml"

_FACE: Final = re.compile(r"/(?:tiktok/avatar|instagram/avatar|channel)/([A-Za-z0-9_-]{1,64})(?:[~=.].*)?")
_SCENE: Final = re.compile(r"/(tiktok/cover|instagram/reel|vi)/([A-Za-z0-9_-]{1,64})(?:[/.].*)?")
_SIZES: Final = {
    "tiktok/cover": (Platform.TIKTOK, 90, 160),
    "instagram/reel": (Platform.INSTAGRAM, 120, 150),
    "vi": (Platform.YOUTUBE, 160, 90),
}


def draw(path: str) -> bytes | None:
    """The picture at this path of `IMAGE_HOST`; None if there is none."""
    if face := _FACE.fullmatch(path):
        return draw_face(face[1]).encode()
    if scene := _SCENE.fullmatch(path):
        return draw_scene(scene[2], *_SIZES[scene[1]]).encode()
    return None


def draw_scene(post_id: str, platform: Platform, width: int, height: int) -> str:
    """A calm landscape or still life in the proportions of the platform."""
    dice = seeded_random("scene", platform, post_id)
    paint = dice.choice((_hills, _sea, _still_life, _window, _arches, _leaves))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width * 4}" height="{height * 4}">{paint(dice, width, height)}</svg>'
    )


def _hills(dice: Random, width: int, height: int) -> str:
    hue = dice.randrange(360)
    sun = dice.uniform(0.2, 0.8) * width
    parts = [
        _rect(0, 0, width, height, _tone(hue, 36, 86)),
        _disc(sun, height * dice.uniform(0.24, 0.4), min(width, height) * 0.11, _tone(hue + 30, 60, 94)),
    ]
    for step in range(4):
        top = height * (0.46 + 0.14 * step)
        parts.append(_ridge(dice, width, height, top, _tone(hue + 8 * step, 28, 72 - 13 * step)))
    return "".join(parts)


def _sea(dice: Random, width: int, height: int) -> str:
    hue, horizon = dice.choice((188, 204, 218, 28, 344)), height * dice.uniform(0.42, 0.6)
    sun, radius = width * dice.uniform(0.25, 0.75), min(width, height) * dice.uniform(0.12, 0.2)
    parts = [
        _rect(0, 0, width, height, _tone(hue + 20, 44, 88)),
        _disc(sun, horizon, radius, _tone(36, 74, 82)),
        _rect(0, horizon, width, height - horizon, _tone(hue, 30, 58)),
    ]
    for step in range(5):
        line, length = horizon + (step + 0.6) * (height - horizon) / 6, radius * (2.2 - 0.3 * step)
        parts.append(_rect(sun - length / 2, line, length, 1.4, _tone(36, 60, 80), round_by=0.7))
    return "".join(parts)


def _still_life(dice: Random, width: int, height: int) -> str:
    """Bottles, bowls and fruit on a table."""
    hue, table = dice.randrange(360), height * dice.uniform(0.64, 0.74)
    parts = [
        _rect(0, 0, width, height, _tone(hue, 22, 86)),
        _rect(0, table, width, height - table, _tone(hue + 24, 24, 70)),
    ]
    unit = min(width, height) * 0.13
    base = table + unit * 0.7
    for place in sorted(dice.sample(range(1, 6), 3)):
        middle, color = (
            width * place / 6,
            _tone(hue + dice.choice((0, 40, 150, 190)), 28, dice.randrange(44, 66)),
        )
        shape = dice.randrange(3)
        if shape == 0:
            parts.append(_disc(middle, base - unit, unit, color))
        elif shape == 1:
            tall = unit * dice.uniform(2.4, 3.6)
            left = middle - unit * 0.7
            parts.append(_rect(left, base - tall, unit * 1.4, tall, color, round_by=unit * 0.5))
            parts.append(
                _rect(middle - unit * 0.3, base - tall * 1.28, unit * 0.6, tall * 0.5, color, round_by=1)
            )
        else:
            bowl = f"M{middle - unit * 1.3:.1f} {base - unit * 1.1:.1f}h{unit * 2.6:.1f}"
            arc = f"a{unit * 1.3:.1f} {unit * 1.1:.1f} 0 0 1-{unit * 2.6:.1f} 0z"
            parts.append(f'<path d="{bowl}{arc}" fill="{color}"/>')
    return "".join(parts)


def _window(dice: Random, width: int, height: int) -> str:
    """Light that falls through a window onto a wall."""
    hue = dice.randrange(360)
    left, top = width * dice.uniform(0.14, 0.3), height * dice.uniform(0.1, 0.22)
    pane_width, pane_height, lean = width * 0.24, height * 0.26, width * dice.uniform(0.05, 0.14)
    parts = [
        _rect(0, 0, width, height, _tone(hue, 20, 66)),
        _rect(0, height * 0.84, width, height, _tone(hue + 10, 18, 48)),
    ]
    for row in range(2):
        for column in range(2):
            x, y = left + column * (pane_width + 3) + lean * row, top + row * (pane_height + 3)
            shape = f"M{x:.1f} {y:.1f}h{pane_width:.1f}l{lean:.1f} {pane_height:.1f}h-{pane_width:.1f}z"
            parts.append(f'<path d="{shape}" fill="{_tone(hue + 26, 52, 84)}"/>')
    stem = width * dice.uniform(0.72, 0.84)
    parts += [
        _leaf(stem, height * 0.84, 0.36 * height, turn, _tone(hue + 130, 22, 34))
        for turn in (-34, -8, 16, 40)
    ]
    return "".join(parts)


def _arches(dice: Random, width: int, height: int) -> str:
    hue = dice.randrange(360)
    parts = [_rect(0, 0, width, height, _tone(hue, 30, 88))]
    middle, base = width * dice.uniform(0.4, 0.6), height * dice.uniform(0.82, 0.96)
    widest = min(width * 0.44, base * 0.62)
    for step in range(4):
        radius = widest * (1 - 0.23 * step)
        left, foot, span = middle - radius, radius * 0.5, 2 * radius
        round_top = f"a{radius:.1f} {radius:.1f} 0 0 1 {span:.1f} 0"
        arch = f"M{left:.1f} {base:.1f}v-{foot:.1f}{round_top}v{foot:.1f}z"
        parts.append(f'<path d="{arch}" fill="{_tone(hue + 24 * step, 30, 74 - 10 * step)}"/>')
    parts.append(_rect(0, base, width, height - base, _tone(hue, 20, 52)))
    return "".join(parts)


def _leaves(dice: Random, width: int, height: int) -> str:
    hue = dice.choice((92, 128, 158, 30, 12))
    parts = [_rect(0, 0, width, height, _tone(hue + dice.choice((0, 180)), 22, 88))]
    parts.append(_disc(width * 0.5, height * 0.5, min(width, height) * 0.34, _tone(hue + 200, 26, 78)))
    root = width * dice.uniform(0.4, 0.6)
    for step in range(9):
        turn, length = -64 + 16 * step + dice.uniform(-5, 5), height * dice.uniform(0.56, 0.86)
        parts.append(_leaf(root, height * 1.02, length, turn, _tone(hue, 26, dice.randrange(34, 60))))
    return "".join(parts)


def _ridge(dice: Random, width: int, height: int, top: float, color: str) -> str:
    quarter, bumps = width / 4, [top + dice.uniform(-0.07, 0.07) * height for _ in range(5)]
    curve = f"M0 {height}V{bumps[0]:.1f}"
    for step in range(1, 5):
        x, before = quarter * step, quarter * (step - 0.5)
        curve += (
            f"C{before:.1f} {bumps[step - 1]:.1f} {before:.1f} {bumps[step]:.1f} {x:.1f} {bumps[step]:.1f}"
        )
    return f'<path d="{curve}V{height}z" fill="{color}"/>'


def _leaf(x: float, y: float, length: float, turn: float, color: str) -> str:
    wide = length * 0.16
    return (
        f'<path d="M0 0C{wide:.1f}-{length * 0.3:.1f} {wide:.1f}-{length * 0.7:.1f} 0-{length:.1f}'
        f'C-{wide:.1f}-{length * 0.7:.1f}-{wide:.1f}-{length * 0.3:.1f} 0 0"'
        f' transform="translate({x:.1f} {y:.1f})rotate({turn:.0f})" fill="{color}"/>'
    )


def _rect(x: float, y: float, width: float, height: float, color: str, *, round_by: float = 0) -> str:
    corner = f' rx="{round_by:.1f}"' if round_by else ""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"{corner} fill="{color}"/>'


def _disc(x: float, y: float, radius: float, color: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{color}"/>'


def _tone(hue: float, saturation: int, lightness: float) -> str:
    return f"hsl({hue % 360:.0f},{saturation}%,{lightness:.0f}%)"
