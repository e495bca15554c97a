"""Does the loop learn? Three seeds, six arms, the same prompts, sampled tokens and updates; judged on held-out tasks.

    python benchmarks/learning.py [--seeds 0,1,2] [--arms full,sft,…] [--parallel 2] [--keep DIR] [--small]

The settings are those of `learning.toml`, fixed beforehand. A gain is claimed only where the lower end of the 95 %
paired bootstrap over held-out tasks is above 0.02 in every seed, over continued SFT and over NLL on winners alone.
What does not appear is printed as it is. `--small` is a try of the script: its figures mean nothing.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from measuring import write_result

from peercycle.trainers.loop.arms import HEADS, ArmRow, compare, shown, table_rows
from peercycle.trainers.loop.jobs import die_with_parent
from peercycle.trainers.loop.settings import choose_arm, read_loop

HERE = Path(__file__).resolve().parent
CITING = HERE.parent / "examples" / "citing"
LEAST = 0.02
RIVALS = ("sft", "nll-only")
PUBLISHED = ("full", "one-iteration", "sft", "no-nll")
"""Order of the published ablation, best first: 5.36, 5.21 (no iteration), 5.12 (no reinforcement), 4.91 (no NLL)."""
SMALL = (
    ("tasks = 256", "tasks = 8"),
    ("tasks = 1024, tokens = 48_400", "tasks = 32, tokens = 1600"),
    ("tokens = 12_100", "tokens = 400"),
    ("max_steps = 1500", "max_steps = 20"),
)


def prepare(folder: Path, seed: int, *, small: bool) -> Path:
    """Make a seed's model, tasks and demonstrations, and its `loop.toml`; return the latter."""
    spec = importlib.util.spec_from_file_location("citing_make", CITING / "make.py")
    make: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "made" / "demonstrations.jsonl").exists():
        make.make(folder / "made", seed=seed, tasks=2000, demonstrations=20_000, each=4)
    shutil.copyfile(CITING / "citing.py", folder / "citing.py")
    text = (HERE / "learning.toml").read_text().replace("\niterations = 4\n", f"\niterations = 4\nseed = {seed}\n", 1)
    for before, after in SMALL if small else ():
        text = text.replace(before, after)
    path = folder / "loop.toml"
    path.write_text(text)
    return path


def run_arm(folder: Path, arm: str) -> float:
    """Drive one arm of one seed; return the seconds that it took."""
    began = time.monotonic()
    command = [sys.executable, "-m", "peercycle", "train", "loop.toml", "--arm", arm, "--json"]
    with (folder / f"{arm}.log").open("ab") as log:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=log,
            stderr=log,
            check=False,
            # A killed benchmark leaves no loop behind; whose workers end with it, too.
            preexec_fn=partial(die_with_parent, os.getpid()),
        )
    if done.returncode:
        raise SystemExit(f"arm {arm} in {folder} failed: {(folder / f'{arm}.log').read_text().splitlines()[-1]}")
    print(f"{folder.name} {arm}: {time.monotonic() - began:.0f} s", flush=True)
    return time.monotonic() - began


def rows_of(loop: Path, arms: list[str]) -> list[ArmRow]:
    """Return a seed's table."""
    settings = read_loop(loop)
    return compare([choose_arm(settings, arm) for arm in arms], loop.parent / "loops", loop.parent / "policies")


def same_prompts(rows: list[ArmRow]) -> dict[str, bool]:
    """Return whether a seed's arms had the same tasks: together, and in each iteration where they have as many."""
    most = max(row.iterations for row in rows)
    return {
        "in_all": all(row.prompts for row in rows) and len({row.all_prompts for row in rows}) == 1,
        "in_each_iteration": len({tuple(row.prompts.items()) for row in rows if row.iterations == most}) == 1,
    }


def claims(tables: dict[int, list[ArmRow]]) -> dict[str, Any]:
    """Return what may be claimed, and what may not, with the figures that decide it."""
    found: dict[str, Any] = {}
    for rival in RIVALS:
        lows = {
            seed: difference.low if (difference := row.over.get(rival)) else None
            for seed, rows in tables.items()
            for row in rows
            if row.arm == "full" and rival in row.over
        }
        if lows:
            gain = all(low is not None and low > LEAST for low in lows.values())
            found[f"gain over {rival}"] = {"claimed": gain, "lower_ends": lows, "least": LEAST}
    falls = {seed: row.gain for seed, rows in tables.items() for row in rows if row.arm == "shuffled" and row.gain}
    if falls:
        found["fall of the shuffled arm"] = {
            "fell_in_every_seed": all(fall.high < 0 for fall in falls.values()),
            "by_seed": {seed: fall.model_dump() for seed, fall in falls.items()},
        }
    found["the same prompts"] = {seed: same_prompts(rows) for seed, rows in tables.items()}
    orders = {}
    for seed, rows in tables.items():
        ends = {row.arm: row.end for row in rows if row.end is not None}
        if all(arm in ends for arm in PUBLISHED):
            orders[seed] = sorted(PUBLISHED, key=lambda arm: -ends[arm])
    if orders:
        appears = all(tuple(order) == PUBLISHED for order in orders.values())
        found["order of the published ablation"] = {"published": PUBLISHED, "appears": appears, "by_seed": orders}
    return found


def main() -> None:
    """Run what is asked for, print the tables, and write the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--arms", default="full,nll-only,no-nll,shuffled,sft,one-iteration")
    parser.add_argument(
        "--parallel", type=int, default=2, help="arms at the same time; each is one process at a time"
    )
    parser.add_argument("--keep", type=Path, help="keep everything here, and go on with what is there")
    parser.add_argument("--small", action="store_true")
    given = parser.parse_args()
    seeds, arms = [int(seed) for seed in given.seeds.split(",")], given.arms.split(",")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="peercycle-learning-") as scratch:
        root = given.keep or Path(scratch)
        loops = {seed: prepare(root / f"seed{seed}", seed, small=given.small) for seed in seeds}
        with ThreadPoolExecutor(given.parallel) as pool:
            # Seed by seed within an arm: two arms of one seed would wait for each other's warm-up.
            list(pool.map(lambda job: run_arm(loops[job[1]].parent, job[0]), [(a, s) for a in arms for s in seeds]))
        tables = {seed: rows_of(loops[seed], arms) for seed in seeds}
    for seed, rows in tables.items():
        print(f"\nseed {seed}")
        print("\t".join(HEADS))
        for row in table_rows(rows):
            print("\t".join(row))
        for row in rows:
            if row.arm == "full":
                print("full over " + "; ".join(f"{name} {shown(each)}" for name, each in row.over.items()))
    claimed = claims(tables)
    print(json.dumps(claimed, indent=1))
    figures = {
        "seconds": round(time.monotonic() - began, 1),
        "settings": (HERE / "learning.toml").read_text(),
        "claims": claimed,
        "seeds": {seed: [row.model_dump(mode="json") for row in rows] for seed, rows in tables.items()},
    }
    if given.small:
        print("a small try: nothing is written")
    else:
        print(f"written: {write_result('learning', figures, 'torch', 'transformers', 'trl')}")


if __name__ == "__main__":
    main()
