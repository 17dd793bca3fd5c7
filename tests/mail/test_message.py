"""Headers: nobody's name or address breaks out of them, and the key is the Message-ID."""

from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from tastemaker.db.enums import EmailType
from tastemaker.mail.compose import UnfitAddress, compose, on_the_wire, read_mailbox
from tastemaker.mail.previews import UNSUBSCRIBE_URL, preview

SENDER = read_mailbox("hello@example.com", name="Tastemaker")


def received(message: EmailMessage) -> EmailMessage:
    """What the other side reads."""
    found = message_from_bytes(on_the_wire(message), policy=policy.SMTPUTF8)
    assert isinstance(found, EmailMessage)
    return found


def letter(address: str = "robin@example.org", name: str = "", **changed: str) -> EmailMessage:
    return received(sent(address, name, **changed))


def sent(address: str, name: str = "", **changed: str) -> EmailMessage:
    rendered = replace(preview(EmailType.TRIAL_DAY2), **changed)
    to = read_mailbox(address, name=name)
    return compose(rendered, sender=SENDER, to=to, key="abc", unsubscribe_url=UNSUBSCRIBE_URL)


def test_it_says_who_and_what_and_how_to_get_no_more() -> None:
    found = letter(name="Robin Example")
    assert found["From"] == "Tastemaker <hello@example.com>"
    assert found["To"] == "Robin Example <robin@example.org>"
    assert found["Message-ID"] == "<abc@example.com>"
    assert found["List-Unsubscribe"] == f"<{UNSUBSCRIBE_URL}>"
    assert found["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert found["Auto-Submitted"] == "auto-generated"
    assert found["Date"].datetime.tzinfo is not None
    kinds = [part.get_content_type() for part in found.iter_parts()]
    assert kinds == ["text/plain", "text/html"]
    text, page = (part.get_content() for part in found.iter_parts())
    assert text.replace("\r\n", "\n") == preview(EmailType.TRIAL_DAY2).text
    assert page.replace("\r\n", "\n") == preview(EmailType.TRIAL_DAY2).html


def test_no_name_or_subject_adds_a_header() -> None:
    evil = 'Al"\r\nBcc: all@mail.example.org\r\n\r\n<script>, "x" <b@mail.example.org>\x00\u202e'
    found = letter(name=evil, subject="Hi\r\nX-Evil: 1\n\nbody")
    assert [address.addr_spec for address in found["To"].addresses] == ["robin@example.org"]
    assert "X-Evil" not in found
    assert "Bcc" not in found
    assert found["Subject"] == "Hi X-Evil: 1 body"


def test_no_header_is_broken_up_and_no_line_is_too_long() -> None:
    address = f"https://tastemaker.example.com/email/unsubscriptions/{'t' * 300}"
    rendered = replace(preview(EmailType.TRIAL_DAY2), subject="Füße " * 30)
    letter = compose(
        rendered, sender=SENDER, to=read_mailbox("r@example.org"), key="k", unsubscribe_url=address
    )
    assert f"\r\nList-Unsubscribe: <{address}>\r\n".encode() in on_the_wire(letter)
    head, _, body = on_the_wire(letter).partition(b"\r\n\r\n")
    assert max(map(len, head.splitlines())) <= 998
    assert max(map(len, body.splitlines())) <= 78


@pytest.mark.parametrize(
    "address",
    [
        "",
        "robin",
        "@example.org",
        "robin@",
        "a b@example.org",
        "a@b@example.org",
        "robin@example.org\r\nBcc: x@mail.example.org",
        "robin\n@example.org",
        "<robin@example.org>",
        "Robin <robin@example.org>",
        "robin@example.org, x@mail.example.org",
        ".robin@example.org",
        "ro..bin@example.org",
        "robin@under_score",
        "robin@-dash",
        "robin@[127.0.0.1]",
        "r" * 65 + "@example.org",
        "robin@" + "e" * 260 + ".org",
        'a"b@example.org',
        "robin@example.org\x00",
    ],
)
def test_what_is_no_address_is_refused_without_being_repeated(address: str) -> None:
    with pytest.raises(UnfitAddress) as refused:
        read_mailbox(address)
    assert str(refused.value) == "That is not an e-mail address."


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("robin+list@example.org", "robin+list@example.org"),
        (" o'hara@Example.ORG ", "o'hara@example.org"),
        ("robin@bücher.example", "robin@xn--bcher-kva.example"),
        ("röbin@example.org", "röbin@example.org"),
        ("robin@localhost", "robin@localhost"),
    ],
)
def test_addresses_of_all_kinds_are_written(address: str, written: str) -> None:
    assert f"To: {written}\r\n".encode() in on_the_wire(sent(address))
