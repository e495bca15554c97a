"""How many comparisons do insertion sort, merge sort and quicksort need on random permutations?

Comparisons are counted, not timed, so the figures depend on no machine. Reads `request.json`; writes `results.json`.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any


def insertion(values: list[int]) -> int:
    """Return the comparisons of insertion sort."""
    items, compared = list(values), 0
    for index in range(1, len(items)):
        item, place = items[index], index
        while place > 0:
            compared += 1
            if items[place - 1] <= item:
                break
            items[place] = items[place - 1]
            place -= 1
        items[place] = item
    return compared


def merge(values: list[int]) -> tuple[list[int], int]:
    """Return the sorted values and the comparisons of top-down merge sort."""
    if len(values) < 2:
        return values, 0
    middle = len(values) // 2
    (left, a), (right, b) = merge(values[:middle]), merge(values[middle:])
    merged: list[int] = []
    compared, i, j = a + b, 0, 0
    while i < len(left) and j < len(right):
        compared += 1
        if left[i] <= right[j]:
            merged.append(left[i])
            i += 1
        else:
            merged.append(right[j])
            j += 1
    return merged + left[i:] + right[j:], compared


def quick(values: list[int], rng: random.Random) -> int:
    """Return the comparisons of quicksort with random pivots; each other element meets the pivot once."""
    if len(values) < 2:
        return 0
    pivot = values[rng.randrange(len(values))]
    lower, upper = [v for v in values if v < pivot], [v for v in values if v > pivot]
    return len(values) - 1 + quick(lower, rng) + quick(upper, rng)


def main() -> None:
    request = json.loads(Path("request.json").read_text(encoding="utf-8"))
    rng = random.Random(int(request["seed"]))
    repeats = int(request["parameters"]["repeats"])
    measurements: list[dict[str, Any]] = []
    for label, size in request["parameters"]["sizes"].items():
        totals = {"insertion": 0, "merge": 0, "quick": 0}
        for _ in range(repeats):
            values = rng.sample(range(int(size)), int(size))
            totals["insertion"] += insertion(values)
            totals["merge"] += merge(values)[1]
            totals["quick"] += quick(values, rng)
        measurements += [
            {"metric": "comparisons", "value": total / repeats, "group": f"{name}, {label}"}
            for name, total in totals.items()
        ]
    Path("results.json").write_text(json.dumps({"measurements": measurements}), encoding="utf-8")


if __name__ == "__main__":
    main()
