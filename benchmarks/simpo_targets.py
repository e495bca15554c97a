"""What `simpo_long.py` claims: the ratios in which the targets are stated, and whether the rows meet them."""

from __future__ import annotations

from dataclasses import dataclass

SINGLE = ("pair", "shared", "split")
"""Our modes for one pair: each is held to every target by itself, so that none lends another its memory or its time."""
OTHERS = ("trl-cpo", "liger", "trl-fused")
AT_MOST = {("memory", "trl-cpo"): 1 / 10, ("time", "trl-cpo"): 1 / 3, ("memory", "trl-fused"): 1 / 3}
GROWTH_AT_LEAST = 20.0
THREE_AT_MOST = 1 / 2
# What is measured of memory is good to some megabytes: growth below 1 KB a token counts as that much.
LEAST_GROWTH_GB = 1e-6


@dataclass(slots=True)
class Row:
    """One method in one cell. `loss_float64` is the same loss by plain log-softmax in float64.

    `peak_gb` is beyond what the model takes, which is told where it lies on a GPU (`model_gb`).
    """

    name: str
    cell: str
    peak_gb: float | None = None
    seconds: float | None = None
    tokens_per_s: float | None = None
    loss: float | None = None
    loss_float64: float | None = None
    model_gb: float | None = None
    note: str = ""


@dataclass(slots=True)
class Ratio:
    """A figure beside its target; without a target where the issue sets none, without a value where a row is missing."""

    name: str
    value: float | None
    target: float | None = None
    at_least: bool = False
    mode: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none, or nothing to compare."""
        if self.value is None or self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target

    def line(self) -> str:
        """Return it as text."""
        found = "not measured" if self.value is None else f"{self.value:.4g}"
        if self.target is None:
            return f"{self.name}: {found}"
        side = "at least" if self.at_least else "at most"
        verdict = {True: ", met", False: ", NOT met", None: ""}[self.met]
        return f"{self.name}: {found} ({side} {self.target:.4g}{verdict})"


class Table:
    """Rows by name and cell."""

    def __init__(self, rows: list[Row]) -> None:
        self._by = {(row.name, row.cell): row for row in rows if row.seconds is not None}

    def share(self, what: str, mine: str, other: str, cell: str) -> float | None:
        """Return one row's memory or time as a share of another's."""
        part, whole = self._figure(what, mine, cell), self._figure(what, other, cell)
        return None if part is None or whole is None else part / max(whole, 1e-9)

    def grown(self, name: str, first: str, second: str) -> float | None:
        """Return what a token more of the pairs costs, in GB, from one cell to a larger one."""
        before, after = self._figure("memory", name, first), self._figure("memory", name, second)
        return None if before is None or after is None else (after - before) / (tokens_of(second) - tokens_of(first))

    def _figure(self, what: str, name: str, cell: str) -> float | None:
        row = self._by.get((name, cell))
        return None if row is None else row.peak_gb if what == "memory" else row.seconds


def tokens_of(cell: str, pairs: int = 1) -> int:
    """Return the tokens of a cell's pairs, each prompt as often as a pair holds it: the same for every method."""
    prompt, _, completion = cell.partition("x")
    return pairs * 2 * (int(prompt) + int(completion))


def ratios(rows: list[Row], first: str, target: str) -> list[Ratio]:
    """Return every ratio: those of the cell `target` beside their targets, memory's growth from the cell `first` on."""
    table = Table(rows)
    found = []
    for cell in dict.fromkeys([target, *(row.cell for row in rows)]):
        for mine in SINGLE:
            for other in OTHERS:
                for what in ("memory", "time"):
                    limit = AT_MOST.get((what, other)) if cell == target else None
                    value = table.share(what, mine, other, cell)
                    ratio = Ratio(f"{cell}: {what} of {mine} / {other}", value, limit, mode=mine)
                    if limit is not None or ratio.value is not None:
                        found.append(ratio)
    return [*found, *_growth(table, first, target), _three(table, target)]


def _growth(table: Table, first: str, target: str) -> list[Ratio]:
    found = []
    for name in (*OTHERS, *SINGLE):
        grown = table.grown(name, first, target)
        kilobytes = None if grown is None else grown * 1e6
        found.append(Ratio(f"KB per added token, {first} to {target}: {name}", kilobytes))
    theirs = table.grown("trl-cpo", first, target)
    for name in SINGLE:
        mine = table.grown(name, first, target)
        times = None if mine is None or theirs is None else theirs / max(mine, LEAST_GROWTH_GB)
        said = f"memory per added token, {first} to {target}: trl-cpo / {name}"
        found.append(Ratio(said, times, GROWTH_AT_LEAST, at_least=True, mode=name))
    return found


def _three(table: Table, target: str) -> Ratio:
    value = table.share("time", "group-n3", "pair-n3", target)
    return Ratio(f"{target}: time of three episodes together / pair by pair", value, THREE_AT_MOST)


def modes_that_meet_all(found: list[Ratio]) -> list[str]:
    """Return those of our modes for one pair that meet every target that is set for a mode."""
    held = {
        mode: [ratio.met for ratio in found if ratio.target is not None and ratio.mode == mode] for mode in SINGLE
    }
    return [mode for mode, met in held.items() if met and all(met)]
