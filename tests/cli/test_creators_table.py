"""The table keeps its columns at every width, whatever creators are called."""

import pytest
from rich.cells import cell_len

from tastemaker.cli.creators_table import creators_table
from tastemaker.cli.plain_text import LRM
from tastemaker.core.display import UNKNOWN
from tastemaker.core.platforms import Platform
from tastemaker.searches.results.queries import FoundCreator
from tests.cli.made_up import found

ARABIC = "\u0645\u062d\u0645\u062f \u0627\u0644\u0634\u0637\u0631\u0646\u062c"
KOREAN = "\ud55c\uad6d \uccb4\uc2a4 \ucc44\ub110 \uc544\uc8fc \uae34 \uc774\ub984\uc785\ub2c8\ub2e4"

HOSTILE = [
    found(emails=("anna@example.org",)),
    found("\x1b[31mred\x1b[2J\x07", "evil\x1b]0;title\x07", platform=Platform.TIKTOK, followers=None),
    found(ARABIC, "mo", platform=Platform.INSTAGRAM, followers=999_999, likes=None),
    found(KOREAN, "hangul", emails=("a.very.long.address@mail.example.org", "b@example.org")),
    found(
        "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \u2764\ufe0f", "fam", matched_in=()
    ),
    found("Z" + "\u0353" * 30 + "algo", "z" * 90, matched_in=("post", "hashtag", "name", "handle", "bio")),
    found("[bold red]markup[/] :smile:", None, followers=0, views=None),
    found(None, None, emails=(), matched_in=()),
    found("name\r\nwith\tlines", "x", views=2**40),
]

AT_80 = """\
Creator        Platform  Followers  Views  Likes
Anna Kowalska  YouTube        1.2M   340K    999
  @annak · anna@example.org · matched in post, hashtag
Bela           TikTok            ?      7      ?
  @bela · only TikTok knows why""".replace("?", UNKNOWN)

AT_60 = """\
Creator        Followers  Views  Likes
Anna Kowalska       1.2M   340K    999
  @annak · a.long.address@mail.example.org
  chess: post, hashtag, name"""

AT_120 = """\
Creator        Handle  Platform  Followers  Views  Likes  E-mail            Matched in
Anna Kowalska  @annak  YouTube        1.2M   340K    999  anna@example.org  post, hashtag
Bela           @bela   TikTok            ?      7      ?  ?                 only TikTok knows why""".replace(
    "?", UNKNOWN
)

BELA = {"platform": Platform.TIKTOK, "followers": None, "views": 7, "likes": None, "matched_in": ()}


def test_two_lines_each_at_80_columns() -> None:
    rows = [found(emails=("anna@example.org",)), found("Bela", "bela", **BELA)]
    assert drawn(rows, width=80) == AT_80


def test_why_moves_to_a_line_of_its_own_at_60_columns() -> None:
    row = found(emails=("a.long.address@mail.example.org",), matched_in=("post", "hashtag", "name"))
    assert drawn([row], width=60, keywords=2) == AT_60


def test_one_line_each_where_there_is_room() -> None:
    rows = [found(emails=("anna@example.org",)), found("Bela", "bela", **BELA)]
    assert drawn(rows, width=120) == AT_120


@pytest.mark.parametrize("width", [40, 60, 72, 80, 100, 120, 140, 200])
@pytest.mark.parametrize("keywords", [1, 3])
def test_no_name_breaks_a_column_or_a_line(width: int, keywords: int) -> None:
    lines = drawn(HOSTILE, width=width, keywords=keywords).splitlines()
    assert all(cell_len(line) <= width for line in lines)
    assert not any(
        ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for line in lines for character in line
    )
    end = lines[0].index("Followers") + len("Followers")
    rows = [line for line in lines[1:] if not line.startswith("  ")]
    assert len(rows) == len(HOSTILE)
    for row in rows:
        before, after = row[: len(cut_at(row, end))], row[len(cut_at(row, end)) :]
        assert cell_len(before) == end
        assert before[-1] in f"KMB0123456789{UNKNOWN}"
        assert after == "" or after.startswith("  ")


@pytest.mark.parametrize("width", [60, 120])
def test_what_follows_a_right_to_left_name_stays_on_its_side(width: int) -> None:
    assert f"{LRM}{ARABIC}{LRM}" in drawn([found(ARABIC, "mo")], width=width)


def test_markup_in_names_is_text() -> None:
    (line,) = creators_table([found("[red]x[/red]")], width=120, keywords=1)[1:]
    assert "[red]x[/red]" in line.plain
    assert all("red" not in str(span.style) for span in line.spans)


def drawn(rows: list[FoundCreator], *, width: int, keywords: int = 1) -> str:
    return "\n".join(line.plain for line in creators_table(rows, width=width, keywords=keywords))


def cut_at(line: str, cells: int) -> str:
    """The beginning of the line that fills so many cells."""
    kept = ""
    for character in line:
        if cell_len(kept + character) > cells:
            break
        kept += character
    return kept
