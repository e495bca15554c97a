"""Every protocol between the rooms.

A component holds nothing between calls: what it must remember it returns, what it needs of the world it
asks of its `StageContext`. A factory does no I/O; what it returns may be an async context manager, which the
driver enters once per process and leaves on every ending.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Literal, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel

from peercycle.core.base import JSON
from peercycle.core.experiments import Experiment, ExperimentPlan, ExperimentResults
from peercycle.core.extending import (
    Channel as Channel,
)
from peercycle.core.extending import (
    Closing as Closing,
)
from peercycle.core.extending import (
    GraphBuilder as GraphBuilder,
)
from peercycle.core.extending import (
    NoSettings as NoSettings,
)
from peercycle.core.extending import (
    Register as Register,
)
from peercycle.core.extending import (
    Stage as Stage,
)
from peercycle.core.extending import (
    WrapStage as WrapStage,
)
from peercycle.core.journal import ArtifactStore as ArtifactStore
from peercycle.core.journal import RunReader
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.literature_source import LiteratureSource as LiteratureSource
from peercycle.core.modelling import ModelRequest, ModelResult, Spent, Usage
from peercycle.core.reviews import Assessment, Reward, Submission
from peercycle.core.runs import RunOptions
from peercycle.core.sandboxing import EnvironmentRef, EnvironmentSpec, ExecRequest, ExecResult, ProbeResult
from peercycle.core.training import PolicyCheckpoint, PreferencePair
from peercycle.core.writing import Manuscript, Outline, PointOutcome, ResearchTask, Revision

T = TypeVar("T")
ModelT = TypeVar("ModelT", bound=BaseModel)


# ------------------------------------------------------------------------------------ the way to the world


class StageContext(Protocol):
    """The only ways out of a component, each journalled and paid for.

    A journalled call that was answered before a crash is answered from the journal after it.
    """

    @property
    def stage(self) -> str:
        """Name of the stage in hand."""
        ...

    @property
    def candidate(self) -> str:
        """Id of the candidate; empty in a stage that belongs to the run."""
        ...

    @property
    def visit(self) -> int:
        """How many times this stage was entered on this candidate's path, this one included."""
        ...

    @property
    def options(self) -> RunOptions: ...

    @property
    def rng(self) -> random.Random:
        """Seeded by run seed, candidate, stage and visit; the same after a resume."""
        ...

    @property
    def artifacts(self) -> ArtifactStore: ...

    def model(self, role: str = "default") -> LanguageModel:
        """Return the model that serves a role; its calls are effects.

        Raises `UsageError` where no model is configured for the role and there is no default.
        """
        ...

    async def accept(self, result: ModelResult, choice: int | None = 0) -> None:
        """Log which of an answer's completions was used; None for none, as where it is asked again."""
        ...

    async def search(self, query: str, *, limit: int = 20) -> tuple[Reference, ...]:
        """Ask every configured literature source; the task's own bibliography is among them.

        Raises `OutageError` where a source is down (never an empty answer instead).
        """
        ...

    async def get(self, ids: Sequence[str]) -> tuple[Reference | None, ...]:
        """Return one answer per id (`doi:…`, `arxiv:…`, `s2:…`), joined of what the sources know of it.

        None where no source knows the work. Raises `OutageError` where a source is down.
        """
        ...

    async def expand(
        self, work_id: str, direction: Literal["references", "citations"], *, limit: int = 100
    ) -> tuple[Reference, ...]:
        """Return what a work cites, or what cites it; empty where no source has a citation graph.

        Raises `WorkNotFoundError` where none of the sources that have one knows the work, `OutageError` where one
        is down.
        """
        ...

    async def recommend(self, like: Sequence[str], *, limit: int = 20) -> tuple[Reference, ...]:
        """Return works like those with these ids; empty where no source recommends any. Raises as `expand` does."""
        ...

    async def run_sandbox(self, request: ExecRequest) -> ExecResult:
        """Run a program in the run's sandbox.

        Raises `SandboxError` where the sandbox itself fails, `RefusedRequestError` for what no sandbox would run.
        """
        ...

    async def effect(
        self, kind: str, request: JSON, fn: Callable[[], Awaitable[JSON | Spent]], *, reserve: Usage | None = None
    ) -> JSON:
        """Do something else to the world, effectively once.

        `fn` runs only where the journal has no answer to `request` at this place. What it returns is journalled.
        `reserve`: the most it may use of the budget, refused where too little is left; `Spent` says what it did use.
        """
        ...

    async def ask(self, question: str, schema: type[ModelT]) -> ModelT:
        """Ask a person; the run waits until `peercycle answer`."""
        ...

    async def now(self) -> float:
        """UTC time, seconds since the epoch, journalled: the same after a resume and in a replay."""
        ...

    async def save(self, value: BaseModel) -> str:
        """Store a word as canonical JSON and return its artefact reference."""
        ...

    async def load(self, ref: str, kind: type[ModelT]) -> ModelT:
        """Read a word back, validated. Raises `DamagedRunError` where its bytes are not what was stored."""
        ...

    async def log(self, message: str, **data: JSON) -> None:
        """Add an event to the run's log; one with `warning=True` stands at the top of the report."""
        ...


