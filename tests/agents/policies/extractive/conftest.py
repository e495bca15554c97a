"""A bench that drives the policy as the cycle does: in process, study programs in a subprocess."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import random
import re
import runpy
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import pytest
from pydantic import BaseModel

from peercycle.agents.policies.extractive.latex import titled
from peercycle.agents.policies.extractive.policy import ExtractivePolicy
from peercycle.agents.policies.extractive.settings import ExtractiveSettings
from peercycle.core.base import JSON, artifact_ref, canonical_json
from peercycle.core.bindings import check_manuscript
from peercycle.core.contracts import Work
from peercycle.core.experiments import CollectedFile, Execution, Experiment, ExperimentPlan
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.reviews import Assessment, Review, ReviewPoint
from peercycle.core.runs import RunOptions
from peercycle.core.writing import Manuscript, ResearchTask, Revision
from peercycle.graphs.stages.results import accumulate, parse_results

ModelT = TypeVar("ModelT", bound=BaseModel)
CORPORA = Path(__file__).parent / "corpora"
TOPICS = tuple(sorted(path.stem for path in CORPORA.glob("*.txt")))


def corpus(name: str) -> tuple[str, Bibliography]:
    """Read a topic and its bibliography: a line per work, `title|year|authors|abstract`."""
    head, *lines = (CORPORA / f"{name}.txt").read_text(encoding="utf-8").strip().splitlines()
    entries = []
    for index, line in enumerate(lines):
        title, year, authors, abstract = line.split("|")
        surname = authors.split(";")[0].split()[-1].lower()
        entries.append(
            Reference(
                key=f"{''.join(c for c in surname if c.isascii())}{year}{chr(97 + index % 26)}",
                entry_type="article",
                title=title,
                authors=tuple(author.strip() for author in authors.split(";")),
                year=int(year),
                abstract=abstract,
            )
        )
    return head.lstrip("# "), Bibliography(entries=tuple(entries))


class Store:
    """Bodies by content hash, in memory."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    async def put(self, data: bytes, *, media_type: str = "", name: str = "") -> str:
        self.bodies[artifact_ref(data)] = data
        return artifact_ref(data)

    async def get(self, ref: str) -> bytes:
        return self.bodies[ref]

    def path(self, ref: str) -> Path:
        raise NotImplementedError(ref)


class Context:
    """The way to the world of one stage of one candidate."""

    def __init__(self, bench: Bench, stage: str, visit: int) -> None:
        self.bench, self.stage, self.visit = bench, stage, visit
        self.candidate, self.options, self.artifacts = bench.candidate, bench.options, bench.store
        mark = f"{bench.options.seed}:{bench.candidate}:{stage}:{visit}"
        self.rng = random.Random(hashlib.sha256(mark.encode()).digest())

    async def save(self, value: BaseModel) -> str:
        return await self.artifacts.put(canonical_json(value))

    async def load(self, ref: str, kind: type[ModelT]) -> ModelT:
        return kind.model_validate_json(await self.artifacts.get(ref))

    async def log(self, message: str, **data: JSON) -> None:
        self.bench.logged.append(message)


