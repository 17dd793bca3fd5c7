"""`tastemaker db access …`: SQL logins of users' own, and the watchdog over them, as the administrator."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict

from tastemaker.cli import screen
from tastemaker.cli.numbers import counted
from tastemaker.cli.session import at_head
from tastemaker.cli.signals import stop_signals
from tastemaker.core.errors import DatabaseUnavailable
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.tenant_access import AccessRefused, end_overlong, grant_sql_access, revoke_sql_access


def grant(user: str, *, as_json: bool) -> None:
    with _administrator() as admin_url:
        credentials = grant_sql_access(admin_url, ExternalUserId(user))
    if as_json:
        screen.write_json(asdict(credentials))
        return
    screen.show(f"Role {credentials.role}, password {credentials.password}: shown this once.", wraps=False)
    for sentence in credentials.weaker:
        screen.say(sentence, style="yellow")
    screen.say("Keep `tastemaker db access watch` running while anybody has such a login.")


def revoke(user: str, *, as_json: bool) -> None:
    with _administrator() as admin_url:
        revoked = revoke_sql_access(admin_url, ExternalUserId(user))
    if as_json:
        screen.write_json({"revoked": revoked})
    else:
        screen.show("Revoked." if revoked else "There was no such login.")


def watch(*, seconds: float, every: float, once: bool, as_json: bool) -> None:
    """A server that is away for a while is waited for; a role that may not end sessions ends the watch."""
    with _administrator() as admin_url:
        if once:
            _tell(end_overlong(admin_url, seconds), as_json=as_json)
        else:
            asyncio.run(_watch(admin_url, seconds, every, as_json=as_json))


async def _watch(admin_url: str, seconds: float, every: float, *, as_json: bool) -> None:
    wish, is_away = asyncio.Event(), False
    with stop_signals(wish):
        while not wish.is_set():
            try:
                ended = await asyncio.to_thread(end_overlong, admin_url, seconds)
            except AccessRefused:
                raise
            except DatabaseUnavailable as error:
                if not is_away:
                    screen.say(str(error), style="yellow")
                is_away = True
            else:
                is_away = False
                if ended:
                    _tell(ended, as_json=as_json)
            with suppress(TimeoutError):
                await asyncio.wait_for(wish.wait(), every)


def _tell(ended: int, *, as_json: bool) -> None:
    if as_json:
        screen.write_line({"ended": ended})
    else:
        screen.show(f"Ended {counted(ended, 'session')}.")


@contextmanager
def _administrator() -> Iterator[str]:
    with at_head() as (_, access):
        if access.admin_url is None:
            raise DatabaseUnavailable("Logins are the administrator's to make. Set DATABASE_ADMIN_URL.")
        yield access.admin_url
