"""Memory and time of SimPO on long sequences: TRL's CPO trainer, Liger, TRL's fused head, and ours, side by side.

A fresh process per cell, under a memory limit; a row whose loss is not float64's within 1e-3 is not shown. The targets
are about growth from the first cell of `--targets` to the second and about that second cell, in which alone three
episodes are also taken together (`group-n3`) and pair by pair (`pair-n3`).

    python benchmarks/simpo_long.py [--cells 1024x1024,2048x2048] [--modes trl-cpo,shared] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from measuring import write_result
from simpo_targets import Row, modes_that_meet_all, ratios, tokens_of

from peercycle.trainers.loop.jobs import die_with_parent

CELLS = "1024x1024,2048x2048,4096x4096,1792x256"
TARGETS = "1024x1024,2048x2048"
MODES = ("trl-cpo", "liger", "trl-fused", "pair", "shared", "split", "pair-n3", "group-n3")
VOCABULARY = {"small": 131072, "4b": 151936, "12b": 131072}
LOSS_TOLERANCE = 1e-3
# Bytes per token and word of the vocabulary, measured at 512 + 512 and 1024 + 1024: what a cell would take.
BYTES = {"trl-cpo": 14.5, "liger": 16.5}


def estimate_gb(mode: str, cell: str, shape: str) -> float:
    """Return what a method is known to take; 0 where it is known to be modest."""
    return BYTES.get(mode, 0.0) * tokens_of(cell) * VOCABULARY[shape] / 1e9


def pairs_of(mode: str) -> int:
    """Return how many pairs a method takes: all of three episodes are three."""
    return 3 if mode.endswith("-n3") else 1


class Bench:
    """Runs cells and keeps their rows."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self._asked = asked
        self._references: dict[str, dict[str, Any]] = {}
        self.rows: list[Row] = []

    def cell(self, mode: str, cell: str) -> None:
        """Measure, and print the row at once."""
        row = Row(mode, cell)
        wanted = estimate_gb(mode, cell, self._asked.shape)
        if mode == "liger" and find_spec("liger_kernel") is None:
            row.note = "not installed: pip install --group bench"
        elif wanted > self._asked.limit_gb:
            row.note = f"does not fit, estimated {wanted:.0f} GB"
        else:
            self._measure(row, wanted)
        self.rows.append(row)
        print(line_of(row), flush=True)

    def _measure(self, row: Row, wanted: float) -> None:
        found = self._child(row.name, row.cell)
        if "out_of_memory" in found:
            more = f", estimated {wanted:.0f} GB" if wanted else f", more than {self._asked.limit_gb:.0f} GB"
            row.note = f"does not fit{more}"
        elif "error" in found:
            row.note = f"failed: {found['error']}"
        else:
            exact = self._reference(row.cell).get(f"loss_of_{pairs_of(row.name)}")
            if exact is None or not abs(found["loss"] - exact) <= LOSS_TOLERANCE:
                row.note = f"not shown: its loss {found['loss']:.6f} is not float64's {exact}"
                return
            row.peak_gb, row.seconds, row.loss = found["peak_gb"], found["seconds"], found["loss"]
            row.loss_float64, row.model_gb = exact, found.get("model_gb")
            row.tokens_per_s = round(tokens_of(row.cell, pairs_of(row.name)) / found["seconds"], 1)

    def _reference(self, cell: str) -> dict[str, Any]:
        if cell not in self._references:
            three = cell == self._asked.target and any(mode.endswith("-n3") for mode in self._asked.modes)
            self._references[cell] = self._child("float64-n3" if three else "float64", cell)
        return self._references[cell]

    def _child(self, mode: str, cell: str) -> dict[str, Any]:
        asked = self._asked
        script = str(Path(__file__).with_name("simpo_cells.py"))
        command = [sys.executable, script, mode, *cell.split("x"), "--shape", asked.shape]
        command += ["--device", asked.device, "--limit-gb", str(asked.limit_gb)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(asked.threads)}
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=environment,
            check=False,
            preexec_fn=partial(die_with_parent, os.getpid()),
        )
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


