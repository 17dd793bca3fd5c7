"""`tastemaker up`, `serve` and `work`: the web application, a worker, or both, until a stop signal.

`serve` also runs the jobs that QStash delivers.
"""

import asyncio
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer
from rich.text import Text

from tastemaker.accounts.sessions import is_loopback, make_link
from tastemaker.asgi import create_app, open_deliveries, open_services
from tastemaker.cli import screen
from tastemaker.cli.groups import single
from tastemaker.cli.options import Json
from tastemaker.cli.process import stop_signals
from tastemaker.cli.session import Session, at_head, with_session
from tastemaker.cli.sources import prepared_corpus
from tastemaker.core.errors import Conflict
from tastemaker.core.settings import Settings
from tastemaker.db.access import DatabaseUrls
from tastemaker.db.transaction import transaction
from tastemaker.jobs.transports.qstash import find_qstash
from tastemaker.runtime import equipped, installation_for
from tastemaker.searches.types import LIVE
from tastemaker.web.server import serving
from tastemaker.worker import run_worker_process

NO_LINK: Final = "Sign-in links work on a loopback address only, and not where TASTEMAKER_PUBLIC_URL is set."

up_app = single()
serve_app = single()
work_app = single()
sign_in_app = single()

Host = Annotated[
    str, typer.Option("--host", metavar="ADDRESS", help="Address to listen on; 0.0.0.0 is all of them.")
]
Port = Annotated[
    int, typer.Option("--port", metavar="N", min=0, max=65535, help="The port; 0 chooses a free one.")
]


@up_app.command()
@with_session
async def up(session: Session, *, host: Host = "127.0.0.1", port: Port = 8000, as_json: Json = False) -> None:
    """Start everything: database, worker, sandbox and web application, until Ctrl-C."""
    settings, stopping = session.settings, asyncio.Event()
    corpus = prepared_corpus(settings)
    with stop_signals(stopping):
        async with (
            open_services(settings, session.access, stopping=stopping) as services,
            open_deliveries(services, settings, stopping=stopping) as deliveries,
            equipped(session.database, settings, corpus=corpus) as equipment,
        ):
            app = create_app(services, deliveries, await installation_for(services.database, settings))
            async with serving(app, host=host, port=port, stopping=stopping) as url:
                link = await _sign_in_link(session, url)
                if as_json:
                    screen.write_json({"url": url, "sign_in": link})
                else:
                    screen.say(f"Tastemaker runs at {url}. Ctrl-C stops it.")
                    screen.say(f"Sign in, once, within 30 minutes: {link}" if link else NO_LINK)
                resources, senders = equipment.resources, equipment.senders
                await run_worker_process(session.database, resources, senders, stopping=stopping)


@sign_in_app.command()
@with_session
async def sign_in(session: Session, *, port: Port = 8000, as_json: Json = False) -> None:
    """Print a link that signs a browser of this machine in, once, within 30 minutes."""
    link = await _sign_in_link(session, f"http://127.0.0.1:{port}")
    if link is None:
        raise Conflict(NO_LINK)
    if as_json:
        screen.write_json({"sign_in": link})
    else:
        screen.show(Text(link))


async def _sign_in_link(session: Session, url: str) -> str | None:
    """For the user of this command. None where links are refused."""
    if session.settings.public_url is not None or not is_loopback(urlsplit(url).hostname or ""):
        return None
    async with transaction(session.database, session.user.claim) as tx:
        return f"{url}/sign-in?token={await make_link(tx, session.user.user_id)}"


@serve_app.command()
def serve(
    *,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    proxies: Annotated[
        str | None,
        typer.Option(
            "--proxies", metavar="ADDRESSES", help="Trust X-Forwarded headers from these addresses."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Serve the web application and the API until Ctrl-C."""
    with at_head() as (settings, access):
        if find_qstash(settings) is not None:
            prepared_corpus(settings)
        asyncio.run(_serve(settings, access, host=host, port=port, proxies=proxies, as_json=as_json))


async def _serve(
    settings: Settings, access: DatabaseUrls, *, host: str, port: int, proxies: str | None, as_json: bool
) -> None:
    stopping = asyncio.Event()
    with stop_signals(stopping):
        async with (
            open_services(settings, access, stopping=stopping) as services,
            open_deliveries(services, settings, stopping=stopping) as deliveries,
        ):
            app = create_app(services, deliveries, await installation_for(services.database, settings))
            async with serving(app, host=host, port=port, stopping=stopping, proxies=proxies) as url:
                if as_json:
                    screen.write_json({"url": url})
                else:
                    jobs = " Jobs come from QStash." if deliveries else ""
                    screen.say(f"Serving on {url}.{jobs} Ctrl-C stops it.")
                await stopping.wait()


@work_app.command()
@with_session
async def work(session: Session, *, as_json: Json = False) -> None:
    """Run background jobs and searches until Ctrl-C."""
    stopping = asyncio.Event()
    corpus = prepared_corpus(session.settings)
    with stop_signals(stopping):
        async with equipped(session.database, session.settings, corpus=corpus) as equipment:
            if not as_json:
                live = ", ".join(platform.value for platform in equipment.served[LIVE])
                screen.say(f"Working: {f'{live} live, ' if live else ''}the sandbox. Ctrl-C stops it.")
            await run_worker_process(
                session.database, equipment.resources, equipment.senders, stopping=stopping
            )
    if as_json:
        screen.write_json({"served": equipment.served})
