"""Numbers of the results, found by their fields and printed bound to their measurement."""

from __future__ import annotations

from collections.abc import Sequence

from peercycle.agents.policies.extractive.prose import plural
from peercycle.core.experiments import CollectedFile, Execution, Experiment, ExperimentResults, Measurement, Statistic

Cell = tuple[str, str, str | None]
"""Experiment, metric and group of a number."""
LEVEL = 0.05
"""What is tested passes where its corrected p lies below this for every seed."""
MOST_DIGITS = 6
"""No number is printed with more decimals than these to tell it from 0 or from a mark."""


class Findings:
    """A read-only view of a candidate's results."""

    def __init__(self, results: ExperimentResults | None) -> None:
        self.results = results or ExperimentResults(mode="off")
        self._derived: dict[tuple[str, str, str | None, str], Measurement] = {}
        self._single: dict[tuple[str, str, str | None], list[Measurement]] = {}
        for found in self.results.measurements:
            key = (found.experiment, found.metric, found.group)
            if found.derived is None:
                self._single.setdefault(key, []).append(found)
                continue
            full = (*key, found.derived.statistic)
            held = self._derived.get(full)
            if held is None or held.derived is None or len(held.derived.of) < len(found.derived.of):
                self._derived[full] = found

    def per_seed(self, experiment: str, metric: str, group: str | None = None) -> list[Measurement]:
        """Return a metric's measurements in order of seed."""
        return sorted(self._single.get((experiment, metric, group), []), key=lambda m: (m.seed or 0, m.id))

    def statistic(self, experiment: str, metric: str, group: str | None, statistic: Statistic) -> Measurement | None:
        """Return a number derived over seeds; the mean of a single seed is its measurement."""
        found = self._derived.get((experiment, metric, group, statistic))
        single = self._single.get((experiment, metric, group), [])
        return single[0] if found is None and statistic == "mean" and len(single) == 1 else found

    def value(self, experiment: str, metric: str, group: str | None = None) -> float | None:
        """Return a metric's mean over seeds."""
        found = self.statistic(experiment, metric, group, "mean")
        return None if found is None else found.value

    def has(self, experiment: str) -> bool:
        """Return whether an experiment yielded any number."""
        return any(found.experiment == experiment for found in self.results.measurements)

    def seeds(self, experiment: str) -> int:
        """Return over how many seeds an experiment yielded numbers."""
        return len({m.seed for m in self.results.measurements if m.experiment == experiment and m.derived is None})

    def groups(self, experiment: str, metric: str) -> list[str | None]:
        """Return the groups of a metric, in the order of the results."""
        keys = dict.fromkeys(key for key in self._single if key[0] == experiment and key[1] == metric)
        return [key[2] for key in keys]

    def metrics(self, experiment: str) -> list[str]:
        """Return the metrics of an experiment, in the order of the results."""
        return list(dict.fromkeys(key[1] for key in self._single if key[0] == experiment))

    def experiment(self, experiment: str) -> Experiment | None:
        """Return an experiment as it was run last."""
        return next((found for found in reversed(self.results.experiments) if found.id == experiment), None)

    def failures(self, experiment: str) -> list[Execution]:
        """Return the executions that ended badly, of seeds that never ended well."""
        runs = [run for run in self.results.executions if run.experiment == experiment]
        good = {run.seed for run in runs if run.status == "ok"}
        last = {run.seed: run for run in runs if run.seed not in good}
        return [last[seed] for seed in sorted(last)]

    def files(self, experiment: str) -> list[tuple[Execution, CollectedFile]]:
        """Return the files that the lowest seed which left any left."""
        runs = sorted((r for r in self.results.executions if r.experiment == experiment), key=lambda r: r.seed)
        for run in runs:
            kept = [file for file in run.files if file.path.endswith((".png", ".pdf"))]
            if run.status == "ok" and kept:
                return [(run, file) for file in sorted(kept, key=lambda f: f.path)]
        return []

    def constant(self, experiment: str, metric: str, group: str | None = None) -> bool:
        """Return whether every seed gave the same number, but for the last bits of its floating point."""
        values = [found.value for found in self.per_seed(experiment, metric, group)]
        return bool(values) and max(values) - min(values) <= 1e-12 * max(1.0, abs(values[0]))

    def mean(self, experiment: str, metric: str, group: str | None = None, digits: int = 2) -> str:
        """Return the mean over seeds as printed, bound; where every seed measured the same, that measurement."""
        same = self.per_seed(experiment, metric, group) if self.constant(experiment, metric, group) else []
        found = same[0] if same else self.statistic(experiment, metric, group, "mean")
        return "" if found is None else bound(found, digits)

    def interval(self, experiment: str, metric: str, group: str | None = None, digits: int = 2) -> str:
        """Return the mean with its 95% interval over seeds in brackets, where there is one that is not a point."""
        mean = self.mean(experiment, metric, group, digits)
        low = self.statistic(experiment, metric, group, "ci95_low")
        high = self.statistic(experiment, metric, group, "ci95_high")
        if low is None or high is None or self.constant(experiment, metric, group):
            return mean
        return f"{mean} [{bound(low, digits)}, {bound(high, digits)}]"

    def column(self, cells: Sequence[Cell], digits: int | Sequence[int] = 2) -> list[str]:
        """Return a table's column: every cell with its interval, unless each of them is the same for every seed.

        `digits` are the decimals of all cells, or of each.
        """
        places = [digits] * len(cells) if isinstance(digits, int) else digits
        known = [cell for cell in cells if self.per_seed(*cell)]
        show = self.mean if all(self.constant(*cell) for cell in known) else self._spread
        return [show(*cell, place) or "--" for cell, place in zip(cells, places, strict=True)]

    def _spread(self, experiment: str, metric: str, group: str | None = None, digits: int = 2) -> str:
        mean = self.statistic(experiment, metric, group, "mean")
        low = self.statistic(experiment, metric, group, "ci95_low")
        high = self.statistic(experiment, metric, group, "ci95_high")
        if mean is None or low is None or high is None:
            return "" if mean is None else bound(mean, digits)
        return f"{bound(mean, digits)} [{bound(low, digits)}, {bound(high, digits)}]"

    def ends(self, experiment: str, metric: str, group: str | None = None) -> tuple[float, float] | None:
        """Return the ends of the 95% interval over seeds, or None where there is none."""
        low = self.statistic(experiment, metric, group, "ci95_low")
        high = self.statistic(experiment, metric, group, "ci95_high")
        return None if low is None or high is None else (low.value, high.value)

    def signed_digits(self, *cells: Cell) -> int:
        """Return the decimals, two or more, at which no mean and no end of an interval but 0 prints as 0."""
        values = [self.value(*cell) for cell in cells] + [end for cell in cells for end in self.ends(*cell) or ()]
        given = [value for value in values if value]
        return next((d for d in range(2, MOST_DIGITS) if all(float(shown(v, d)) for v in given)), MOST_DIGITS)

    def number_of_seeds(self, experiment: str, metric: str, group: str | None = None) -> str:
        """Return over how many seeds a metric was taken, bound where the results derive it."""
        found = self.statistic(experiment, metric, group, "n")
        return bound(found, 0) if found else str(len(self.per_seed(experiment, metric, group)))


