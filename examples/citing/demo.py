"""From a log to a better policy, and a run with it: minutes on a CPU, and nothing is downloaded.

make train-demo, or: python examples/citing/demo.py [--out train-demo]
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from make import make

HERE = Path(__file__).resolve().parent
CITED = (3, 5, 8, 13, 17, 21)
SETTINGS = """\
[run]
plugins = ["citing.py"]
reviewer = "citing"
judge = "citing-judge"
judged = "every"
skip = ["literature", "related", "plan", "experiment", "conclude"]
experiments = "off"
sandbox = "none"
exporters = ["latex", "report"]
"""


def peercycle(folder: Path, *arguments: str) -> None:
    """Run the command where the demo lies, its output for all to see."""
    print(f"\n{folder}$ peercycle {shlex.join(arguments)}", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "peercycle", *arguments],
        cwd=folder,
        env={"OMP_NUM_THREADS": "1", **os.environ},
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.returncode)


def before_and_after(folder: Path) -> list[tuple[str, ...]]:
    """Return the table: what the policy was worth on held-out tasks at the start, and after each iteration."""
    found = [
        *folder.glob("loops/citing/start-*/evaluate/evaluation.json"),
        *sorted(folder.glob("loops/citing/main/*/evaluate/evaluation.json")),
    ]
    rows = [("policy", "judge (held out)", "steering (held out)", "tokens a paper")]
    for path in found:
        each = json.loads(path.read_text())
        rows.append((each["policy"], f"{each['judge']:.3f}", f"{each['steering']:.3f}", f"{each['mean_tokens']:.1f}"))
    return rows


def main() -> None:
    """Make the example, train on it, run the policy before and after, and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("train-demo"))
    parser.add_argument("--iterations", default="2")
    given = parser.parse_args()
    folder = given.out
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("citing.py", "loop.toml"):
        shutil.copyfile(HERE / name, folder / name)
    print(
        f"A random model of 84,000 weights learns to cite the works that its prompt lists; all of it lies in {folder}/."
    )
    print("This takes minutes. Stopped half-way, the same command goes on behind the last step.", flush=True)
    if not (folder / "made" / "demonstrations.jsonl").exists():
        make(folder / "made", seed=0, tasks=600, demonstrations=20_000, each=4)
    (folder / "peercycle.toml").write_text(SETTINGS)
    works = "".join(f"@misc{{k{number:02d}, title = {{Work {number}}}}}\n" for number in CITED)
    (folder / "refs.bib").write_text(works)
    peercycle(folder, "train", "loop.toml", "--iterations", given.iterations)
    (start,) = {path.parent.name for path in folder.glob("policies/*-start-*/policy.json")}
    asked = ("run", "refs.bib", "--topic", "what the prompt lists", "--candidates", "3", "--rounds", "0", "--policy")
    peercycle(folder, *asked, start)
    peercycle(folder, *asked, "citing")
    rows = before_and_after(folder)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    print("\nBefore and after, on held-out tasks, which were never trained on; both figures are 1 where all listed")
    print("works are cited, and nothing else. Pairs were made by the steering one; the judge's only reports.")
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print("The two runs above are one task, and the best of three drafts: see the table for what was learned.")


if __name__ == "__main__":
    main()
