"""The mail configuration of a process, read from its settings."""

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.settings import Settings
from tastemaker.mail.compose import Mailbox, UnfitAddress, read_mailbox
from tastemaker.mail.transports import Encryption, FolderTransport, SmtpServer, SmtpTransport, Transport
from tastemaker.mail.unsubscribe import MailKey, mail_key

UNSUBSCRIPTIONS: Final = "/email/unsubscriptions"

_PORTS: Final = {"smtp": 587, "smtps": 465, "smtp-plain": 25}
_ENCRYPTION: Final = {
    "smtp": Encryption.STARTTLS,
    "smtps": Encryption.TLS,
    "smtp-plain": Encryption.NONE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailer:
    """`transport`, `sender` and `key` are None where mail is off.

    `app_url` has no slash at its end; None: nothing is linked.
    """

    transport: Transport | None
    sender: Mailbox | None
    app_url: str | None
    key: MailKey | None

    def unsubscribe_url(self, user_id: ExternalUserId) -> str | None:
        if self.app_url is None or self.key is None:
            return None
        return f"{self.app_url}{UNSUBSCRIPTIONS}/{self.key.token(user_id)}"


def mailer_of(settings: Settings) -> Mailer:
    """Raises InvalidInput that names the variable, never its value."""
    transport, app_url = _transport(settings), _app_url(settings)
    if transport is None:
        return Mailer(transport=None, sender=None, app_url=app_url, key=None)
    return Mailer(transport=transport, sender=_sender(settings), app_url=app_url, key=mail_key(settings))


def _transport(settings: Settings) -> Transport | None:
    if settings.mail_url is None:
        return None
    url = _split(settings.mail_url.get_secret_value())
    if url.scheme == "file" and url.path and not url.netloc:
        return FolderTransport(Path(unquote(url.path)))
    server = _server(url)
    if server.encryption is Encryption.NONE and server.user is not None and not is_loopback(server.host):
        raise InvalidInput("TASTEMAKER_MAIL_URL would send a password unencrypted; use smtp:// or smtps://.")
    return SmtpTransport(server)


def _server(url: SplitResult) -> SmtpServer:
    try:
        encryption, host, port = _ENCRYPTION[url.scheme], url.hostname, url.port
    except (KeyError, ValueError):
        host = None
    if not host or url.path.strip("/") or url.query or url.fragment:
        raise InvalidInput(
            "TASTEMAKER_MAIL_URL is smtp://user:password@host:587 (STARTTLS), "
            "smtps://user:password@host:465, smtp-plain://localhost:25, or file:///a/folder; what is set is "
            "none of these."
        )
    return SmtpServer(
        host=host,
        port=port or _PORTS[url.scheme],
        encryption=encryption,
        user=None if url.username is None else unquote(url.username),
        password=unquote(url.password or ""),
    )


def _sender(settings: Settings) -> Mailbox:
    if settings.mail_from is None:
        raise InvalidInput("TASTEMAKER_MAIL_FROM has to say from which address mail comes.")
    try:
        return read_mailbox(settings.mail_from)
    except UnfitAddress:
        raise InvalidInput("TASTEMAKER_MAIL_FROM is not an e-mail address (and no more than that).") from None


def _app_url(settings: Settings) -> str | None:
    if settings.public_url is None:
        return None
    url = _split(settings.public_url)
    if url.scheme not in {"http", "https"} or not url.hostname or url.query or url.fragment or url.username:
        raise InvalidInput("TASTEMAKER_PUBLIC_URL is a web address such as https://tastemaker.example.com.")
    return settings.public_url.rstrip("/")


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
