"""What pydantic says about a value, as one clause that names the flag or setting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from peercycle.core.complaints import complaint_of

FLAGS: Mapping[str, str] = {
    "budget.tokens": "--max-tokens",
    "budget.cost": "--max-cost",
    "budget.hours": "--max-hours",
    "budget.model_calls": "--max-model-calls",
    "budget.sandbox_seconds": "--max-sandbox-seconds",
    "budget.requests": "--max-requests",
    "budget.until": "--until",
    "literature": "--literature",
    "run_id": "--run-id",
    "runs_dir": "--runs-dir",
    "seed": "--seed",
    "candidates": "--candidates",
    "rounds": "--rounds",
    "patience": "--patience",
    "policy": "--policy",
    "reviewer": "--reviewer",
    "judge": "--judge",
    "reward": "--reward",
    "experiments": "--experiments",
    "sandbox": "--sandbox",
    "guarantees": "--guarantee",
    "on_outage": "--on-outage",
    "models.default": "--model",
}

PATTERNS: Mapping[str, str] = {
    "run_id": "must be letters, digits, '.', '_' and '-', at most 100, beginning with a letter or digit",
    "on_outage": "must be 'stop', 'continue', or 'wait:' and how long, such as wait:2h",
}


@dataclass(frozen=True, slots=True)
class Complaint:
    """One value that was refused."""

    place: str
    """Dotted path in `RunOptions`."""
    kind: str
    value: Any
    message: str
    limits: Mapping[str, Any]

    @classmethod
    def of(cls, fault: Any) -> Complaint:
        """Read an entry of `ValidationError.errors()`."""
        place = ".".join(str(part) for part in fault["loc"])
        return cls(place, fault["type"], fault.get("input"), complaint_of(fault), fault.get("ctx") or {})


def said_by(complaint: Complaint) -> str:
    """Return the clause, such as `--candidates 0: must be at least 1`."""
    whole, _, index = complaint.place.rpartition(".")
    place = whole if index.isdecimal() and whole in FLAGS else complaint.place
    flag = FLAGS.get(place, place)
    shown = str(complaint.value) if isinstance(complaint.value, int | float | str) else repr(complaint.value)
    return " ".join(filter(None, (flag, shown))) + f": {_why(complaint)}"


def _why(complaint: Complaint) -> str:
    limits = complaint.limits
    match complaint.kind:
        case "greater_than_equal":
            extra = "; leave it out for no limit" if complaint.place.startswith("budget.") else ""
            return f"must be at least {limits['ge']}{extra}"
        case "greater_than":
            extra = "; leave it out for no limit" if complaint.place.startswith("budget.") else ""
            return f"must be more than {limits['gt']:g}{extra}"
        case "less_than_equal":
            return f"must be at most {limits['le']}"
        case "literal_error":
            return f"must be one of {limits['expected']}"
        case "string_pattern_mismatch":
            return PATTERNS.get(complaint.place, f"must match {limits['pattern']}")
        case "extra_forbidden":
            return "there is no such option"
        case _:
            return complaint.message[0].lower() + complaint.message[1:]