# ---------------------------------------------------------------------------------------- who thinks


@dataclass(frozen=True, slots=True)
class Work:
    """One candidate's paper as it stands: what a policy is given."""

    task: ResearchTask
    bibliography: Bibliography
    """What may be cited: the task's works and those found since."""
    outline: Outline | None = None
    manuscript: Manuscript | None = None
    plan: ExperimentPlan | None = None
    results: ExperimentResults | None = None
    """All executions so far."""
    assessment: Assessment | None = None
    """The latest, of `manuscript`."""
    outcomes: tuple[PointOutcome, ...] = ()
    """How the points of earlier rounds ended."""
    revision: Revision | None = None
    """The revision in hand, from `revise` until `conclude`."""
    round: int = 0
    memory: str | None = None
    """Artefact reference that the policy returned last."""
    experiments_run: bool = True
    """False where the run has no sandbox: nothing will be measured."""


@dataclass(frozen=True, slots=True)
class Turn(Generic[T]):
    """What a policy returns: the thing asked for, and what it wants to be handed at its next call."""

    value: T
    memory: str | None = None


class LanguageModel(Protocol):
    """A language model behind any engine. With `coalesces = True`, concurrent requests of all runs come in one call."""

    async def generate(self, requests: Sequence[ModelRequest]) -> Sequence[ModelResult]:
        """Answer every request, in order. Raises `ModelError` (for good), `OutageError` (for now), or
        `ModelUnavailableError` (nothing is answered until a key, a name or weights are set right)."""
        ...

    def worst_case(self, request: ModelRequest) -> Usage:
        """Return the most that answering may use; the budget reserves it. `cost` is None without a price."""
        ...


class Policy(Protocol):
    """The researcher: decides and writes. Every method may use `ctx`, and nothing else outside it."""

    async def queries(self, work: Work, ctx: StageContext) -> Turn[tuple[str, ...]]:
        """Return what to search the literature for: the topic at first, the outline's idea once there is one."""
        ...

    async def outline(self, work: Work, ctx: StageContext) -> Turn[Outline]: ...

    async def related(self, work: Work, found: Sequence[Reference], ctx: StageContext) -> Turn[Outline]:
        """Return the outline again, placed against the prior work that the second search found."""
        ...

    async def write(self, work: Work, ctx: StageContext) -> Turn[Manuscript]: ...

    async def plan(self, work: Work, ctx: StageContext) -> Turn[ExperimentPlan]:
        """Return what to run now: for the first draft, or for the points that `work.revision` answers by it."""
        ...

    async def repair(
        self, work: Work, experiment: Experiment, failure: str, ctx: StageContext
    ) -> Turn[Experiment | None]:
        """Return a mended program, or None to give the experiment up. `failure` is the end of its stderr."""
        ...

    async def conclude(self, work: Work, ctx: StageContext) -> Turn[Manuscript]:
        """Return the manuscript with what the results say; also called when nothing was run."""
        ...

    async def revise(self, work: Work, ctx: StageContext) -> Turn[Revision]:
        """Answer the points of `work.assessment` one by one."""
        ...


