"""`python -m tests.rules.coverage_gaps REPORT`: the files covered least, out of coverage's JSON report.

The whole table is two hundred lines, which push the names of failed tests out of a log.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

ENOUGH = 80.0


def gaps(report: str) -> Iterator[str]:
    """A line for each file below ENOUGH percent, the least covered first."""
    files = {name: file["summary"]["percent_covered"] for name, file in json.loads(report)["files"].items()}
    for name, percent in sorted(files.items(), key=lambda one: one[1]):
        if percent < ENOUGH:
            yield f"{percent:5.1f} %  {name}"


if __name__ == "__main__":
    below = list(gaps(Path(sys.argv[1]).read_text(encoding="utf-8")))
    sys.stdout.write("\n".join([f"Covered by less than {ENOUGH:g} %:", *below, ""] if below else []))
