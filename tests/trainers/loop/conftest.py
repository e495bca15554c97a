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
max_steps = 300
epochs = 4.0

[sample]
tasks = 64

[evaluate]
tasks = 24
candidates = 4
every = 2
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
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # Fewer works than the example has: a model learns to copy them in 300 steps, and has something to be judged by.
    module.KEYS, module.LISTED = 16, 4
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
            timeout=1000,
            check=False,
        )

    return run


def command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "peercycle", "train", *arguments]


@pytest.fixture(scope="session")
def write_small_loop(citing: Path) -> Callable[[Path], Path]:
    """Write the example's loop with the numbers of `SMALL`."""
    return lambda folder: small_loop(citing, folder)


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


TOY = """
name = "toy"
iterations = 1
plugins = ["toy_parts.py"]

[start]
base = "base"
settings = { prompt = "cite {keys}" }

[tasks]
file = "tasks.jsonl"
heldout = 0.3

[run]
reviewer = "toy"
judge = "toy-judge"
skip = ["literature", "outline", "related", "plan", "experiment", "conclude", "check"]

[engine]
name = "toy"

[sample]
tasks = 5
candidates = 3

[pairs]

[evaluate]

[train]
trainer = "toy"
"""


@pytest.fixture
def toy_loop(tmp_path: Path) -> Callable[..., Path]:
    """Write a loop of parts without torch, with changes to its text, into a folder of its own."""

    def write(name: str = "toy", **changes: str) -> Path:
        from peercycle.core.base import canonical_json
        from peercycle.core.literature import Bibliography, Reference
        from peercycle.core.writing import ResearchTask

        folder = tmp_path / name
        folder.mkdir()
        parts = Path(__file__).with_name("toy_parts.py")
        shutil.copyfile(parts, folder / "toy_parts.py")
        works = [Reference(key=f"k{n}", title=f"Work {n}") for n in range(4)]
        tasks = [ResearchTask(topic=f"task {n}", bibliography=Bibliography(entries=tuple(works))) for n in range(24)]
        (folder / "tasks.jsonl").write_bytes(b"".join(canonical_json(task) + b"\n" for task in tasks))
        (folder / "base").mkdir()
        (folder / "base" / "model.safetensors").write_bytes(canonical_json({"chance": 0.4, "history": ""}))
        (folder / "base" / "tokenizer.json").write_text('{"model": "bytes"}')
        text = TOY
        for before, after in changes.items():
            text = text.replace(f"[{before.replace('__', '.')}]\n", f"[{before.replace('__', '.')}]\n{after}\n")
        (folder / "loop.toml").write_text(text, encoding="utf-8")
        return folder

    return write
