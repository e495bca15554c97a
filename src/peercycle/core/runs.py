"""A run: its options, its budget, its state of life, and what identifies its content."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, JsonValue, field_validator

from peercycle.core.base import JSON, Record, Word
from peercycle.core.sandboxing import ALL_GUARANTEES, Guarantee

RunStatus = Literal["running", "waiting", "finished", "stopped", "failed", "crashed"]
"""`crashed` is never written: it is what a free lease without a terminal record is called."""

EndReason = Literal["accepted", "round_limit", "no_gain", "budget", "drained", "outage", "error"]

STATUS_OF_REASON: dict[EndReason, RunStatus] = {
    "accepted": "finished",
    "round_limit": "finished",
    "no_gain": "finished",
    "budget": "stopped",
    "drained": "stopped",
    "outage": "stopped",
    "error": "failed",
}

ENDED_FOR_GOOD: frozenset[EndReason] = frozenset({"accepted", "round_limit", "no_gain"})
"""Reasons after which a run goes on only where a limit was changed."""

EXIT_CODES: dict[RunStatus, int] = {
    "finished": 0,
    "stopped": 3,
    "waiting": 3,
    "running": 0,
    "failed": 1,
    "crashed": 1,
}


SKIPPABLE = frozenset({"literature", "outline", "related", "plan", "experiment", "conclude", "check"})
"""Stages that a run can do without: somebody must write, and something must be compared."""


LARGEST = 2**53 - 1
"""Of an integer option: exact in any JSON reader, and a thousandfold, as candidates' seeds are, within 64 bits."""


class Budget(Word):
    """Limits of a run; None is no limit."""

    tokens: int | None = Field(default=None, ge=1, le=LARGEST)
    cost: float | None = Field(default=None, gt=0)
    """Money, in the price table's currency."""
    hours: float | None = Field(default=None, gt=0)
    """Of wall clock while a driver works on the run, all resumes together."""
    until: float | None = None
    """UTC time, seconds since the epoch, at which the run drains."""
    model_calls: int | None = Field(default=None, ge=1, le=LARGEST)
    sandbox_seconds: float | None = Field(default=None, gt=0)
    requests: int | None = Field(default=None, ge=1, le=LARGEST)
    """Requests to online sources, new tries included; what the cache answers is none."""
    kept_for_finish: float = Field(default=0.05, ge=0, lt=1)
    """Share of each limit that only the finish may use."""


class ModelChoice(Word):
    """A model for a role, and its settings."""

    name: str
    """`BACKEND` or `BACKEND/MODEL`, such as `openai/gpt-x`, `vllm/weights/mine` or `scripted`."""
    settings: dict[str, JSON] = {}
    prompt_price: float | None = None
    """Money per million prompt tokens."""
    completion_price: float | None = None


