"""What reading the configuration costs: nanoseconds of `config[KEY]` beside a bare look-up in a dictionary.

.venv/bin/python -m bench.configuration
"""

import argparse
import statistics
import timeit
from typing import Final

from tastemaker.config_store.declaration import DECLARED
from tastemaker.config_store.hot_reload import Configuration
from tastemaker.config_store.keys import STANDARD_JOB_TIMEOUT

READS: Final = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    config = Configuration.of_defaults()
    bare = {key.name: key.default for key in DECLARED.values()}
    name = STANDARD_JOB_TIMEOUT.name
    ways = {"a bare dictionary": "bare[name]", "configuration[KEY]": "config[key]"}
    names = {"bare": bare, "name": name, "config": config, "key": STANDARD_JOB_TIMEOUT}
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, statement in ways.items():
            taken[way].append(timeit.timeit(statement, globals=names, number=READS) / READS * 1e9)
    baseline = statistics.median(taken["a bare dictionary"])
    for way, seconds in taken.items():
        median = statistics.median(seconds)
        print(f"{way:20} {median:6.0f} ns   {median / baseline:5.2f}")


if __name__ == "__main__":
    main()
