"""What `make coverage` says is short: the least covered files, worst first."""

import json

from tests.rules.coverage_gaps import gaps


def test_only_files_with_gaps_are_named_and_the_worst_comes_first() -> None:
    covered = {"a.py": 79.96, "b.py": 80.0, "c.py": 12.5, "d.py": 100.0}
    files = {name: {"summary": {"percent_covered": percent}} for name, percent in covered.items()}
    assert list(gaps(json.dumps({"files": files}))) == [" 12.5 %  c.py", " 80.0 %  a.py"]