@dataclass
class Bench:
    """Drives one candidate."""

    task: ResearchTask
    candidate: str = "c0"
    options: RunOptions = field(default_factory=RunOptions)
    settings: ExtractiveSettings = field(default_factory=ExtractiveSettings)
    sandbox: bool = True
    beyond: tuple[Reference, ...] = ()
    """What the second search finds beyond the list."""
    break_programs: Callable[[Experiment, int], str | None] = lambda experiment, seed: None
    """Returns a failure for an execution, or None to run it."""
    subprocesses: bool = False
    """Start each program in a process of its own, as a sandbox does; else run it here, which is quicker."""
    store: Store = field(default_factory=Store)
    visits: dict[str, int] = field(default_factory=dict)
    plans: list[ExperimentPlan] = field(default_factory=list)
    revisions: list[Revision] = field(default_factory=list)
    manuscripts: list[Manuscript] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.policy = ExtractivePolicy(self.settings)
        self.work = Work(task=self.task, bibliography=self.task.bibliography, experiments_run=self.sandbox)

    async def call(self, stage: str, *args: Any) -> Any:
        self.visits[stage] = self.visits.get(stage, 0) + 1
        ctx = Context(self, stage, self.visits[stage])
        turn = await getattr(self.policy, stage)(self.work, *args, ctx)
        self._set(memory=turn.memory or self.work.memory)
        return turn.value

    def _set(self, **changes: Any) -> None:
        values = {name: getattr(self.work, name) for name in self.work.__slots__}
        self.work = Work(**(values | changes))

    async def draft(self) -> Manuscript:
        assert await self.call("queries")
        self._set(outline=await self.call("outline"))
        await self.call("queries")
        if self.beyond:
            entries = (*self.work.bibliography.entries, *self.beyond)
            self._set(bibliography=Bibliography(entries=entries))
        found = (*self.task.bibliography.entries[:3], *self.beyond)
        self._set(outline=await self.call("related", found))
        self._set(manuscript=await self.call("write"))
        return await self._measure_and_conclude()

    async def revise(self, points: Sequence[ReviewPoint]) -> Manuscript:
        self._set(assessment=Assessment(reviews=(Review(points=tuple(points)),)), round=self.work.round + 1)
        revision = await self.call("revise")
        self.revisions.append(revision)
        self._set(revision=revision, manuscript=revision.manuscript)
        manuscript = await self._measure_and_conclude()
        self._set(revision=None)
        return manuscript

    async def _measure_and_conclude(self) -> Manuscript:
        plan = await self.call("plan")
        self.plans.append(plan)
        self._set(plan=plan)
        if plan.experiments:
            await self._experiment(plan)
        manuscript = await self.call("conclude")
        self._set(manuscript=manuscript)
        self.manuscripts.append(manuscript)
        return cast("Manuscript", manuscript)

    async def _experiment(self, plan: ExperimentPlan) -> None:
        executions: list[Execution] = []
        measured: list[Any] = []
        final: list[Experiment] = []
        for planned in plan.experiments:
            experiment = planned
            for attempt in (1, 2, 3):
                runs = await asyncio.gather(*[self._execute(experiment, seed, attempt) for seed in experiment.seeds])
                failed = next((run for run, _ in runs if run.status != "ok"), None)
                if failed is None or attempt == 3:
                    break
                mended = await self.call("repair", experiment, failed.error or failed.status)
                if mended is None:
                    break
                experiment = mended
            executions += [run for run, _ in runs]
            measured += [m for _, found in runs for m in found]
            final.append(experiment)
        self._set(results=accumulate(self.work.results, executions, measured, final))

    async def _execute(self, experiment: Experiment, seed: int, attempt: int) -> tuple[Execution, list[Any]]:
        failure = self.break_programs(experiment, seed)
        identity = hashlib.sha256(f"{experiment.id}:{seed}:{attempt}".encode()).hexdigest()[:12]
        script = await self.store.put(experiment.script.encode())
        common = {"id": identity, "experiment": experiment.id, "seed": seed, "script": script, "attempt": attempt}
        if failure is not None:
            return Execution(**common, status="nonzero", exit_code=1, error=failure), []
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            (place / "main.py").write_text(experiment.script, encoding="utf-8")
            (place / "request.json").write_bytes(canonical_json({"seed": seed, "parameters": experiment.parameters}))
            for name, ref in experiment.inputs.items():
                (place / name).write_bytes(await self.store.get(ref))
            (place / "data").mkdir()
            for item in experiment.data:
                (place / "data" / item.name).write_bytes(Path(item.source).read_bytes())
            done = await asyncio.to_thread(_start, place) if self.subprocesses else _run_here(place)
            if done.returncode != 0:
                return Execution(**common, status="nonzero", exit_code=done.returncode, error=done.stderr[-4000:]), []
            body = (place / "results.json").read_bytes()
            ref = await self.store.put(body)
            files = [
                CollectedFile(
                    path=path.name, artifact=await self.store.put(path.read_bytes()), size=path.stat().st_size
                )
                for pattern in experiment.outputs
                for path in sorted(place.glob(pattern))
            ]
        execution = Execution(**common, status="ok", exit_code=0, results=ref, files=tuple(files))
        return execution, parse_results(body, experiment, seed, identity, ref)


