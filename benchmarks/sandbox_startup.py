"""What starting a program in a sandbox costs, beside a bare subprocess, for bubblewrap and for Docker.

Run: `python benchmarks/sandbox_startup.py [--runs N] [--only bubblewrap|docker]`. Writes
`benchmarks/results/sandbox_startup.json`. Docker is measured on the daemon of `DOCKER_HOST` where one answers, else, as
root, on a daemon that the tests would start, with their image; without either it is left out, and the file says why.

One program each time, `true`, so that what is measured is the start, the watch and the clearing up; and the same for
an empty Python program. The overhead is the difference of the medians. Runs interleave, so that both see one load.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from measuring import write_result

from peercycle.core.contracts import Sandbox
from peercycle.core.sandboxing import EnvironmentSpec, ExecRequest, ExecResult
from peercycle.sandbox import cgroups
from peercycle.sandbox.bubblewrap import BubblewrapSandbox, BubblewrapSettings
from peercycle.sandbox.canaries import NoArtifacts

REPOSITORY = Path(__file__).resolve().parent.parent
TARGETS_MS = {"bubblewrap": 60.0, "docker": 1500.0}
PROGRAMS = {"true": ("true",), "python": ("python", "-I", "-S", "-c", "pass")}
BARE = {"true": ("true",), "python": ("/usr/bin/python3", "-I", "-S", "-c", "pass")}
AT_ONCE, ROUNDS = 8, 10
Boxed = Callable[..., Awaitable[ExecResult]]


async def main() -> None:
    """Measure what there is, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--only", choices=sorted(TARGETS_MS))
    asked = parser.parse_args()
    backends: dict[str, Any] = {}
    for name in TARGETS_MS if asked.only is None else (asked.only,):
        async with _sandbox(name) as sandbox:
            backends[name] = (
                {"left_out": sandbox} if isinstance(sandbox, str) else await _measure(sandbox, asked.runs)
            )
    figures = {
        "backends": backends,
        "supervisor_peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "as_root": os.geteuid() == 0,
    }
    path = write_result("sandbox_startup", figures, "docker", "pyseccomp")
    print(path.read_text(encoding="utf-8"))


@contextlib.asynccontextmanager
async def _sandbox(name: str) -> AsyncIterator[Sandbox | str]:
    """Hand out a sandbox that works, or say why there is none."""
    if name == "bubblewrap":
        yield await _if_it_works(BubblewrapSandbox(BubblewrapSettings()))
        return
    from peercycle.sandbox.containers.backend import DockerSandbox

    default = await _if_it_works(DockerSandbox())
    sys.path.insert(0, str(REPOSITORY))
    from tests.fixtures import docker_daemon

    reason = docker_daemon.missing()
    if not isinstance(default, str) or reason is not None:
        yield default if not isinstance(default, str) else f"{default}; {reason}"
        return
    with docker_daemon.running_daemon() as daemon:
        yield await _if_it_works(DockerSandbox(docker_daemon.settings_on(daemon)))


async def _if_it_works(sandbox: Sandbox) -> Sandbox | str:
    probed = await sandbox.probe()
    return sandbox if probed.available else probed.problem or "it does not work here"


async def _measure(sandbox: Sandbox, runs: int) -> dict[str, Any]:
    spec = EnvironmentSpec(name="base")
    environment = await sandbox.prepare(spec)
    began = time.perf_counter()
    probed = await type(sandbox)(sandbox.settings).probe()  # type: ignore[attr-defined,call-arg]
    probe_s = time.perf_counter() - began

    async def boxed(*argv: str) -> ExecResult:
        request = ExecRequest(argv=argv, environment=spec, requires=frozenset())
        result = await sandbox.run(request, environment, NoArtifacts())
        assert result.status == "ok", result
        return result

    await boxed("true")
    rows = {name: await _overhead(boxed, name, runs) for name in PROGRAMS}
    target = TARGETS_MS[sandbox.name]
    hierarchy = cgroups.find()
    return {
        "rows": rows,
        "target_overhead_ms": target,
        "within_target": all(row["overhead_ms"] <= target for row in rows.values()),
        "executions_per_second_eight_at_a_time": round(await _throughput(boxed), 1),
        "probe_kept_s": round(probe_s, 3),
        "limits_by": "engine"
        if sandbox.name == "docker"
        else "watch"
        if hierarchy is None
        else f"cgroup v{hierarchy.version}",
        "version": probed.version,
    }


async def _overhead(boxed: Boxed, name: str, runs: int) -> dict[str, float]:
    pairs = []
    for _ in range(runs):
        began = time.perf_counter()
        await boxed(*PROGRAMS[name])
        inside = time.perf_counter() - began
        began = time.perf_counter()
        subprocess.run(BARE[name], check=True, stdin=subprocess.DEVNULL, capture_output=True)
        pairs.append((1e3 * inside, 1e3 * (time.perf_counter() - began)))
    inside_ms, outside_ms = (statistics.median(column) for column in zip(*pairs, strict=True))
    return {
        "sandbox_ms": round(inside_ms, 2),
        "sandbox_p90_ms": round(statistics.quantiles([pair[0] for pair in pairs], n=10)[-1], 2),
        "bare_ms": round(outside_ms, 2),
        "overhead_ms": round(inside_ms - outside_ms, 2),
    }


async def _throughput(boxed: Boxed) -> float:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        async with gate:
            await boxed("true")

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(AT_ONCE * ROUNDS)))
    return AT_ONCE * ROUNDS / (time.perf_counter() - began)


if __name__ == "__main__":
    asyncio.run(main())
