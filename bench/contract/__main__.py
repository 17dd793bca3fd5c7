"""The description of the interface against its answers, and two clients that are generated from it.

`python -m bench.contract`. The tools live in an environment of their own, which the first run makes below the
folder of the benchmarks: they would weigh down the one of the tests. A web process and a worker over the
sandbox serve. schemathesis calls every operation with and without a key: no server error, and no answer that
the description does not name. Then each generated client starts a search, waits, reads all pages, and gets a
typed problem for an empty list of keywords.
"""

import argparse
import asyncio
import subprocess
import sys
import venv
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from bench.measuring import HOME, arguments, database, server
from bench.search_desk import desk
from tastemaker.accounts.api_keys import create_key
from tastemaker.asgi import OPENAPI, create_app
from tastemaker.config_store.hot_reload import Configuration
from tastemaker.config_store.keys import ENABLE_RATE_LIMITING
from tastemaker.core.settings import Settings
from tastemaker.db.enums import ApiScope
from tastemaker.db.transaction import transaction
from tastemaker.jobs.worker import run_worker
from tastemaker.jobs.worker_state import WorkerSettings
from tastemaker.providers.http import make_client
from tastemaker.providers.registry import Registry, sandbox_providers
from tastemaker.sandbox.corpus import active_corpus
from tastemaker.sandbox.server import serve
from tastemaker.searches.installation import Installation
from tastemaker.searches.tasks import Sources, search_handlers
from tastemaker.web.rate_limit import RateLimit
from tastemaker.web.server import serving
from tastemaker.web.services import Services

TOOLS = ("schemathesis>=4.32,<5", "openapi-python-client>=0.29,<0.30", "clientele[cli]>=2.3,<3")
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
CLIENTS = Path(__file__).parent


def make_environment() -> Path:
    """The folder of its programs."""
    place = HOME / "contract-tools"
    if not (place / "ready").exists():
        venv.create(place, with_pip=True, clear=True)
        subprocess.run([place / "bin" / "pip", "install", "-q", *TOOLS], check=True)  # noqa: S603 - our own words
        (place / "ready").touch()
    return place / "bin"


@asynccontextmanager
async def running_application(url: str, settings: Settings) -> AsyncIterator[tuple[str, str]]:
    """Its base URL and a key."""
    corpus, stopping = active_corpus(settings.home, seed=settings.sandbox_seed), asyncio.Event()
    config = Configuration.of_defaults({ENABLE_RATE_LIMITING: False})
    async with desk(url) as at, serve(corpus) as sandbox, make_client() as http:
        async with transaction(at.database, at.user.claim) as tx:
            made = await create_key(tx, at.user, name="contract", scopes=list(ApiScope))
        sources = Sources(http=http, providers={"sandbox": sandbox_providers(sandbox)})
        handlers, pace = search_handlers(sources), WorkerSettings(poll=0.2)
        worker = asyncio.create_task(run_worker(at.database, handlers, stopping=stopping, settings=pace))
        services = Services(at.database, RateLimit(config), frozenset(), stopping)
        app = create_app(services, None, Installation(settings, Registry(())))
        async with serving(app, host="127.0.0.1", port=0, stopping=stopping) as base_url:
            yield base_url, made.secret
            stopping.set()
        await worker


async def check(urls: tuple[str, str], tools: Path, examples: int) -> None:
    base_url, key = urls
    document = HOME / "openapi.json"
    async with httpx.AsyncClient() as http:
        document.write_bytes((await http.get(f"{base_url}{OPENAPI}")).content)
    for name, generate in {
        "openapi_python_client": ["openapi-python-client", "generate", "--overwrite", "--path", document],
        "clientele": ["clientele", "start-api", "--regen", "-f", document],
    }.items():
        output = "--output-path" if name == "openapi_python_client" else "-o"
        await _run(tools / generate[0], *generate[1:], output, HOME / f"client_{name}", cwd=HOME)
        await _run(tools / "python", CLIENTS / f"with_{name}.py", base_url, key, cwd=HOME)
    for headers in (["-H", f"Authorization: Bearer {key}"], []):
        await _run(
            tools / "schemathesis", "run", f"{base_url}{OPENAPI}", *headers, "--checks", CHECKS,
            "--include-path-regex", "^/api/v1", "--phases", "examples,coverage,fuzzing", "--max-examples",
            examples, "--request-timeout", "30", "--generation-deterministic", "--no-color", cwd=HOME,
        )  # fmt: skip


async def _run(program: Path, *words: object, cwd: Path) -> None:
    """Raises SystemExit with what it said where it fails."""
    process = await asyncio.create_subprocess_exec(
        program, *map(str, words), cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said, _ = await process.communicate()
    lines = said.decode().splitlines()
    if process.returncode:
        sys.exit("\n".join(lines[-400:]))
    print(f"{program.name}: {lines[-1] if lines else 'done'}")


async def measure(url: str, asked: argparse.Namespace) -> None:
    settings = Settings(home=HOME / "contract-home")
    settings.home.mkdir(exist_ok=True)
    tools = make_environment()
    async with running_application(url, settings) as urls:
        await check(urls, tools, asked.examples)


def main() -> None:
    asked = arguments(__doc__, examples=5)
    with server(asked.postgres_bin) as running:
        asyncio.run(measure(database(running, "contract", lambda _: None).app, asked))


if __name__ == "__main__":
    main()