def shown(value: float, digits: int) -> str:
    """Return a number rounded to `digits` decimals; what rounds to nothing has no sign."""
    text = f"{value:.{digits}f}"
    return text[1:] if text.startswith("-") and float(text) == 0 else text


def bound(measurement: Measurement, digits: int) -> str:
    """Return a measurement as printed: `\\measured{ID}{0.91}`."""
    whole = float(measurement.value).is_integer() and abs(measurement.value) < 1e9
    text = str(int(measurement.value)) if whole and digits == 0 else shown(measurement.value, digits)
    return f"\\measured{{{measurement.id}}}{{{text}}}"


def tested_groups(findings: Findings, experiment: str) -> list[str]:
    """Return the groups that have a corrected p."""
    return [group for group in findings.groups(experiment, "adjusted_p") if group is not None]


def p_digits(findings: Findings, cells: Sequence[Cell]) -> int:
    """Return the decimals of p-values in a table: one more where one of them is small."""
    return 4 if any((p := findings.value(*cell)) is not None and p < 0.01 for cell in cells) else 3


def undecided(findings: Findings, experiment: str) -> list[str]:
    """Return the groups whose corrected p lies below the level for some seeds and not for all."""
    known = [
        (group, findings.per_seed(experiment, "adjusted_p", group)) for group in tested_groups(findings, experiment)
    ]
    return [group for group, p in known if any(m.value < LEVEL for m in p) and not all_seeds(p)]


def undecided_sentence(what: str, named: str, number: int) -> str:
    """Return what is said of groups that are undecided, where none passes; `what` each is, and how they are named."""
    return (
        f"No {what} passes the corrected test with every seed; {named} {plural(number, 'passes', 'pass')} with some "
        f"seeds only, so the test does not decide on {plural(number, 'it', 'them')}."
    )


def all_seeds(corrected: Sequence[Measurement]) -> bool:
    """Return whether a group passes: its corrected p lies below the level for every seed; False where there is none."""
    return bool(corrected) and all(found.value < LEVEL for found in corrected)
