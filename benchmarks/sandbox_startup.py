"""What starting a program in the bubblewrap sandbox costs, beside a bare subprocess.

Run: `.venv/bin/python benchmarks/sandbox_startup.py`. Writes `benchmarks/results/sandbox_startup.json`.

One program each time, `true`, so that what is measured is the start, the watch and the clearing up; and the same for
an empty Python program. The overhead is the difference of the medians. Runs interleave, so that both see one load.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import resource
import statistics
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

from peercycle.core.sandboxing import EnvironmentSpec, ExecRequest
from peercycle.sandbox import cgroups, execution
from peercycle.sandbox.bubblewrap import BubblewrapSandbox, BubblewrapSettings
from peercycle.sandbox.canaries import NoArtifacts

RUNS, TARGET_MS = 40, 60.0


async def main() -> None:
    """Time both, alone and eight at once, and write."""
    sandbox = BubblewrapSandbox(BubblewrapSettings())
    spec = EnvironmentSpec(name="base")
    environment = await sandbox.prepare(spec)
    began = time.perf_counter()
    probed = await sandbox.probe()
    probe_s = time.perf_counter() - began

    async def boxed(*argv: str) -> float:
        request = ExecRequest(argv=argv, environment=spec)
        began = time.perf_counter()
        await execution.execute(sandbox.settings, frozenset(), request, environment, NoArtifacts())
        return (time.perf_counter() - began) * 1e3

    def bare(*argv: str) -> float:
        began = time.perf_counter()
        subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, capture_output=True)
        return (time.perf_counter() - began) * 1e3

    await boxed("true")
    rows = {}
    for name, argv in (("true", ("true",)), ("python", ("/usr/bin/python3", "-I", "-S", "-c", "pass"))):
        pairs = [(await boxed(*argv), bare(*argv)) for _ in range(RUNS)]
        inside, outside = (statistics.median(column) for column in zip(*pairs, strict=True))
        rows[name] = {
            "sandbox_ms": round(inside, 2),
            "sandbox_p90_ms": round(statistics.quantiles([pair[0] for pair in pairs], n=10)[-1], 2),
            "bare_ms": round(outside, 2),
            "overhead_ms": round(inside - outside, 2),
        }
    began = time.perf_counter()
    await asyncio.gather(*(boxed("true") for _ in range(8)))
    first_eight = time.perf_counter() - began
    gate = asyncio.Semaphore(8)

    async def gated() -> None:
        async with gate:
            await boxed("true")

    began = time.perf_counter()
    await asyncio.gather(*(gated() for _ in range(80)))
    per_second = 80 / (time.perf_counter() - began)
    hierarchy = cgroups.find()
    result = {
        "rows": rows,
        "target_overhead_ms": TARGET_MS,
        "within_target": all(row["overhead_ms"] <= TARGET_MS for row in rows.values()),
        "eight_at_once_s": round(first_eight, 3),
        "executions_per_second_eight_at_a_time": round(per_second, 1),
        "probe_s": round(probe_s, 3),
        "supervisor_peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "limits_by": "watch" if hierarchy is None else f"cgroup v{hierarchy.version}",
        "as_root": os.geteuid() == 0,
        "machine": {
            "cores": os.cpu_count(),
            "architecture": platform.machine(),
            "kernel": platform.release(),
            "load_1min": round(os.getloadavg()[0], 2),
        },
        "versions": {"python": platform.python_version(), "bubblewrap": probed.version},
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    out = Path(__file__).parent / "results" / "sandbox_startup.json"
    out.write_text(json.dumps(result, indent=2) + "\n")
    print(out.read_text())


if __name__ == "__main__":
    asyncio.run(main())
