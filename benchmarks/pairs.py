"""From a log to pairs: a million index rows to a pair list, and the bodies of ten thousand long pairs streamed.

    python benchmarks/pairs.py [--rows 1000000] [--pairs 10000] [--tokens 12000] [--json FILE]

Targets: the pair list within 60 s and 2 GiB. The streaming speed is printed as it is.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import shutil
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from measuring import machine, versions, write_result

CANDIDATES = 4
PROMPT_TOKENS = 2000


def choose(rows: int) -> dict[str, Any]:
    """Measure the choice of pairs over rows that are made one task at a time."""
    from peercycle.core.base import sha256_hex
    from peercycle.trainers.log_index import IndexRow
    from peercycle.trainers.pair_settings import PairSettings
    from peercycle.trainers.pairing import choose_pairs, describe

    drawn = random.Random(0)
    index: list[IndexRow] = []
    for task in range(rows // CANDIDATES):
        run, task_hash = f"run-{task:07d}", sha256_hex(str(task).encode())
        for number in range(CANDIDATES):
            reward, length = round(drawn.uniform(1, 10), 2), drawn.randrange(20_000, 60_000)
            name = f"c{number}"
            index.append(
                IndexRow(
                    f"runs/{run}",
                    run,
                    name,
                    task_hash,
                    0,
                    "p",
                    reward,
                    None,
                    None,
                    length,
                    2,
                    False,
                    True,
                    f"{run}{name}",
                )
            )
    dropped: Counter[str] = Counter()
    began = time.perf_counter()
    pairs = choose_pairs(index, PairSettings(balance_lengths=(0.4, 0.6)), dropped)
    report = describe(index, pairs, dropped)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 2**30
    print(f"{len(index):,} rows to {report.pairs:,} pairs: {seconds:.1f} s, {peak:.2f} GiB in all")
    return {"rows": len(index), "pairs": report.pairs, "seconds": round(seconds, 2), "peak_gib": round(peak, 3)}


def stream(count: int, tokens: int) -> dict[str, Any]:
    """Measure writing a data set of long pairs: bodies are read for the chosen ones only."""
    from peercycle.trainers.dataset.files import write_dataset
    from peercycle.trainers.pair_building import build_pairs
    from peercycle.trainers.pair_settings import PairSettings

    folder = Path(mkdtemp(prefix="pairs-"))
    try:
        # Each run gives one pair; 50 runs are read again and again, under as many names.
        made = asyncio.run(_runs(folder / "runs", min(count, 50), tokens))
        written = size = 0
        seconds = 0.0
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        while written < count:
            shutil.rmtree(folder / "out", ignore_errors=True)
            done = write_dataset(build_pairs(made, PairSettings(heldout=0.0)), folder / "out")
            written += done.report.pairs
            size += done.megabytes
            seconds += done.seconds
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 2**30
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{written:,} pairs of 2 x {tokens:,} tokens: {size:,.0f} MB in {seconds:.1f} s, {size / seconds:.0f} MB/s")
    return {
        "pairs": written,
        "tokens": tokens,
        "megabytes": round(size),
        "seconds": round(seconds, 2),
        "mb_per_s": round(size / seconds, 1),
        "grown_gib": round(grown, 3),
    }


async def _runs(folder: Path, count: int, tokens: int) -> list[Path]:
    from peercycle.core.base import artifact_ref, canonical_json, sha256_hex
    from peercycle.core.journal import CandidateRow, EffectKey
    from peercycle.core.modelling import Completion, Message, ModelRequest, ModelResult
    from peercycle.core.runs import RunOptions, RunRecord, Terminal
    from peercycle.core.writing import ResearchTask
    from peercycle.store.directory import create_run

    drawn = random.Random(1)
    words = ["river", "bank", "stone", "water", "bend", "sand", "flood", "delta"]
    paths: list[Path] = []
    for number in range(count):
        task = ResearchTask(topic=f"topic {number}")
        record = RunRecord(
            run_id=f"r{number}",
            created_at=0.0,
            peercycle_version="0",
            options=RunOptions(candidates=2),
            task=artifact_ref(canonical_json(task)),
            fingerprint={},
        )
        run = await create_run(folder, record, task, in_loop=False)
        prompt = tuple(drawn.randrange(131072) for _ in range(PROMPT_TOKENS))
        for candidate in ("c0", "c1"):
            request = ModelRequest(messages=(Message(role="user", content=" ".join(drawn.choices(words, k=1500))),))
            key = EffectKey(candidate, "write", 1, "model", sha256_hex(canonical_json(request)), 0)
            said = Completion(
                text=" ".join(drawn.choices(words, k=int(tokens * 0.75))),
                finish_reason="stop",
                prompt_token_ids=prompt,
                completion_token_ids=tuple(drawn.randrange(131072) for _ in range(tokens)),
            )
            await run.save_completions(key, "policy", request, ModelResult(completions=(said,)), True)
            await run.save_candidate(CandidateRow(candidate, 0, "complete", reward=float(candidate == "c0")))
        ended = Terminal(status="finished", reason="round_limit", at=1.0)
        await run.write_record(record.model_copy(update={"terminal": ended}))
        await run.close()
        paths.append(folder / record.run_id)
    return paths


def main() -> int:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--tokens", type=int, default=12_000)
    parser.add_argument("--json", type=Path, dest="file")
    asked = parser.parse_args()
    found = {"index": choose(asked.rows), "bodies": stream(asked.pairs, asked.tokens)}
    if asked.file is not None:
        found = {**found, "machine": machine(), "versions": versions()}
        asked.file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    else:
        write_result("pairs", found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
