"""Results in the published form: from measurements to the turn that the model is given, and from what it imagines back."""

from __future__ import annotations

import json
import re
from typing import Any

from peercycle.agents.policies.prompted.material import printed
from peercycle.core.base import JSON
from peercycle.core.experiments import Experiment, ExperimentResults
from peercycle.core.failures import failed_executions

HEADING = "## Experimental_results"
_NUMBER = re.compile(r"(?:[\s$*]|\\(?:text|math)bf\{)*(?P<value>[-+]?[0-9]{1,12}(?:\.[0-9]{1,12})?)(?![0-9.])")
MOST_CELLS = 400


def results_turn(results: ExperimentResults | None) -> str:
    """Return real results as the user's turn that the model was trained to go on from."""
    listed: list[JSON] = [_one(experiment, results) for experiment in results.experiments] if results else []
    if not listed:
        why = (results.reason if results else None) or "no experiment was run"
        listed = [{"name": "Experiments", "result": {"description": f"Nothing was measured: {why}."}}]
    return f"{HEADING}\n\n```json\n{json.dumps(listed, ensure_ascii=False)}```"


def _one(experiment: Experiment, results: ExperimentResults) -> JSON:
    own = [m for m in results.measurements if m.experiment == experiment.id]
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for m in own:
        row = rows.setdefault((m.metric, m.group or ""), {})
        if m.derived is not None and m.derived.statistic in {"mean", "sd", "n"}:
            row[m.derived.statistic] = printed(m.value)
        elif m.derived is None:
            row.setdefault("mean", printed(m.value))
            row.setdefault("n", "1")
    table: list[JSON] = [["Metric", "Group", "Mean", "SD", "Runs"]]
    for (metric, group), row in rows.items():
        table.append([metric, group or "-", row.get("mean", "-"), row.get("sd", "-"), row.get("n", "-")])
    failed = failed_executions(e for e in results.executions if e.experiment == experiment.id)
    result: dict[str, JSON] = {"description": experiment.method or experiment.question}
    if rows:
        result["table"] = table
    if failed:
        result["notes"] = [f"{len(failed)} of its runs failed and gave no numbers."]
    return {"name": experiment.question, "result": result}


def imagined(results: JSON, experiments: tuple[Experiment, ...]) -> dict[str, JSON]:
    """Return the results file of each experiment for which the model imagined numbers, by experiment id.

    Results go to experiments by name, and else by their place in the list; the two lists need not be equally long.
    """
    entries = [entry for entry in results if isinstance(entry, dict)] if isinstance(results, list) else []
    by_name = {experiment.question: experiment.id for experiment in experiments}
    files: dict[str, JSON] = {}
    for index, entry in enumerate(entries):
        at_place = experiments[index].id if index < len(experiments) else None
        experiment = by_name.get(str(entry.get("name"))) or at_place
        numbers = _numbers(entry.get("result"))
        if experiment is not None and experiment not in files and numbers:
            files[experiment] = {"measurements": numbers}
    return files


def _numbers(result: Any) -> list[JSON]:
    """Return the numbers of a result's table: a row is a group, a column a metric."""
    table = result.get("table") if isinstance(result, dict) else None
    rows = [row for row in table if isinstance(row, list)] if isinstance(table, list) else []
    if len(rows) < 2:
        return []
    head = [str(cell).strip() for cell in rows[0]]
    found: dict[tuple[str, str], JSON] = {}
    for row in rows[1:]:
        group = str(row[0]).strip()[:80] if row else ""
        for metric, cell in zip(head[1:], row[1:], strict=False):
            number = _NUMBER.match(str(cell))
            if number and metric and len(found) < MOST_CELLS:
                key = (metric[:80], group)
                found.setdefault(key, {"metric": key[0], "group": group or "-", "value": float(number["value"])})
    return list(found.values())
