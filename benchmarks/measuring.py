"""What every result file holds beside its figures: machine, versions, date and command."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """Return what the figures were measured on, without its name."""
    cpu = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
        "load_at_the_end": [round(load, 2) for load in os.getloadavg()],
    }


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of Python, of peercycle and of these packages."""
    found = {"python": platform.python_version()}
    for package in ("peercycle", *packages):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def write_result(name: str, figures: dict[str, Any], *packages: str, path: Path | None = None) -> Path:
    """Write `results/NAME.json`, or `path` where one is given, and return which."""
    command = shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    result = {
        **figures,
        "date": datetime.now(UTC).date().isoformat(),
        "command": command,
        "machine": machine(),
        "versions": versions(*packages),
    }
    path = path or RESULTS / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return path