def _start(place: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "main.py"], cwd=place, capture_output=True, text=True, env=_ENVIRONMENT, check=False
    )


def _run_here(place: Path) -> subprocess.CompletedProcess[str]:
    with contextlib.chdir(place):
        try:
            runpy.run_path("main.py", run_name="__main__")
        except (Exception, SystemExit):
            return subprocess.CompletedProcess(["main.py"], 1, "", traceback.format_exc())
    return subprocess.CompletedProcess(["main.py"], 0, "", "")


_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", ""),
    "HOME": os.environ.get("HOME", "/tmp"),
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


QUICK = ExtractiveSettings(draft_seeds=2, revision_seeds=1, permutations=199, figures=False)
"""Few seeds and no figures, so that a test takes a second."""


def faults_of(bench: Bench, manuscript: Manuscript) -> list[str]:
    """Return what a strict copy editor would mark: bindings, citations, references, quotations, grammar slips."""
    text = manuscript.latex
    report = check_manuscript(manuscript, bench.work.results, bench.work.bibliography)
    found = [
        *report.faults,
        *(f"{n.status} number {n.shown} in {n.where}" for n in report.numbers if n.status != "bound"),
    ]
    labels = re.findall(r"\\label\{([^}]*)\}", text)
    found += [f"no label {r}" for r in re.findall(r"\\ref\{([^}]*)\}", text) if r not in labels]
    found += [
        f"{label} is not referred to" for label in labels if f"\\ref{{{label}}}" not in text and "study" not in label
    ]
    included = set(re.findall(r"\\includegraphics[^{]*\{figures/([^}]*)\}", text))
    if included != {figure.file for figure in manuscript.figures}:
        found.append(f"figures {included} are included, {[f.file for f in manuscript.figures]} are given")
    if text.count("{") - text.count("\\{") != text.count("}") - text.count("\\}"):
        found.append("braces do not balance")
    found += [
        f"slip {slip.group()!r}" for slip in SLIPS.finditer(re.sub(r"\\measured\{[^}]*\}\{([^}]*)\}", r"\1", text))
    ]
    return found + _misquotations(bench, text)


SLIPS = re.compile(
    r"\bNone\b(?! of)|\bnan\b|\(\)|``''|~\\citep\{\}|[ \n][.,;]| \.| {2}|\.\.(?!\.)|\bone [a-z]+s (?:are|have)\b|"
    r"\b(\w+) \1\b(?=[ .,])|\ba [aeio][a-z]+\b|\.\.|,\.|\. [a-z]|\bno works? \w+ no\b",
)


def _misquotations(bench: Bench, text: str) -> list[str]:
    found = []
    for quoted, key in re.findall(r"``([^`']*(?:'(?!')[^`']*)*)''~\\citep\{([^},]*)\}", text):
        plain = quoted.removesuffix(" [\\dots]").replace("\\%", "%").replace("\\&", "&")
        source = bench.work.bibliography.get(key)
        if source is not None and quoted == titled(source.title):
            continue
        if source is None or " ".join(plain.split()) not in " ".join(f"{source.title} {source.abstract}".split()):
            found.append(f"misquoted {key}: {quoted}")
        if len(plain.split()) > bench.settings.quote_words:
            found.append(f"quotation of {len(plain.split())} words from {key}")
    return found


@pytest.fixture(scope="session")
def benches() -> SimpleNamespace:
    """What the tests of this folder build with."""
    return SimpleNamespace(
        Bench=Bench, corpus=corpus, topics=TOPICS, quick=QUICK, faults_of=faults_of, run=asyncio.run
    )
