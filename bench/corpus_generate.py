"""How long a made-up corpus takes, and how much memory and disk: `python bench/corpus_generate.py 20000`."""

import resource
import sys
import tempfile
import time
from pathlib import Path

from tastemaker.sandbox.corpus import generate

SIZES = [int(argument) for argument in sys.argv[1:]] or [20_000]


def main() -> None:
    print(f"{'creators':>10} {'posts':>11} {'seconds':>8} {'MB file':>8} {'MB memory (peak so far)':>24}")
    for creators in SIZES:
        with tempfile.TemporaryDirectory() as directory:
            begin = time.perf_counter()
            made = generate(Path(directory) / "corpus.sqlite3", creators=creators, seed=1)
            seconds = time.perf_counter() - begin
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        posts = sum(made.posts.values())
        print(f"{creators:>10,} {posts:>11,} {seconds:>8.1f} {made.size / 1e6:>8.0f} {memory:>24.0f}")


if __name__ == "__main__":
    main()
