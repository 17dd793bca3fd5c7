"""`tastemaker serve` and `tastemaker work`: the web application and a worker, until a stop signal.

`serve` also runs the jobs that QStash delivers.
"""

import asyncio
from typing import Annotated

import typer

from tastemaker.asgi import create_app, open_deliveries, open_services
from tastemaker.cli import screen
from tastemaker.cli.groups import single
from tastemaker.cli.options import Json
from tastemaker.cli.process import stop_signals
from tastemaker.cli.session import Session, at_head, with_session
from tastemaker.cli.sources import prepared_corpus
from tastemaker.core.settings import Settings
from tastemaker.db.access import DatabaseUrls
from tastemaker.jobs.transports.qstash import find_qstash
from tastemaker.runtime import equipped, installation_for
from tastemaker.searches.types import LIVE
from tastemaker.web.server import serving
from tastemaker.worker import run_worker_process

serve_app = single()
work_app = single()


@serve_app.command()
def serve(
    *,
    host: Annotated[
        str,
        typer.Option("--host", metavar="ADDRESS", help="Address to listen on; 0.0.0.0 is all of them."),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="The port; 0 chooses a free one.")
    ] = 8000,
    proxies: Annotated[
        str | None,
        typer.Option(
            "--proxies", metavar="ADDRESSES", help="Trust X-Forwarded headers from these addresses."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Serve the HTTP interface until Ctrl-C."""
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
