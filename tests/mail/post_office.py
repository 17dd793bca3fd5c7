"""A real mail server on loopback that takes, refuses, delays or hangs up as a test says."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

AUTHORITY = trustme.CA()
SECRET = "a made-up secret"

Answer = str | Callable[[SMTP], Awaitable[str]]


def served(name: str = "localhost", authority: trustme.CA = AUTHORITY) -> ssl.SSLContext:
    """A server's certificate for that name."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


def trusting(authority: trustme.CA = AUTHORITY) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@dataclass
class PostOffice:
    """What it was given, and what it answers: each list is used up, its last one stays."""

    port: int = 0
    taken: list[Envelope] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    to_sender: list[Answer] = field(default_factory=lambda: ["250 OK"])
    to_recipient: list[Answer] = field(default_factory=lambda: ["250 OK"])
    to_letter: list[Answer] = field(default_factory=lambda: ["250 OK: queued"])
    began: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's names
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.encrypted.append(session.ssl is not None)
        answer = await self._next(self.to_sender, server)
        if answer.startswith("250"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return answer

    async def handle_RCPT(  # noqa: N802 - the same
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = await self._next(self.to_recipient, server)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the same
        self.taken.append(envelope)
        self.began.set()
        return await self._next(self.to_letter, server)

    def check(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: object
    ) -> AuthResult:
        assert isinstance(login, LoginPassword)
        self.logins.append(login.login.decode())
        return AuthResult(success=login.password.decode() == SECRET, handled=False)

    async def _next(self, answers: list[Answer], server: SMTP) -> str:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return answer if isinstance(answer, str) else await answer(server)


async def hang_up(server: SMTP) -> str:
    """Not a word more."""
    assert server.transport is not None
    server.transport.abort()
    return "250 nobody hears this"


async def be_silent(server: SMTP) -> str:
    await asyncio.sleep(3600)
    return "250 too late"


@asynccontextmanager
async def post_office(
    *,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    login: bool = False,
    utf8: bool = False,
) -> AsyncIterator[PostOffice]:
    office = PostOffice()
    loop = asyncio.get_running_loop()

    connections: list[SMTP] = []

    def serve() -> SMTP:
        with warnings.catch_warnings(
            action="ignore", category=UserWarning
        ):  # that it lets us log in without encryption
            connections.append(_serve())
        return connections[-1]

    def _serve() -> SMTP:
        return SMTP(
            office,
            hostname="localhost",
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=office.check if login else None,
            auth_required=login,
            auth_require_tls=False,
            enable_SMTPUTF8=utf8,
            loop=loop,
        )

    listening = await loop.create_server(serve, "127.0.0.1", 0, ssl=tls)
    office.port = listening.sockets[0].getsockname()[1]
    try:
        yield office
    finally:
        listening.close()
        for connection in connections:
            if connection.transport is not None and not connection.transport.is_closing():
                connection.transport.abort()
        await asyncio.sleep(0)
