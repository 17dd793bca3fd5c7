"""Handing a letter to a real server: encryption, logging in, and what each way to fail means."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import trustme

from tastemaker.mail.transports import (
    Encryption,
    FolderTransport,
    Letter,
    MemoryTransport,
    SmtpServer,
    SmtpTransport,
)
from tastemaker.outbox.channels import MaybeSent, NotSent, Outcome, Refused, Sent
from tests.mail.post_office import SECRET, PostOffice, be_silent, hang_up, post_office, served, trusting

LETTER = Letter(
    key="abc", sender="hello@example.com", to="robin@example.org", raw=b"Subject: Hi\r\n\r\n.\r\nHello\r\n"
)


def server(port: int, **changed: Any) -> SmtpServer:  # noqa: ANN401 - as the class takes
    plain = SmtpServer(
        host="localhost",
        port=port,
        encryption=Encryption.NONE,
        trust=trusting(),
        before_data=5.0,
        data=5.0,
    )
    return replace(plain, **changed)


async def send(port: int, letter: Letter = LETTER, **changed: Any) -> Outcome:  # noqa: ANN401 - the same
    return await SmtpTransport(server(port, **changed)).send(letter)


@pytest.fixture
async def office() -> AsyncIterator[PostOffice]:
    async with post_office() as opened:
        yield opened


async def test_a_letter_arrives_whole(office: PostOffice) -> None:
    assert await send(office.port) == Sent("abc")
    (taken,) = office.taken
    assert (taken.mail_from, taken.rcpt_tos) == (LETTER.sender, [LETTER.to])
    assert taken.content == LETTER.raw


async def test_starttls_comes_before_anything_is_said() -> None:
    async with post_office(starttls=served(), login=True) as office:
        outcome = await send(office.port, encryption=Encryption.STARTTLS, user="us", password=SECRET)
    assert outcome == Sent("abc")
    assert office.encrypted == [True]
    assert office.logins == ["us"]


async def test_tls_from_the_first_byte() -> None:
    async with post_office(tls=served(), login=True) as office:
        outcome = await send(office.port, encryption=Encryption.TLS, user="us", password=SECRET)
    assert outcome == Sent("abc")
    assert office.logins == ["us"]


async def test_without_encryption_nothing_is_said(office: PostOffice) -> None:
    outcome = await send(office.port, encryption=Encryption.STARTTLS, user="us", password=SECRET)
    assert isinstance(outcome, NotSent)
    assert "encryption" in outcome.reason
    assert (office.logins, office.encrypted, office.taken) == ([], [], [])


@pytest.mark.parametrize("encryption", [Encryption.STARTTLS, Encryption.TLS])
@pytest.mark.parametrize(
    "certificate",
    [served(authority=trustme.CA()), served("elsewhere.example")],
    ids=["stranger", "other name"],
)
async def test_a_certificate_that_proves_nothing_gets_nothing(
    encryption: Encryption, certificate: ssl.SSLContext
) -> None:
    given = {"tls" if encryption is Encryption.TLS else "starttls": certificate}
    async with post_office(login=True, **given) as office:
        outcome = await send(office.port, encryption=encryption, user="us", password=SECRET)
    assert outcome == NotSent("The mail server's certificate is not to be trusted.")
    assert (office.logins, office.taken) == ([], [])


async def test_a_wrong_password_is_ours_to_correct_and_no_letter_is_lost() -> None:
    async with post_office(login=True) as office:
        outcome = await send(office.port, user="us", password="wrong")
    assert isinstance(outcome, NotSent)
    assert "credentials" in outcome.reason
    assert office.taken == []


@pytest.mark.parametrize("step", ["to_sender", "to_recipient", "to_letter"])
@pytest.mark.parametrize(
    ("answer", "kind", "numbers"),
    [
        ("451 4.7.1 Greylisted, robin@example.org, come back later", NotSent, "451 4.7.1"),
        ("452 Mailbox full", NotSent, "452"),
        ("421 Shutting down", NotSent, "421"),
        ("550 5.1.1 <robin@example.org>: no such mailbox", Refused, "550 5.1.1"),
        ("554 Spam", Refused, "554"),
    ],
)
async def test_what_an_answer_means(
    office: PostOffice, step: str, answer: str, kind: type[Refused | NotSent], numbers: str
) -> None:
    setattr(office, step, [answer])
    outcome = await send(office.port)
    assert type(outcome) is kind
    assert f"({numbers})" in outcome.reason
    assert "example" not in outcome.reason
    assert "robin" not in outcome.reason


@pytest.mark.parametrize("step", ["to_sender", "to_recipient"])
async def test_before_the_letter_a_broken_connection_surely_took_nothing(
    office: PostOffice, step: str
) -> None:
    setattr(office, step, [hang_up])
    assert isinstance(await send(office.port), NotSent)


async def test_a_connection_that_breaks_after_the_letter_leaves_a_doubt(office: PostOffice) -> None:
    office.to_letter = [hang_up]
    assert isinstance(await send(office.port), MaybeSent)
    assert len(office.taken) == 1


async def test_silence_before_the_letter_and_after_it(office: PostOffice) -> None:
    office.to_recipient = [be_silent]
    assert isinstance(await send(office.port, before_data=0.3), NotSent)
    office.to_recipient, office.to_letter = ["250 OK"], [be_silent]
    assert isinstance(await send(office.port, data=0.3), MaybeSent)


async def test_nobody_there() -> None:
    async with post_office() as office:
        pass
    assert isinstance(await send(office.port), NotSent)


@pytest.mark.parametrize(
    "greeting", [b"nonsense\r\n", b"\x16\x03\x01\xff\xff", b"", b"554 go away\r\n", b"220 x" * 9999]
)
async def test_a_server_that_speaks_nonsense(greeting: bytes) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        for encryption in Encryption:
            assert isinstance(await send(port, encryption=encryption), NotSent)


async def test_trying_out_sends_nothing() -> None:
    async with post_office(starttls=served(), login=True) as office:
        known = server(office.port, encryption=Encryption.STARTTLS, user="us", password=SECRET)
        assert await SmtpTransport(known).try_out(LETTER.sender) is None
        wrong = await SmtpTransport(replace(known, password="wrong")).try_out(LETTER.sender)
        assert wrong is not None
        assert "credentials" in wrong
        unknown = replace(known, trust=ssl.create_default_context())
        assert await SmtpTransport(unknown).try_out(LETTER.sender) is not None
    assert (office.encrypted, office.taken) == ([], [])


async def test_addresses_beyond_ascii_go_where_they_are_understood() -> None:
    letter = replace(LETTER, to="röbin@example.org")
    async with post_office(utf8=True) as office:
        assert await send(office.port, letter) == Sent("abc")
    assert office.taken[0].rcpt_tos == ["röbin@example.org"]
    async with post_office() as office:
        assert isinstance(await send(office.port, letter), Refused)
    assert office.taken == []


async def test_a_cancelled_attempt_lets_go_of_the_connection(office: PostOffice) -> None:
    office.to_letter = [be_silent]
    attempt = asyncio.create_task(send(office.port))
    await asyncio.wait_for(office.began.wait(), 10)
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt


async def test_nothing_of_the_letter_is_logged(office: PostOffice, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="tastemaker")
    caplog.set_level(logging.DEBUG, logger="aiosmtplib")
    office.to_recipient = ["550 <robin@example.org> unknown"]
    await send(office.port)
    assert "robin" not in "".join(
        record.getMessage()
        for record in caplog.records
        if "aiosmtpd" not in record.name and record.name != "mail.log"
    )


async def test_the_folder_keeps_letters_for_their_owner_alone(tmp_path: Any) -> None:  # noqa: ANN401 - a Path
    folder = tmp_path / "new" / "mail"
    assert await FolderTransport(folder).send(LETTER) == Sent("abc.eml")
    assert await FolderTransport(folder).send(LETTER) == Sent("abc.eml")
    (written,) = folder.iterdir()
    assert written.read_bytes() == LETTER.raw
    assert written.stat().st_mode & 0o077 == 0
    assert folder.stat().st_mode & 0o077 == 0


async def test_a_folder_that_cannot_be_written_takes_nothing(tmp_path: Any) -> None:  # noqa: ANN401 - the same
    (tmp_path / "mail").write_text("a file")
    outcome = await FolderTransport(tmp_path / "mail").send(LETTER)
    assert isinstance(outcome, NotSent)
    assert "robin" not in outcome.reason


async def test_memory_keeps_what_would_have_left() -> None:
    transport = MemoryTransport()
    assert await transport.send(LETTER) == Sent("abc")
    assert transport.letters == [LETTER]
