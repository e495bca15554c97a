"""The citing loop, small enough for a test: a tiny random model, its tasks, and the loop's own command."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

SMALL = """
iterations = 2

[warmup.settings]
max_steps = 120

[sample]
tasks = 64

[evaluate]
tasks = 24
candidates = 2
"""


@pytest.fixture(scope="session")
def citing(repository: Path) -> Path:
    return repository / "examples" / "citing"


@pytest.fixture(scope="session")
def make(citing: Path) -> Any:
    """The example's own script, as a module."""
    for name in ("torch", "transformers", "trl", "peft", "datasets"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"needs {name}: pip install 'peercycle[train]'")
    spec = importlib.util.spec_from_file_location("citing_make", citing / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `peercycle train` in a folder of the test's own."""

    def run(arguments: Sequence[str], folder: Path = tmp_path, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(arguments),
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environ},
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )

    return run


def command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "peercycle", "train", *arguments]


def small_loop(citing: Path, folder: Path, changes: str = SMALL) -> Path:
    """Write the example's `loop.toml` with other numbers over its own."""
    import tomllib

    shutil.copyfile(citing / "citing.py", folder / "citing.py")
    table = tomllib.loads((citing / "loop.toml").read_text(encoding="utf-8"))
    for key, value in tomllib.loads(changes).items():
        if isinstance(value, dict):
            for below, given in value.items():
                if isinstance(given, dict):
                    table[key].setdefault(below, {}).update(given)
                else:
                    table[key][below] = given
        else:
            table[key] = value
    path = folder / "loop.toml"
    path.write_text(written(table), encoding="utf-8")
    return path


def written(table: dict[str, Any], at: str = "") -> str:
    """Write a TOML table; JSON's values are TOML's, but for tables."""
    import json

    lines = [f"{key} = {json.dumps(value)}" for key, value in table.items() if not isinstance(value, dict)]
    for key, value in table.items():
        if isinstance(value, dict):
            path = f"{at}.{key}" if at else key
            lines += ["", f"[{path}]", written(value, path)]
    return "\n".join(lines)
