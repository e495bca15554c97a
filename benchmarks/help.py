"""How long `peercycle --help` takes.

    python benchmarks/help.py [--repeats 15]

Writes `benchmarks/results/help.json`: the median of fresh processes, the first one (which may compile) left out.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from measuring import write_result

TARGET_S = 0.3


def main() -> int:
    """Measure, write, print; 1 where the target is missed, 2 where the command is not installed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    program = Path(sys.executable).with_name("peercycle")
    if not program.exists():
        print(f"skipped: {program} is not installed")
        return 2
    seconds = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        subprocess.run([str(program), "--help"], check=True, capture_output=True)
        seconds.append(time.perf_counter() - began)
    median = statistics.median(seconds[1:])
    figures = {
        "median_seconds": round(median, 3),
        "fastest_seconds": round(min(seconds[1:]), 3),
        "target_seconds": TARGET_S,
        "over_target": round(median / TARGET_S, 2),
        "within_target": median <= TARGET_S,
    }
    write_result("help", figures, "typer", "rich")
    print(figures)
    return 0 if figures["within_target"] else 1


if __name__ == "__main__":
    sys.exit(main())