@runtime_checkable
class SimulatingPolicy(Protocol):
    """A policy that was trained to imagine results; every number of its is stamped simulated."""

    async def simulate(self, work: Work, ctx: StageContext) -> Turn[Mapping[str, JSON]]:
        """Return, by experiment id of `work.plan`, the results file that it imagines."""
        ...


class Reviewer(Protocol):
    """Judges a paper; steers, or reports, or both."""

    async def review(self, submission: Submission, ctx: StageContext) -> Assessment: ...


class RewardFunction(Protocol):
    """Turns what was said of a paper into one number."""

    async def score(self, submission: Submission, assessment: Assessment, ctx: StageContext) -> Reward: ...


class Sandbox(Protocol):
    """Runs programs that nobody has read."""

    name: str

    async def probe(self) -> ProbeResult:
        """Run the canaries, on this machine, now. Never raises for a backend that does not work here."""
        ...

    async def prepare(self, spec: EnvironmentSpec) -> EnvironmentRef:
        """Return an environment, building it first where needed (with network). Raises `SandboxError`."""
        ...

    async def run(
        self,
        request: ExecRequest,
        environment: EnvironmentRef,
        artifacts: ArtifactStore,
        on_output: Callable[[Literal["stdout", "stderr"], bytes], None] | None = None,
    ) -> ExecResult:
        """Run one program and collect its outputs into `artifacts`.

        A program that fails is a result. Raises `SandboxError` where the sandbox fails. Cancellation, and the
        death of the calling process, leave no process behind.
        """
        ...

    async def reap(self) -> tuple[str, ...]:
        """Remove what dead drivers left, and say what was removed, a line each."""
        ...


class Trainer(Protocol):
    """Makes a better policy of preference pairs; runs in a process of its own."""

    def train(
        self,
        pairs: Iterable[PreferencePair],
        base: str,
        out: Path,
        settings: BaseModel,
        on_metric: Callable[[str, float, int], None],
    ) -> PolicyCheckpoint:
        """Train `base` on `pairs`, write the weights below `out`; `on_metric(name, value, step)` reports."""
        ...


# ------------------------------------------------------------------------------------------ exporters


@dataclass(frozen=True, slots=True)
class Edition:
    """A paper that is ready to be published as files. No times, hosts or run ids: these files are content."""

    topic: str
    manuscript: Manuscript
    bibliography: Bibliography
    results: ExperimentResults | None
    assessment: Assessment | None
    disclosure: str
    """One sentence that every output must show: machine-made, by what, which numbers were measured."""
    made_by: Mapping[str, JSON] = field(default_factory=dict)
    """Policy, reviewer, judge, models, plugins with versions: what `disclosure.json` says."""


class Exporter(Protocol):
    """Writes a paper, or the report of a run."""

    scope: Literal["paper", "report"]

    async def export(self, edition: Edition | None, run: RunReader, ctx: StageContext) -> Mapping[str, bytes]:
        """Return files by path relative to the run directory (`paper/…`, or `report.…`).

        A paper exporter gets an edition (and is not called without one) and must not read `run`. Every text file of
        it holds `edition.disclosure`; an exporter that drops it fails the run. A report exporter gets no edition, and
        each of its text files holds `runs.MACHINE_MADE`. One that cannot work here returns nothing; `ctx.log` says why.
        """
        ...
