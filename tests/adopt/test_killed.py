"""kill -9 of the adopting process, wherever it is: the same command goes on, and the end is the same."""

import random
import subprocess
import sys
import textwrap
import time

import pytest

from tastemaker.adopt.plan_queries import Options
from tastemaker.adopt.service import adopt, look
from tests.adopt.conftest import MakeOriginal
from tests.adopt.test_robustness import OURS, UNSTABLE, digest

ADOPTING = textwrap.dedent(
    """
    import sys
    from tastemaker.adopt.plan_queries import Options
    from tastemaker.adopt.service import adopt

    def tell(*told):
        print(*told, flush=True)

    adopt(sys.argv[1], app_password=None, options=Options(), on_progress=tell)
    """
)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(3))
def test_killed_anywhere_it_converges(make_original: MakeOriginal, seed: int) -> None:
    whole = make_original("both")
    adopt(whole, app_password=None, options=Options())
    url, dice, kills = make_original("both"), random.Random(seed), 0  # noqa: S311 - a seed to repeat it
    while not _survives(url, steps=dice.randrange(9), then=dice.uniform(0, 0.1)):
        kills += 1
        assert kills < 200
    assert kills > 5
    finished = look(url, Options()).finished
    assert finished is not None
    assert digest(url, OURS, without=frozenset(UNSTABLE)) == digest(whole, OURS, without=frozenset(UNSTABLE))


def _survives(url: str, *, steps: int, then: float) -> bool:
    """Whether the adopter ended by itself before it had told so many steps, and the seconds after that."""
    with subprocess.Popen(
        [sys.executable, "-c", ADOPTING, url], stdout=subprocess.PIPE, text=True
    ) as adopter:
        assert adopter.stdout is not None
        for _, _ in zip(range(steps), adopter.stdout, strict=False):
            pass
        time.sleep(then)
        adopter.kill()
        adopter.stdout.read()
        return adopter.wait() == 0
