"""`tastemaker search` up to the moment when everything is ready: checked, and prepared side by side."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tastemaker.cli import screen
from tastemaker.cli.corpora import is_imported, prepared_corpus
from tastemaker.cli.output_path import STANDARD_OUTPUT, refuse_unwritable
from tastemaker.cli.session import at_head, in_session, open_session
from tastemaker.cli.sources import Choice, choose, notice
from tastemaker.core.errors import ExitCode, InvalidInput
from tastemaker.core.money import parse_dollars
from tastemaker.core.settings import Settings, get_settings
from tastemaker.searches.types import SANDBOX, SearchRequest, make_request

STOPPED = {"error": "Stopped.", "kind": "interrupted", "exit_code": ExitCode.INTERRUPTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was typed."""

    keywords: Sequence[str]
    platform: str | None
    target: int
    campaign: str | None
    region: str | None
    sandbox: bool
    output: Path | None
    estimate: bool
    max_cost: str | None
    as_json: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be done. `corpus` is the sandbox's, None where the live platforms are searched."""

    wish: Wish
    choice: Choice
    requests: Sequence[SearchRequest]
    corpus: Path | None
    notice: str | None


def search(wish: Wish) -> ExitCode:
    """Raises InvalidInput before anything is started; DatabaseUnavailable, LimitReached, Conflict."""
    settings = get_settings()
    choice = choose(settings, wish.platform, sandbox=wish.sandbox)
    max_cost = None if wish.max_cost is None else parse_dollars(wish.max_cost)
    requests = [
        make_request(
            platform=platform,
            keywords=wish.keywords,
            target=wish.target,
            region=wish.region,
            max_cost=max_cost,
        )
        for platform in choice.platforms
    ]
    if wish.estimate:
        from tastemaker.cli.estimate_command import show_estimate

        in_session(lambda session: show_estimate(session, choice, requests, as_json=wish.as_json))
        return ExitCode.OK
    if wish.output == STANDARD_OUTPUT:
        raise InvalidInput("A search writes its CSV into a file. `tastemaker export` can write it to -.")
    refuse_unwritable(wish.output)
    try:
        return _prepare_and_run(settings, wish, choice, requests)
    except KeyboardInterrupt:  # while preparing, or while telling: what was found is kept in either case
        if wish.as_json:
            screen.write_json(STOPPED)
        else:
            screen.say("Stopped.")
        return ExitCode.INTERRUPTED


def _prepare_and_run(
    settings: Settings, wish: Wish, choice: Choice, requests: Sequence[SearchRequest]
) -> ExitCode:
    corpus = prepared_corpus(settings) if choice.source == SANDBOX else None
    told = notice(choice, settings, is_imported=corpus is not None and is_imported(corpus))
    if told and not wish.as_json:
        screen.say(told, style="yellow")
    plan = Plan(wish=wish, choice=choice, requests=requests, corpus=corpus, notice=told)
    with at_head() as (_, access):
        from tastemaker.cli.search_steps import begin_and_finish

        return asyncio.run(open_session(settings, access, lambda session: begin_and_finish(session, plan)))
