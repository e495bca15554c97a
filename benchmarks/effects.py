"""What the journal costs: milliseconds and kilobytes of `run.sqlite` per effect (begin and settle).

    python benchmarks/effects.py

Writes `benchmarks/results/effects.json`, with the machine, the versions and the cost of a bare fsync beside it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from measuring import write_result

from peercycle.core.base import JSON, artifact_ref, canonical_json, sha256_hex
from peercycle.core.journal import EffectKey, EffectOutcome, EffectTicket
from peercycle.core.modelling import Usage
from peercycle.core.runs import Budget, RunOptions, RunRecord
from peercycle.core.writing import ResearchTask
from peercycle.store.directory import RunDirectory, create_run

EFFECTS = 600
CONCURRENT = 32
RESERVE = Usage(prompt_tokens=500, completion_tokens=2000, model_calls=1, cost=0.01)


def fsync_ms(folder: Path) -> float:
    """Return the median cost of syncing 16 KB appended to a file."""
    times = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(300):
            file.write(b"x" * 16384)
            began = time.perf_counter()
            os.fsync(file.fileno())
            times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


async def effect(run: RunDirectory, number: int, size: int) -> float:
    """Begin and settle one effect whose request and result are of `size` bytes; return its milliseconds."""
    request: JSON = {"number": number, "prompt": "p" * size}
    key = EffectKey("c0", "write", 1, "model", sha256_hex(canonical_json(request)), 0)
    result: JSON = {"text": f"{number} " + "r" * size}
    began = time.perf_counter()
    ticket = await run.begin_effect(key, request, RESERVE)
    assert isinstance(ticket, EffectTicket)
    await run.settle_effect(ticket, EffectOutcome(result=result, usage=RESERVE))
    return 1000 * (time.perf_counter() - began)


async def measure(folder: Path, size: int, concurrent: int) -> dict[str, float]:
    """Do `EFFECTS` effects, `concurrent` at a time, and return what each cost."""
    task = ResearchTask(topic="benchmark")
    record = RunRecord(
        run_id=f"size{size}-by{concurrent}",
        created_at=time.time(),
        peercycle_version="benchmark",
        options=RunOptions(budget=Budget(tokens=10**9, cost=1e6)),
        task=artifact_ref(canonical_json(task)),
        fingerprint={},
    )
    run = await create_run(folder, record, task, in_loop=False)
    for number in range(20):
        await effect(run, -1 - number, size)
    database = run.path / "run.sqlite"
    empty = _size(database)
    times: list[float] = []

    async def work(share: Sequence[int]) -> None:
        for number in share:
            times.append(await effect(run, number, size))

    began = time.perf_counter()
    await asyncio.gather(*[work(range(first, EFFECTS, concurrent)) for first in range(concurrent)])
    total = 1000 * (time.perf_counter() - began)
    grown = _size(database) - empty
    await run.close()
    return {
        "ms_per_effect": round(total / EFFECTS, 4),
        "ms_latency_median": round(statistics.median(times), 4),
        "ms_latency_p95": round(sorted(times)[int(0.95 * len(times))], 4),
        "kb_of_run_sqlite_per_effect": round(grown / EFFECTS / 1024, 3),
    }


def _size(database: Path) -> int:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        pages, page_size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size")
        )
    connection.close()
    return int(pages) * int(page_size)


def main() -> None:
    """Measure, print, and write the figures beside this script."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sync = fsync_ms(folder)
        figures = {
            f"{size} byte request and result, {concurrent} at a time": asyncio.run(measure(folder, size, concurrent))
            for size in (500, 40_000)
            for concurrent in (1, CONCURRENT)
        }
    report = {
        "what": "one effect: begin_effect and settle_effect, every commit synced",
        "effects": EFFECTS,
        "fsync_ms_median": round(sync, 4),
        "figures": figures,
        "ratios": {
            "sequential latency to two fsyncs": round(
                figures["500 byte request and result, 1 at a time"]["ms_latency_median"] / (2 * sync), 2
            )
        },
        "sqlite": sqlite3.sqlite_version,
    }
    print(json.dumps(report, indent=1))
    write_result("effects", report)


if __name__ == "__main__":
    main()
