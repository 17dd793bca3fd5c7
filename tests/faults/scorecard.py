"""Running faults and counting what came of them: a line for each, and the report line of the notes."""

import asyncio
import sys
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tastemaker.core.clock import monotonic
from tests.faults.ground import Ground, ground_in
from tests.faults.invariants import broken_invariants, count_duplicates
from tests.faults.registry import WORST_RECOVERY, Fault, FaultNotSurvivedError, Result
from tests.faults.site import site_on

QUICK: Final = {"fsync": "off", "full_page_writes": "off"}
"""On the shared server: nothing there is proven about a power cut."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One fault with one seed. `trouble` is None where it was survived."""

    fault: Fault
    seed: int
    result: Result
    trouble: str | None
    seconds: float

    @property
    def line(self) -> str:
        what = "survived" if self.trouble is None else "NOT SURVIVED"
        recovery = "" if self.result.recovery is None else f" · recovery {self.result.recovery:.1f} s"
        said = self.trouble or self.result.seen
        return (
            f"{self.fault.id:<4}{what} · {self.fault.title} · seed {self.seed} · "
            f"acknowledged {self.result.acknowledged:,}{recovery} · {said} ({self.seconds:.1f} s)"
        )


@dataclass
class Score:
    """The report line is the notes' own."""

    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def is_perfect(self) -> bool:
        return (
            bool(self.verdicts)
            and all(one.trouble is None for one in self.verdicts)
            and self.lost == self.duplicated == 0
            and self.worst <= WORST_RECOVERY
        )

    @property
    def lost(self) -> int:
        return sum(one.result.lost for one in self.verdicts)

    @property
    def duplicated(self) -> int:
        return sum(one.result.duplicated for one in self.verdicts)

    @property
    def worst(self) -> float:
        return max((one.result.recovery or 0.0 for one in self.verdicts), default=0.0)

    @property
    def line(self) -> str:
        faults = {one.fault.id for one in self.verdicts}
        failed = {one.fault.id for one in self.verdicts if one.trouble is not None}
        units = sum(one.result.acknowledged for one in self.verdicts)
        return (
            f"faults survived {len(faults) - len(failed)} of {len(faults)} · acknowledged units {units} · "
            f"lost {self.lost} · duplicated {self.duplicated} · worst recovery {self.worst:.1f} s · "
            f"seeds {_ranges({one.seed for one in self.verdicts})}"
        )


async def run_all(faults: Sequence[Fault], folder: Path, *, long: bool, at_once: int) -> Score:
    """Those that share a server side by side; then, one after the other, those that harm theirs."""
    score = Score()
    shared = [(one, seed) for one in faults if not one.alone for seed in one.all_seeds(long=long)]
    alone = [(one, seed) for one in faults if one.alone for seed in one.all_seeds(long=long)]
    with ExitStack() as stack:
        if shared:
            ground = stack.enter_context(ground_in(folder / "shared", settings=QUICK))
            places = asyncio.Semaphore(at_once)

            async def in_turn(one: Fault, seed: int) -> None:
                async with places:
                    _note(score, await run_one(one, seed, ground))

            await asyncio.gather(*(in_turn(one, seed) for one, seed in shared))
    for number, (one, seed) in enumerate(alone):
        with ground_in(folder / f"alone{number}", settings={}) as own:
            _note(score, await run_one(one, seed, own))
    score.verdicts.sort(key=lambda one: (one.fault.id[0], int(one.fault.id[1:]), one.seed))
    return score


async def run_one(one: Fault, seed: int, ground: Ground) -> Verdict:
    begun = monotonic()
    result, trouble = Result(acknowledged=0), one.missing
    if trouble is not None:
        return Verdict(one, seed, result, f"not run: {trouble}", 0.0)
    async with site_on(ground, one.id) as site:
        try:
            async with asyncio.timeout(one.within):
                result = await one.run(site, seed)
                await site.stop_workers()
        except FaultNotSurvivedError as error:
            trouble = str(error)
        except Exception as error:  # noqa: BLE001 - whatever happened, the fault was not survived
            trouble = f"{type(error).__name__}: {error} at {_place(error)}"
        trouble, doubled = await asyncio.to_thread(_judge, site.admin_url, site.app_url, site.folder, trouble)
        result = Result(
            acknowledged=result.acknowledged, lost=result.lost, duplicated=max(doubled, result.duplicated),
            recovery=result.recovery, seen=result.seen,
        )  # fmt: skip
    if trouble is None and (result.lost or result.duplicated):
        trouble = f"lost {result.lost}, duplicated {result.duplicated}"
    if trouble is None and (result.recovery or 0.0) > WORST_RECOVERY:
        trouble = f"recovery took longer than {WORST_RECOVERY:g} s"
    if trouble is None:
        await asyncio.to_thread(ground.drop_database, site.admin_url)
    return Verdict(one, seed, result, trouble, monotonic() - begun)


def _judge(admin_url: str, app_url: str, folder: Path, trouble: str | None) -> tuple[str | None, int]:
    broken = broken_invariants(admin_url, app_url, folder)
    sentences = [sentence for sentence in (trouble, *broken) if sentence]
    return "; ".join(sentences) or None, count_duplicates(admin_url)


def _note(score: Score, verdict: Verdict) -> None:
    score.verdicts.append(verdict)
    sys.stdout.write(f"{verdict.line}\n")
    sys.stdout.flush()


def _place(error: Exception) -> str:
    frames = [one for one in traceback.extract_tb(error.__traceback__) if "/tests/faults/" in one.filename]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"


def _ranges(seeds: set[int]) -> str:
    """`1-3, 7`."""
    parts: list[list[int]] = []
    for seed in sorted(seeds):
        if parts and seed == parts[-1][-1] + 1:
            parts[-1].append(seed)
        else:
            parts.append([seed])
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)
