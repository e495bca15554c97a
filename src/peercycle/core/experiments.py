"""Experiments: what is planned, what was run, and the numbers that came out."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from peercycle.core.base import JSON, ArtifactRef, Record, Word
from peercycle.core.sandboxing import DataSpec, EnvironmentSpec, Limits

Statistic = Literal["mean", "sd", "min", "max", "median", "n", "ci95_low", "ci95_high"]
"""How a derived measurement was computed from others; intervals are Student's t over seeds."""


class Experiment(Word):
    """One program, run once per seed in a sandbox, whose results file answers one question.

    The program is `script`, started as `python main.py` with the JSON object `{"seed": int, "parameters": {…}}`
    in the read-only file `request.json` of its working directory. It writes `results.json`:
    `{"measurements": [{"metric": str, "value": number, "unit": str?, "group": str?, "note": str?}, …]}`,
    any other keys beside it, and figures or tables beside that where `outputs` names them.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    question: str
    method: str = ""
    """What is done, in a paragraph that a methods section can use."""
    script: str
    inputs: dict[str, ArtifactRef] = {}
    """Read-only files beside the program, by relative path."""
    parameters: dict[str, JSON] = {}
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    environment: EnvironmentSpec = EnvironmentSpec()
    data: tuple[DataSpec, ...] = ()
    outputs: tuple[str, ...] = ()
    """Globs of further files to collect, such as `*.png`."""
    limits: Limits = Limits()
    metrics: tuple[str, ...] = ()
    """Metrics that the results must contain; none means any."""
    answers: tuple[str, ...] = ()
    """Ids of the review points that this experiment is evidence for."""


class ExperimentPlan(Record):
    """What will be run, and why. An empty plan skips the experiment stage."""

    experiments: tuple[Experiment, ...] = ()
    rationale: str = ""
    declined: str | None = None
    """Why nothing is planned, where nothing is."""


class Derivation(Word):
    """How a number follows from measured ones."""

    statistic: Statistic
    of: tuple[str, ...] = Field(min_length=1)
    """Ids of the measurements it was computed from."""


class Measurement(Word):
    """A number, bound to what produced it."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:+-]{0,119}$")
    metric: str
    value: float = Field(allow_inf_nan=False)
    unit: str | None = None
    group: str | None = None
    """The arm, method or condition that was measured."""
    experiment: str
    seed: int | None = None
    """None for a number derived over seeds."""
    execution: str | None = None
    """Id of the execution that wrote the results file."""
    artifact: ArtifactRef | None = None
    """The results file."""
    pointer: str | None = None
    """JSON pointer of the value in the results file (RFC 6901)."""
    derived: Derivation | None = None
    provenance: Literal["measured", "simulated"] = "measured"


class CollectedFile(Word):
    """A file that an execution left, as collected."""

    path: str
    artifact: ArtifactRef
    size: int


class Execution(Word):
    """One run of one experiment with one seed. Durations and hosts are in `run.sqlite`, not here."""

    id: str
    experiment: str
    seed: int
    status: str
    """`ok`, or the sandbox's word for what ended it (`nonzero`, `timeout`, `oom`, …), or `bad_results`."""
    attempt: int = Field(default=1, ge=1)
    """1, and one more for each repair of the program."""
    exit_code: int | None = None
    script: ArtifactRef
    results: ArtifactRef | None = None
    files: tuple[CollectedFile, ...] = ()
    error: str | None = None
    """The end of its standard error, or what was wrong with its results file."""


class ExperimentResults(Record):
    """All executions of a candidate so far, and their numbers, measured and derived."""

    mode: Literal["run", "simulate", "off"] = "run"
    reason: str | None = None
    """Why nothing was run, where nothing was."""
    executions: tuple[Execution, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    experiments: tuple[Experiment, ...] = ()
    """The experiments as they were finally run, repairs included."""

    def measurement(self, measurement_id: str) -> Measurement | None:
        """Return the measurement with this id."""
        return next((m for m in self.measurements if m.id == measurement_id), None)
