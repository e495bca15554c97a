"""How long the example takes: 3 candidates, 2 rounds, experiments in the sandbox, from the installed command.

    python benchmarks/example.py [--repeats 3]

Writes `benchmarks/results/example.json`: the median wall time of fresh processes, each with a folder of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from measuring import write_result

TARGET_S = 20.0
CANDIDATES = 3
ROUNDS = 2
BIBLIOGRAPHY = Path(__file__).parent.parent / "examples" / "preference_learning.bib"
TOPIC = "learning from preferences instead of rewards"


def main() -> int:
    """Measure, write, print; 1 where the target is missed, 2 where the example cannot run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    program = Path(sys.executable).with_name("peercycle")
    if not program.exists():
        print(f"skipped: {program} is not installed")
        return 2
    load_before = round(os.getloadavg()[0], 2)
    runs = [one_run(program) for _ in range(repeats)]
    if any(run["executions"] == 0 for run in runs):
        print("skipped: no experiment ran; `peercycle doctor` says which sandbox is missing")
        return 2
    median = statistics.median(run["seconds"] for run in runs)
    figures = {
        "median_seconds": round(median, 2),
        "seconds_per_run": [run["seconds"] for run in runs],
        "candidates": CANDIDATES,
        "rounds_allowed": ROUNDS,
        "rounds": [run["rounds"] for run in runs],
        "executions": [run["executions"] for run in runs],
        "reason": sorted({run["reason"] for run in runs}),
        "measured_command": shlex.join(["peercycle", *arguments(Path("examples") / BIBLIOGRAPHY.name)]),
        "load_before": load_before,
        "target_seconds": TARGET_S,
        "over_target": round(median / TARGET_S, 2),
        "within_target": median <= TARGET_S,
    }
    write_result("example", figures, "langgraph", "pydantic")
    print(figures)
    return 0 if figures["within_target"] else 1


def arguments(bibliography: Path) -> list[str]:
    """Return what the command is given."""
    return [
        *("run", str(bibliography), "--topic", TOPIC),
        *("--candidates", str(CANDIDATES), "--rounds", str(ROUNDS), "--experiments", "run", "--json"),
    ]


def one_run(program: Path) -> dict[str, Any]:
    """Run the example in a fresh folder; return its wall time and what it came to. Raises where it did not finish."""
    with tempfile.TemporaryDirectory(prefix="peercycle-example-") as folder:
        began = time.perf_counter()
        done = subprocess.run(
            [str(program), *arguments(BIBLIOGRAPHY.resolve())],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - began
        if done.returncode != 0:
            raise SystemExit(f"the example ended with {done.returncode}: {done.stderr.strip()}")
        ended = json.loads(done.stdout.splitlines()[-1])
        with closing(sqlite3.connect(Path(folder, ended["path"], "run.sqlite"))) as connection:
            (executions,) = connection.execute("SELECT COUNT(*) FROM executions").fetchone()
        return {
            "seconds": round(seconds, 2),
            "rounds": ended["rounds"],
            "reason": ended["reason"],
            "executions": executions,
        }


if __name__ == "__main__":
    sys.exit(main())
