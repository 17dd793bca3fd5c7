"""`/email/unsubscriptions/…`: unsubscribe from marketing by the link in an e-mail, without signing in.

GET changes nothing, because link checkers follow links. POST unsubscribes, also one-click from a mail program
(RFC 8058). No page shows anything about the user: somebody else may hold the link.
"""

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from tastemaker.core.settings import get_settings
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import transaction
from tastemaker.mail.mailer import UNSUBSCRIPTIONS
from tastemaker.mail.unsubscribe import MailKey, UnknownLink, find_mail_key, unsubscribe_by_link
from tastemaker.web.services import services_of

PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>{title}</title>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""
ASKED: Final = PAGE.format(
    title="Unsubscribe",
    body="""<form method="post">
<p>No more tips and reminders by e-mail?</p>
<button>Unsubscribe</button>
</form>""",
)
DONE: Final = PAGE.format(
    title="Unsubscribed",
    body="<p>You get no more tips and reminders. What concerns your account is still sent to you.</p>",
)
UNKNOWN: Final = PAGE.format(
    title="This link does not work", body="<p>It is not complete, or not one of ours.</p>"
)

router = APIRouter(prefix=UNSUBSCRIPTIONS, include_in_schema=False)


@router.get("/{token}")
async def ask(token: str) -> Response:
    try:
        _key().user_of(token)
    except UnknownLink as error:
        return HTMLResponse(UNKNOWN, error.status)
    return HTMLResponse(ASKED)


@router.post("/{token}")
async def unsubscribe(request: Request, token: str) -> Response:
    """Any number of times, with the same answer."""
    async with transaction(services_of(request).database, SYSTEM) as tx:
        try:
            await unsubscribe_by_link(tx, _key(), token)
        except UnknownLink as error:
            return HTMLResponse(UNKNOWN, error.status)
    return HTMLResponse(DONE)


def _key() -> MailKey:
    """Raises UnknownLink where no link was ever made."""
    found = find_mail_key(get_settings())
    if found is None:
        raise UnknownLink("No link was ever made here.")
    return found
