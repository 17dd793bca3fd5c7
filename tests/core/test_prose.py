import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tastemaker.core.clock import monotonic
from tastemaker.core.prose import MOST_EMAILS, MOST_LINKS, emails_in, hashtags_in, links_in

UNTIMED = settings(deadline=None)  # a busy machine is no failure
AT = "@"  # apart, where the result only looks like an address
EMAILS = {
    "Mail: jane.doe@example.com.": ("jane.doe@example.com",),
    "jane+work@mail.example.com|x": ("jane+work@mail.example.com",),
    "📩BIZ@Example.ORG联系": ("BIZ@example.org",),
    "business\uff1ajane\uff20example\uff0ecom": ("jane@example.com",),
    "jane (at) example (dot) com": ("jane@example.com",),
    "jane[at]example.com / JANE@EXAMPLE.COM": ("jane@example.com",),
    "jane {AT} mail {DOT} example {DOT} org": ("jane@mail.example.org",),
    "<jane@example.com>, (joe@example.com)": ("jane@example.com", "joe@example.com"),
    "mailto:jane@example.com": ("jane@example.com",),
    "jane_@mail-2.example.com": ("jane_@mail-2.example.com",),
    "zoë.k@example.com": ("zoë.k@example.com",),
    "hallo@bäcker.example.com": ("hallo@bäcker.example.com",),
    "m.o'neil@example.com": ("m.o'neil@example.com",),
    "bob\u200b.lee@example.com": ("bob.lee@example.com",),
    "お仕事はbob@example.comまで": ("bob@example.com",),
}

NO_EMAILS = [
    "",
    "meet me at example dot com",
    f"IG{AT}jane.doe",
    f"photo{AT}2x.png",
    f"clip{AT}3x.mov",
    f"film{AT}final.webm",
    "@bob@social.example.com",
    "this&that@example.com",
    "jane@example",
    "jane@@example.com",
    "jane..doe@example.com",
    ".@example.com",
    "@jane.doe",
    "https://example.com/@jane@example.com",
    f"jane{AT}-example.com",
    f"jane{AT}example.c",
    f"jane{AT}exam_ple.com",
    "a" * 200 + "@example.com",
]


@pytest.mark.parametrize(("text", "found"), EMAILS.items())
def test_an_address_is_found(text: str, found: tuple[str, ...]) -> None:
    assert emails_in(text) == found


@pytest.mark.parametrize("text", NO_EMAILS)
def test_what_only_looks_like_an_address_is_not_found(text: str) -> None:
    assert emails_in(text) == ()


@UNTIMED
@given(
    st.from_regex(r"[a-z][a-z0-9._+]{0,20}[a-z0-9]", fullmatch=True),
    st.sampled_from(["", " ", "\n", "「", "✉️"]),
)
def test_every_plain_address_is_found_in_any_surrounding(local: str, around: str) -> None:
    expected = () if ".." in local or local in {"ig", "tt", "yt", "fb"} else (f"{local}@example.com",)
    assert emails_in(f"{around}{local}@example.com{around}") == expected


def test_a_list_of_addresses_is_cut() -> None:
    many = [f"name{number}@example.com" for number in range(50)]
    assert emails_in(" ".join(many)) == tuple(many[:MOST_EMAILS])


def test_links_lose_the_punctuation_behind_them_and_keep_their_case() -> None:
    text = "https://example.com/A, (http://example.org/b?c=d) https://example.com/a! https://example.com/A https://"
    assert links_in(text) == ("https://example.com/A", "http://example.org/b?c=d", "https://example.com/a")
    assert links_in("javascript:alert(1) ftp://example.com www.example.com") == ()
    assert links_in(None) == ()


def test_links_keep_their_brackets_and_end_where_prose_goes_on() -> None:
    assert links_in("see https://example.org/Bar_(baz)") == ("https://example.org/Bar_(baz)",)
    assert links_in("店はhttps://example.com/tea。どうぞ") == ("https://example.com/tea",)
    two = ("https://example.com/c", "https://example.org/d")
    assert links_in(",".join(two)) == links_in("".join(two)) == two
    assert links_in("HTTPS://Example.com/X") == ("https://Example.com/X",)


HASHTAGS = {
    "#one#two #ONE": ("one", "two"),
    "‼️#SuperBowl, #हिन्दी और #شطرنج‌باز": ("SuperBowl", "हिन्दी", "شطرنج‌باز"),
    "\uff03全角 #5 #5th #_ #": ("全角", "5th"),
    "Rock &#39;n&#39; roll https://example.com/#top": (),
    "#rescue🐕 #a-b #a.b": ("rescue", "a"),
}


@pytest.mark.parametrize(("text", "found"), HASHTAGS.items())
def test_hashtags_are_found_in_any_script(text: str, found: tuple[str, ...]) -> None:
    assert hashtags_in(text) == found


@pytest.mark.parametrize("piece", ["a@", "a.", "#a", "http://", "(at)", "( ", f"a{AT}a.a", "-@-", "#", "&#"])
def test_hostile_texts_take_linear_time(piece: str) -> None:
    """Quadratic would be hours; ten seconds are for a machine that has other things to do."""
    started = monotonic()
    text = piece * (400_000 // len(piece))
    assert len(emails_in(text)) <= MOST_EMAILS
    assert len(links_in(text)) <= MOST_LINKS
    hashtags_in(text)
    assert monotonic() - started < 10
