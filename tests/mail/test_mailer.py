"""Settings to senders, and links that nobody can make but us."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.settings import Settings
from tastemaker.mail.mailer import Mailer, mailer_of
from tastemaker.mail.transports import Encryption, FolderTransport, SmtpTransport
from tastemaker.mail.unsubscribe import MailKey, UnknownLink, mail_key

ROBIN = ExternalUserId("user_robin")
KEY = MailKey(b"a made-up key")


def mailer(home: Path, **given: str) -> Mailer:
    return mailer_of(Settings(home=home, **{"mail_from": "hello@example.com", **given}))  # type: ignore[arg-type]  # strings are what the environment has


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://us:p%40ss@mail.example.com", ("mail.example.com", 587, Encryption.STARTTLS, "us", "p@ss")),
        ("smtp://mail.example.com:2525/", ("mail.example.com", 2525, Encryption.STARTTLS, None, "")),
        ("smtps://us:pass@mail.example.com", ("mail.example.com", 465, Encryption.TLS, "us", "pass")),
        ("smtp-plain://localhost", ("localhost", 25, Encryption.NONE, None, "")),
        ("smtp-plain://us:pass@127.0.0.1:1025", ("127.0.0.1", 1025, Encryption.NONE, "us", "pass")),
        ("smtp://[::1]:25", ("::1", 25, Encryption.STARTTLS, None, "")),
    ],
)
def test_a_url_says_where_and_how(tmp_path: Path, url: str, expected: tuple[object, ...]) -> None:
    transport = mailer(tmp_path, mail_url=url).transport
    assert isinstance(transport, SmtpTransport)
    server = transport.server
    assert (server.host, server.port, server.encryption, server.user, server.password) == expected
    assert server.password == "" or server.password not in repr(transport)


def test_a_folder_and_nothing(tmp_path: Path) -> None:
    assert mailer(tmp_path, mail_url="file:///var/mail%20box").transport == FolderTransport(
        Path("/var/mail box")
    )
    assert mailer_of(Settings(home=tmp_path)).transport is None


@pytest.mark.parametrize(
    "url",
    ["mail.example.com", "http://mail.example.com", "smtp://", "smtp://h:port", "smtp://h/path", "smtp://[bad",
     "file://host/folder", "file:", "smtp://h?starttls=never", "smtp-plain://us:secret@mail.example.com"],
)  # fmt: skip
def test_a_url_that_is_none_is_refused_without_being_shown(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidInput, match="TASTEMAKER_MAIL_URL") as refused:
        mailer(tmp_path, mail_url=url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "sender", ["nobody", "Us <hello@example.com>", "a@example.com\r\nBcc: b@example.com"]
)
def test_a_sender_that_is_none_is_refused(tmp_path: Path, sender: str) -> None:
    with pytest.raises(InvalidInput, match="TASTEMAKER_MAIL_FROM"):
        mailer(tmp_path, mail_url="smtp://localhost", mail_from=sender)
    with pytest.raises(InvalidInput, match="TASTEMAKER_MAIL_FROM"):
        mailer_of(Settings(home=tmp_path, mail_url="smtp://localhost"))  # type: ignore[arg-type]  # the same


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "example.com", "https://", "https://u:p@example.com", "https://a.example/?x"],
)
def test_an_address_of_the_web_that_is_none_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidInput, match="TASTEMAKER_PUBLIC_URL"):
        mailer(tmp_path, public_url=url)


def test_links_are_below_the_public_address(tmp_path: Path) -> None:
    found = mailer(
        tmp_path, mail_url="smtp://localhost", public_url="https://app.example.com/tm/", mail_key="k"
    )
    assert found.app_url == "https://app.example.com/tm"
    link = found.unsubscribe_url(ROBIN)
    assert link is not None
    assert link.startswith("https://app.example.com/tm/email/unsubscriptions/")
    assert MailKey(b"k").user_of(link.rpartition("/")[2]) == ROBIN
    assert mailer(tmp_path, mail_url="smtp://localhost").unsubscribe_url(ROBIN) is None
    assert mailer(tmp_path, public_url="https://app.example.com").unsubscribe_url(ROBIN) is None


def test_a_token_is_its_users_and_nobody_elses() -> None:
    for user_id in (ROBIN, ExternalUserId("röbin.😀"), ExternalUserId("a")):
        assert KEY.user_of(KEY.token(user_id)) == user_id
    assert KEY.token(ROBIN) != KEY.token(ExternalUserId("user_robim"))
    with pytest.raises(UnknownLink):
        MailKey(b"another").user_of(KEY.token(ROBIN))


def forgeries() -> Iterator[str]:
    user, signature = KEY.token(ROBIN).split(".")
    yield from (
        "",
        ".",
        "..",
        user,
        f"{user}.",
        f".{signature}",
        f"{user}.{signature}.x",
        "ü.ü",
        "x" * 10_000,
    )
    yield from (
        f"{user}.{signature}=",
        f"{user}=.{signature}",
        f" {user}.{signature}",
        f"{user}.{signature}\n",
    )
    yield f"{KEY.token(ExternalUserId('user_eve')).split('.')[0]}.{signature}"
    for place in range(len(signature)):
        other = "A" if signature[place] != "A" else "B"
        yield f"{user}.{signature[:place]}{other}{signature[place + 1 :]}"


@pytest.mark.parametrize("token", [*forgeries()])
def test_what_we_did_not_make_is_no_link(token: str) -> None:
    with pytest.raises(UnknownLink, match="not complete, or not one of ours"):
        KEY.user_of(token)


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    with ThreadPoolExecutor(8) as pool:
        keys = {key.secret for key in pool.map(lambda _: mail_key(settings), range(8))}
    assert len(keys) == 1
    assert (tmp_path / "home" / "mail.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["mail.key"]
    assert len(keys.pop()) >= 32
