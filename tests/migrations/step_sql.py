"""The SQL that each step of the history sends, in its order, without a database."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import tastemaker.db.migrations

FILES: Final = sorted((Path(tastemaker.db.migrations.__file__).parent / "versions").glob("[0-9]*.py"))


def statements_of(path: Path) -> Sequence[str]:
    """What `upgrade` executes. A step that does anything but `op.execute` text raises AttributeError."""
    spec = importlib.util.spec_from_file_location(f"recorded_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise TypeError(f"{path} is no module")
    step = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(step)
    said: list[str] = []
    step.__dict__["op"] = SimpleNamespace(execute=said.append)
    step.upgrade()
    return said


def script_of(path: Path) -> str:
    """The same as one script, every statement ended."""
    return "\n".join(f"{statement.strip().rstrip(';')};\n" for statement in statements_of(path))