def free_gb() -> float:
    """Return the memory that is free, less a tenth."""
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return round(int(line.split()[1]) * 1024 * 0.9 / 1e9, 1)
    return 16.0


def card_gb() -> float:
    """Return the memory of the GPU; what a cell is estimated to take is beyond the model that lies there, too."""
    import torch

    return round(float(torch.cuda.get_device_properties(0).total_memory) / 1e9, 1)


def read_arguments() -> argparse.Namespace:
    """Return what was asked for, cells and modes as lists."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default=CELLS, help="PROMPTxCOMPLETION, comma-separated")
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--targets", default=TARGETS, help="the two cells that the targets are about")
    parser.add_argument("--json", type=Path, dest="file", help="write rows and ratios here, not below results/")
    parser.add_argument("--shape", default="small", choices=VOCABULARY, help="4b and 12b: bfloat16 with LoRA")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--limit-gb", type=float, help="memory of a cell: free memory, or the card's, by default")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    if asked.limit_gb is None:
        asked.limit_gb = free_gb() if asked.device == "cpu" else card_gb()
    asked.cells, asked.modes = asked.cells.split(","), asked.modes.split(",")
    asked.first, _, asked.target = asked.targets.partition(",")
    for mode in asked.modes:
        if mode not in MODES:
            parser.error(f"no mode {mode!r}; there are {', '.join(MODES)}")
    for cell in (*asked.cells, asked.first, asked.target):
        if not all(side.isdigit() and int(side) for side in cell.split("x")) or cell.count("x") != 1:
            parser.error(f"no cell {cell!r}; a cell is PROMPTxCOMPLETION, as 1024x1024")
    if tokens_of(asked.first) == tokens_of(asked.target):
        parser.error(f"--targets {asked.targets}: memory's growth is measured between cells of unlike tokens")
    if asked.target not in asked.cells:
        parser.error(f"--targets {asked.targets}: add {asked.target} to --cells, or three episodes are taken nowhere")
    return asked


def main() -> int:
    """Measure the cells that were asked for."""
    asked = read_arguments()
    bench = Bench(asked)
    began = time.monotonic()
    for cell in asked.cells:
        for mode in asked.modes:
            if pairs_of(mode) == 1 or cell == asked.target:
                bench.cell(mode, cell)
    found = ratios(bench.rows, asked.first, asked.target)
    if asked.shape != "small":
        # The targets are those of the head-dominated cell; of real shapes there is no more than is measured.
        found = [replace(ratio, target=None) for ratio in found if ratio.value is not None]
    meeting = modes_that_meet_all(found) if asked.shape == "small" else None
    figures = {
        "what": f"one step of one pair (n3: three pairs of three episodes), {asked.shape}, {asked.device}",
        "head_dominated": asked.shape == "small",
        "card": card_of(asked.device),
        "limit_gb": asked.limit_gb,
        "threads": asked.threads,
        "seconds": round(time.monotonic() - began, 1),
        "rows": [asdict(row) for row in bench.rows],
        "ratios": [{**asdict(ratio), "met": ratio.met} for ratio in found],
        "modes_that_meet_every_target_for_a_pair": meeting,
    }
    packages = ("torch", "transformers", "trl", "liger-kernel", "triton", "peft")
    name = "simpo_long" if asked.device == "cpu" else f"simpo_long_{asked.shape}"
    path = write_result(name, figures, *packages, path=asked.file)
    print("\n".join(ratio.line() for ratio in found))
    if meeting is not None:
        print(f"modes that meet every target for a pair: {', '.join(meeting) or 'none'}")
    print(f"written: {path}")
    return 0


def card_of(device: str) -> str | None:
    """Return the card's name."""
    if device == "cpu":
        return None
    import torch

    return torch.cuda.get_device_name()


if __name__ == "__main__":
    sys.exit(main())
