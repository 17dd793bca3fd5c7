"""How an e-mail leaves: by SMTP, into a folder, or into a list. Each reports how the attempt ended.

No transport retries. Reasons name codes and conditions, never an address or the text of a server.

SMTP opens one connection per message, encrypted or refused. Before DATA nothing can have been sent, so every
failure there is retried later. From DATA on only the reply of the server decides; without a reply the outcome
is unknown.
"""

import asyncio
import errno
import os
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final, Protocol

from aiosmtplib import SMTP, SMTPAuthenticationError, SMTPException, SMTPNotSupported, SMTPResponseException

from tastemaker.outbox.channels import MaybeSent, NotSent, Outcome, Refused, Sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """An envelope, and the message byte for byte. `key`: the same for the same e-mail."""

    key: str
    sender: str
    to: str
    raw: bytes

    @property
    def is_ascii(self) -> bool:
        """Whether any server may take its addresses."""
        return self.sender.isascii() and self.to.isascii()


class Transport(Protocol):
    async def send(self, letter: Letter) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class FolderTransport:
    """For development: each letter is a file, to be opened with any mail program. Nothing reaches anybody."""

    folder: Path

    async def send(self, letter: Letter) -> Outcome:
        return await asyncio.to_thread(self._write, letter)

    def _write(self, letter: Letter) -> Outcome:
        path = self.folder / f"{letter.key}.eml"
        unfinished = self.folder / f".{letter.key}.{os.getpid()}"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(letter.raw)
            unfinished.replace(path)
        except OSError as error:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            return NotSent(f"The folder cannot be written: {errno.errorcode.get(error.errno or 0, 'error')}.")
        return Sent(path.name)


@dataclass(frozen=True, slots=True)
class MemoryTransport:
    """For tests: what would have left."""

    letters: list[Letter] = field(default_factory=list)

    async def send(self, letter: Letter) -> Outcome:
        self.letters.append(letter)
        return Sent(letter.key)


BEFORE_DATA_SECONDS: Final = 25.0
DATA_SECONDS: Final = 25.0
QUIT_SECONDS: Final = 2.0

_ENHANCED: Final = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")
"""RFC 3463: what is wrong, told by numbers, which hold no address."""

TROUBLE: Final = (SMTPException, OSError, TimeoutError, ValueError, EOFError)
"""Of a connection; a server that speaks nonsense included."""


class Encryption(Enum):
    """`starttls`: required before anything is sent. `tls`: from the first byte. `none`: never."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """Where letters are handed in. Its certificate is checked against `trust`."""

    host: str
    port: int
    encryption: Encryption = Encryption.STARTTLS
    user: str | None = None
    password: str = field(default="", repr=False)
    trust: ssl.SSLContext = field(default_factory=ssl.create_default_context, repr=False)
    before_data: float = BEFORE_DATA_SECONDS
    data: float = DATA_SECONDS


@dataclass(frozen=True, slots=True)
class SmtpTransport:
    server: SmtpServer

    async def send(self, letter: Letter) -> Outcome:
        """Once, to one recipient."""
        client = self._client(letter.sender)
        try:
            async with asyncio.timeout(self.server.before_data):
                refused = await self._open(client) or await self._offer(client, letter)
            outcome = refused or await self._hand_over(client, letter)
            if not isinstance(outcome, MaybeSent):
                await _say_goodbye(client)
        except TROUBLE as error:
            return _unreachable(error)
        else:
            return outcome
        finally:
            client.close()

    async def try_out(self, sender: str) -> str | None:
        """Connect and log in, and no more. The error, or None."""
        client = self._client(sender)
        try:
            async with asyncio.timeout(self.server.before_data):
                trouble = await self._open(client)
            await _say_goodbye(client)
        except TROUBLE as error:
            trouble = _unreachable(error)
        finally:
            client.close()
        return None if trouble is None else trouble.reason

    def _client(self, sender: str) -> SMTP:
        return SMTP(
            hostname=self.server.host,
            port=self.server.port,
            use_tls=self.server.encryption is Encryption.TLS,
            start_tls=self.server.encryption is Encryption.STARTTLS,
            tls_context=self.server.trust,
            local_hostname=sender.rpartition("@")[2],
            timeout=self.server.before_data,
        )

    async def _open(self, client: SMTP) -> NotSent | None:
        """None: the server is ready, and we are known to it."""
        try:
            await client.connect()
        except SMTPResponseException as error:
            return NotSent(f"The mail server does not serve us at the moment ({_code(error)}).")
        if self.server.user is None:
            return None
        try:
            await client.login(self.server.user, self.server.password)
        except SMTPAuthenticationError as error:
            return NotSent(f"The mail server refuses our credentials ({_code(error)}).")
        return None

    async def _offer(self, client: SMTP, letter: Letter) -> Outcome | None:
        """Everything before the letter itself. None: the server wants it."""
        if client.is_ehlo_or_helo_needed:
            await client.ehlo()
        if not letter.is_ascii and not client.supports_extension("smtputf8"):
            return Refused("The mail server takes no address beyond ASCII.")
        options = [] if letter.is_ascii else ["SMTPUTF8"]
        try:
            await client.mail(letter.sender, options=options, encoding="utf-8")
        except SMTPResponseException as error:
            return _answered(error, "our sender")
        try:
            await client.rcpt(letter.to, encoding="utf-8")
        except SMTPResponseException as error:
            return _answered(error, "the recipient")
        return None

    async def _hand_over(self, client: SMTP, letter: Letter) -> Outcome:
        try:
            async with asyncio.timeout(self.server.data):
                await client.data(letter.raw, timeout=self.server.data)
        except SMTPResponseException as error:
            if error.code // 100 in {4, 5}:
                return _answered(error, "the letter")
            return MaybeSent("The mail server answered what is no answer.")
        except TROUBLE:
            return MaybeSent("The connection broke while the letter was handed over.")
        return Sent(letter.key)


def _answered(error: SMTPResponseException, what: str) -> Outcome:
    """What a server's refusal means: 5xx is for good, 4xx for now (a greylisting, a full mailbox)."""
    if error.code // 100 == 5:  # noqa: PLR2004 - the first digit is the meaning
        return Refused(f"The mail server refuses {what} ({_code(error)}).")
    return NotSent(f"The mail server refuses {what} at the moment ({_code(error)}).")


def _code(error: SMTPResponseException) -> str:
    """`550 5.1.1`: the numbers of an answer and nothing of its text."""
    found = _ENHANCED.match(error.message)
    return f"{error.code} {found[1]}" if found else str(error.code)


def _unreachable(error: BaseException) -> NotSent:
    """Of what went wrong before the letter itself."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return NotSent("The mail server's certificate is not to be trusted.")
        if isinstance(cause, ssl.SSLError):
            return NotSent("No encrypted connection to the mail server came about.")
        cause = cause.__cause__
    if isinstance(error, SMTPNotSupported) or type(error) is SMTPException:
        return NotSent("The mail server does not offer what is needed: encryption, or a way to log in.")
    return NotSent("The mail server cannot be reached, or did not answer in time.")


async def _say_goodbye(client: SMTP) -> None:
    """Where that is quick: what was accepted stays accepted."""
    if client.is_connected:
        with suppress(*TROUBLE):
            await client.quit(timeout=QUIT_SECONDS)
