"""What is written: the same in both forms, whole for every kind, and deaf to what users call themselves."""

import html
import re
from pathlib import Path

import pytest

from tastemaker.db.enums import EmailType
from tastemaker.mail.compose import LONGEST_SUBJECT, WIDTH, Links, render
from tastemaker.mail.kinds import KINDS
from tastemaker.mail.previews import APP_URL, UNSUBSCRIBE_URL, pages, preview, write
from tests.mail.made_up import campaign, robin
from tests.rules.source import ROOT

PREVIEWS = "docs/reference/emails"
EVERY = list(EmailType)


def words_of(page: str) -> set[str]:
    """What a reader of the HTML reads."""
    body = re.sub(
        r"<style>.*?</style>|<title>.*?</title>|<div style=\"display:none.*?</div>",
        " ",
        page,
        flags=re.DOTALL,
    )
    return set(re.findall(r"[A-Za-z0-9&]{2,}", html.unescape(re.sub(r"<[^>]*>", " ", body))))


def test_every_kind_has_its_words() -> None:
    assert KINDS.keys() == set(EmailType)


@pytest.mark.parametrize("email", EVERY)
def test_both_forms_say_the_same(email: EmailType) -> None:
    rendered = preview(email)
    said, twin = words_of(rendered.html), set(re.findall(r"[A-Za-z0-9&]{2,}", rendered.text))
    addresses = set(re.findall(r"[A-Za-z0-9&]{2,}", f"{APP_URL} {UNSUBSCRIBE_URL}"))
    assert twin - addresses - {"Unsubscribe"} == said - addresses - {"Unsubscribe", "Tastemaker"} | (
        twin & {"Tastemaker"}
    )
    assert len(said) > 20
    assert f'href="{APP_URL}"' in rendered.html
    assert APP_URL in rendered.text
    assert all(len(line) <= WIDTH for line in rendered.text.splitlines() if "://" not in line)


@pytest.mark.parametrize("email", EVERY)
def test_only_marketing_offers_to_unsubscribe(email: EmailType) -> None:
    rendered = preview(email)
    offers = (UNSUBSCRIBE_URL in rendered.html, UNSUBSCRIBE_URL in rendered.text)
    assert offers == (KINDS[email].is_marketing,) * 2


@pytest.mark.parametrize("email", EVERY)
def test_nothing_is_said_of_what_is_not_known(email: EmailType) -> None:
    facts = robin(full_name=None, plan_name=None, trial_ends_at=None)
    rendered = render(email, facts, Links())
    for form in (rendered.subject, rendered.text, rendered.html):
        assert "None" not in form
        assert "://" not in form
    assert rendered.text.startswith("Hello,\n")


def test_names_of_users_are_words_and_nothing_else() -> None:
    facts = robin(
        full_name="Al\r\nBcc: everybody\x00",
        campaign=campaign('<img src=x onerror=alert(1)> "&amp;" {{ 7*7 }}\r\nX-Evil: 1\u202e'),
    )
    rendered = render(EmailType.CAMPAIGN_FINISHED, facts, Links(app=APP_URL))
    assert "<img" not in rendered.html
    assert "&lt;img src=x onerror=alert(1)&gt;" in rendered.html
    assert '“<img src=x onerror=alert(1)> "&amp;" {{ 7*7 }}' in " ".join(rendered.text.split())
    assert len(rendered.subject.splitlines()) == 1
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", rendered.subject + rendered.text)


@pytest.mark.parametrize(
    "name", ["Win at https://x.example", "www.example.com", "a@example.com", "shop.example now"]
)
def test_a_name_that_is_an_address_greets_nobody(name: str) -> None:
    """Else anybody could have us send their advertisement to whom they like."""
    rendered = render(EmailType.WELCOME, robin(full_name=name), Links())
    assert rendered.text.startswith("Hello,\n")
    assert name not in rendered.html


def test_what_is_long_is_cut() -> None:
    rendered = render(EmailType.CAMPAIGN_FINISHED, robin(campaign=campaign("long " * 100)), Links())
    assert len(rendered.subject) <= LONGEST_SUBJECT
    assert "long…: 3 creators found" in rendered.subject


@pytest.mark.parametrize(
    ("creators", "said"), [(0, "0 creators"), (1, "1 creator "), (12345, "12,345 creators")]
)
def test_creators_are_counted(creators: int, said: str) -> None:
    rendered = render(EmailType.CAMPAIGN_FINISHED, robin(campaign=campaign("A", creators)), Links())
    assert said in rendered.subject


def test_the_previews_in_the_documentation_are_not_stale() -> None:
    folder = ROOT / PREVIEWS
    assert {path.name: path.read_text() for path in folder.iterdir()} == dict(pages()), "say `make docs`"


def test_previews_are_written_where_they_are_wanted(tmp_path: Path) -> None:
    write(tmp_path / "new")
    assert len([*(tmp_path / "new").iterdir()]) == 2 * len(EmailType)