class RunOptions(Word):
    """How a run is done. JSON-able, every field with a default: also the graph's context schema."""

    run_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    runs_dir: str = "runs"
    seed: int = Field(default=0, ge=-LARGEST, le=LARGEST)
    candidates: int = Field(default=1, ge=1, le=256)
    rounds: int = Field(default=2, ge=0, le=1000)
    patience: int = Field(default=1, ge=1, le=LARGEST)
    """Rounds without gain after which the run ends with `no_gain`."""
    policy: str = "auto"
    reviewer: str = "rubric"
    """The reviewer that steers."""
    judge: str | None = None
    """The reviewer that reports, and steers nothing; None means the steering one, and the report says so."""
    judged: Literal["best", "every"] = "best"
    """What the judge judges: the best version at the end, or every candidate's, as an evaluation of a policy wants."""
    curve: bool = False
    """Report what the best of 1, 2, … drafts would have been worth; the judge, where there is one, judges each draft."""
    reward: str = "mean-rating"
    literature: tuple[str, ...] = ("auto",)
    """Sources by name. `auto` is `local`, and `semantic-scholar` beside it for a task without any work to start from
    where no corpus is configured: with a bibliography, nothing goes to the network unless it is named here."""
    exporters: tuple[str, ...] = ("latex", "html", "pdf", "report")
    experiments: Literal["auto", "run", "simulate", "off"] = "auto"
    sandbox: str = "auto"
    guarantees: tuple[Guarantee, ...] = tuple(sorted(ALL_GUARANTEES))
    """What the sandbox must hold on this machine, or nothing runs in it; all, unless the run names fewer."""
    repairs: int = Field(default=2, ge=0, le=10)
    """How often a failed program goes back to the policy."""
    skip: tuple[str, ...] = ()
    """Stages that are left out; the others find what a skipped one would have made absent. See `SKIPPABLE`."""
    models: dict[str, ModelChoice] = {}
    """Models by role; `default` serves every role that is not named."""
    budget: Budget = Budget()
    on_outage: str = Field(default="stop", pattern=r"^(stop|continue|wait:\d+(\.\d+)?[smh])$")
    """What an outage means: stop, wait so long and then stop, or (for literature sources) go on without the answer."""
    settings: dict[str, dict[str, dict[str, JsonValue]]] = {}
    """Component settings: kind (`policies`, `rewards`, …), name, setting."""
    policies_dir: str = "policies"
    """Where trained policies are kept: a name that no plugin offers is looked up here."""
    checkpoint: str | None = None
    """`NAME@sha256 of its weights`, where the policy is a trained one; set when the run begins."""
    plugins: tuple[str, ...] = ()
    """Single-file plugins to load, by path."""
    disabled_plugins: tuple[str, ...] = ()

    @field_validator("models", mode="before")
    @classmethod
    def _models_by_name(cls, models: object) -> object:
        """Take `"openai/x"` for the model of every role, and `{"judge": "openai/y"}` for a choice without settings."""
        if isinstance(models, str):
            models = {"default": models}
        if not isinstance(models, dict):
            return models
        return {role: {"name": choice} if isinstance(choice, str) else choice for role, choice in models.items()}

    @field_validator("literature", "exporters", "skip")
    @classmethod
    def _names_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(names))


class Terminal(Word):
    """The only proof that a run ended."""

    status: RunStatus
    reason: EndReason | None
    """None while `waiting`."""
    message: str = ""
    at: float
    """UTC time, seconds since the epoch."""
    settled: bool = False
    """What ended it stands in its journal: a resume would come to the same end."""


NO_USE_TO_RESUME = (
    "a resume would come to the same end, as what failed stands in its journal: mend the cause, and begin a new run"
)
"""What is said of a `settled` end, in place of how to go on."""
_USED_UP = re.compile(r"budget of (\w+):(?:.*\(at least ([\d.]+)\))?")


def flag_to_raise(message: str) -> str:
    """Return what `peercycle resume RUN` needs after a budget's end: ` --max-tokens 1200`; nothing for another end.

    The number is the least that the next effect fits into, and `N` where nobody knows it.
    """
    used_up = _USED_UP.match(message)
    return f" --max-{used_up[1].replace('_', '-')} {used_up[2] or 'N'}" if used_up else ""


class Extension(Word):
    """A change to a run's limits, or an accepted change of its fingerprint."""

    at: float
    changes: dict[str, JSON]


MACHINE_MADE = "Everything here was written, run and judged by machines; no person has checked it."
"""What every text file of a report says: a report has no edition whose disclosure it could show."""


class RunRecord(Record):
    """`run.json`: written before the first stage, and replaced as a whole."""

    run_id: str
    created_at: float
    peercycle_version: str
    options: RunOptions
    task: str
    """Artefact reference of the `ResearchTask`."""
    fingerprint: dict[str, JSON]
    """What decides the content, by name: a resume compares it key by key."""
    choices: tuple[str, ...] = ()
    """What `auto` became and why, a line each, in the order they were printed."""
    extensions: tuple[Extension, ...] = ()
    terminal: Terminal | None = None


class SpendingLine(Word):
    """One limit of the budget, and what was used of it."""

    name: Literal["tokens", "cost", "hours", "model_calls", "sandbox_seconds", "requests"]
    limit: float | None
    spent: float | None
    """None where it is unknown (a model without a price)."""
    reserved: float = 0.0
