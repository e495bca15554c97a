"""Memory and time of SimPO on long sequences: TRL's CPO trainer, Liger, TRL's fused head, and ours, side by side.

A fresh process per cell, under a memory limit; a row whose loss is not float64's within 1e-3 is not shown.

    python benchmarks/simpo_long.py [--cells 1024x1024,2048x2048] [--modes trl-cpo,shared] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from measuring import machine, versions, write_result

CELLS = "1024x1024,2048x2048,4096x4096,1792x256"
MODES = ("trl-cpo", "liger", "trl-fused", "pair", "shared", "split", "pair-n3", "group-n3")
VOCABULARY = {"small": 131072, "4b": 151936, "12b": 131072}
LOSS_TOLERANCE = 1e-3
# Bytes per token and word of the vocabulary, measured at 512 + 512 and 1024 + 1024: what a cell would take.
BYTES = {"trl-cpo": 14.5, "liger": 16.5}


@dataclass(slots=True)
class Row:
    """One cell."""

    name: str
    cell: str
    peak_gb: float | None = None
    seconds: float | None = None
    tokens_per_s: float | None = None
    loss: float | None = None
    note: str = ""


def estimate_gb(mode: str, prompt: int, completion: int, shape: str) -> float:
    """Return what a method is known to take; 0 where it is known to be modest."""
    return BYTES.get(mode, 0.0) * 2 * (prompt + completion) * VOCABULARY[shape] / 1e9


def tokens_of(mode: str, prompt: int, completion: int) -> int:
    """Return the tokens of the pairs, each prompt as often as a pair holds it: the same for every method."""
    return (3 if mode.endswith("-n3") else 1) * 2 * (prompt + completion)


class Bench:
    """Runs cells and keeps their rows."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self._asked = asked
        self._references: dict[tuple[int, int, bool], float | None] = {}
        self.rows: list[Row] = []

    def cell(self, mode: str, prompt: int, completion: int) -> None:
        """Measure, and print the row at once."""
        row = Row(mode, f"{prompt}x{completion}")
        wanted = estimate_gb(mode, prompt, completion, self._asked.shape)
        if mode == "liger" and find_spec("liger_kernel") is None:
            row.note = "not installed: pip install --group bench"
        elif wanted > self._asked.limit_gb:
            row.note = f"does not fit, estimated {wanted:.0f} GB"
        else:
            self._measure(row, mode, prompt, completion, wanted)
        self.rows.append(row)
        print(line_of(row), flush=True)

    def _measure(self, row: Row, mode: str, prompt: int, completion: int, wanted: float) -> None:
        found = self._child(mode, prompt, completion)
        if "out_of_memory" in found:
            more = f", estimated {wanted:.0f} GB" if wanted else f", more than {self._asked.limit_gb:.0f} GB"
            row.note = f"does not fit{more}"
        elif "error" in found:
            row.note = f"failed: {found['error']}"
        else:
            exact = self._reference(mode, prompt, completion)
            if exact is None or abs(found["loss"] - exact) > LOSS_TOLERANCE:
                row.note = f"not shown: its loss {found['loss']:.6f} is not float64's {exact}"
                return
            row.peak_gb, row.seconds, row.loss = found["peak_gb"], found["seconds"], found["loss"]
            row.tokens_per_s = round(tokens_of(mode, prompt, completion) / found["seconds"], 1)

    def _reference(self, mode: str, prompt: int, completion: int) -> float | None:
        three = mode.endswith("-n3")
        key = (prompt, completion, three)
        if key not in self._references:
            self._references[key] = self._child("float64-n3" if three else "float64", prompt, completion).get("loss")
        return self._references[key]

    def _child(self, mode: str, prompt: int, completion: int) -> dict[str, Any]:
        asked = self._asked
        script = str(Path(__file__).with_name("simpo_cells.py"))
        command = [sys.executable, script, mode, str(prompt), str(completion), "--shape", asked.shape]
        command += ["--device", asked.device, "--limit-gb", str(asked.limit_gb)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(asked.threads)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if lines:
            found: dict[str, Any] = json.loads(lines[-1])
            return found
        # 9: by the system; 6: C++ that was refused memory ends itself.
        if done.returncode in (-9, 137) or (done.returncode == -6 and "bad_alloc" in done.stderr):
            return {"out_of_memory": "killed"}
        return {"error": (done.stderr.strip().splitlines() or ["no output"])[-1][:200]}


def line_of(row: Row) -> str:
    """Return a row as text."""
    if row.note:
        return f"{row.cell:>12} {row.name:<10} {row.note}"
    return (
        f"{row.cell:>12} {row.name:<10} {row.peak_gb:8.3f} GB {row.seconds:9.2f} s "
        f"{row.tokens_per_s:10.1f} tokens/s  loss {row.loss:.6f}"
    )


def ratios(rows: list[Row]) -> dict[str, float]:
    """Return what the targets are stated in, as far as the rows go; of our modes for one pair the best in memory."""
    by = {(row.name, row.cell): row for row in rows if row.seconds is not None}
    found: dict[str, float] = {}
    for cell in dict.fromkeys(row.cell for row in rows):
        mine = [by[mode, cell] for mode in ("pair", "shared", "split") if (mode, cell) in by]
        if not mine:
            continue
        best = min(mine, key=lambda row: row.peak_gb or 0)
        fast = min(mine, key=lambda row: row.seconds or 0)
        for other in ("trl-cpo", "liger", "trl-fused"):
            if (other, cell) in by:
                row = by[other, cell]
                found[f"{cell}: memory of {best.name} / {other}"] = _share(best.peak_gb, row.peak_gb)
                found[f"{cell}: time of {fast.name} / {other}"] = _share(fast.seconds, row.seconds)
        if ("group-n3", cell) in by and ("pair-n3", cell) in by:
            group, single = by["group-n3", cell], by["pair-n3", cell]
            found[f"{cell}: time of three episodes together / pair by pair"] = _share(group.seconds, single.seconds)
    return {**found, **_growth(by)}


def _growth(by: dict[tuple[str, str], Row]) -> dict[str, float]:
    first, second = "1024x1024", "2048x2048"
    grown = {
        name: ((by[name, second].peak_gb or 0) - (by[name, first].peak_gb or 0)) / 4096
        for name in {name for name, _ in by}
        if (name, first) in by and (name, second) in by and not name.endswith("-n3")
    }
    found = {
        f"KB per added token, {first} to {second}: {name}": round(gb * 1e6, 1) for name, gb in sorted(grown.items())
    }
    if "trl-cpo" not in grown:
        return found
    # Growth within what is measured of a page or two counts as that much.
    return found | {
        f"memory per added token: trl-cpo / {name}": round(grown["trl-cpo"] / max(value, 1e-6), 1)
        for name, value in sorted(grown.items())
        if name in ("pair", "shared", "split")
    }


def _share(part: float | None, whole: float | None) -> float:
    return round((part or 0) / max(whole or 0, 1e-9), 4)


def free_gb() -> float:
    """Return the memory that is free, less a tenth."""
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return round(int(line.split()[1]) * 1024 * 0.9 / 1e9, 1)
    return 16.0


def main() -> int:
    """Measure the cells that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default=CELLS, help="PROMPTxCOMPLETION, comma-separated")
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--json", type=Path, dest="file", help="write rows and ratios here, not below results/")
    parser.add_argument("--shape", default="small", choices=VOCABULARY, help="4b and 12b: bfloat16 with LoRA")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--limit-gb", type=float, default=free_gb(), help="memory of a cell's process")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    unknown = set(asked.modes.split(",")) - set(MODES)
    if unknown:
        parser.error(f"no mode {sorted(unknown)[0]!r}; there are {', '.join(MODES)}")
    bench = Bench(asked)
    for cell in asked.cells.split(","):
        prompt, _, completion = cell.partition("x")
        for mode in asked.modes.split(","):
            bench.cell(mode, int(prompt), int(completion))
    found = {
        "what": f"one step of one pair (n3: three pairs of three episodes), {asked.shape}, {asked.device}",
        "head_dominated": asked.shape == "small",
        "card": card_of(asked.device),
        "limit_gb": asked.limit_gb,
        "threads": asked.threads,
        "rows": [asdict(row) for row in bench.rows],
        "ratios": ratios(bench.rows),
    }
    for name, value in found["ratios"].items():
        print(f"{name}: {value:g}")
    packages = ("torch", "transformers", "trl", "liger-kernel", "peft")
    if asked.file is not None:
        found = {**found, "machine": machine(), "versions": versions(*packages)}
        asked.file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    else:
        write_result("simpo_long" if asked.device == "cpu" else f"simpo_long_{asked.shape}", found, *packages)
    return 0


def card_of(device: str) -> str | None:
    """Return the card's name."""
    if device == "cpu":
        return None
    import torch

    return torch.cuda.get_device_name()


if __name__ == "__main__":
    sys.exit(main())
