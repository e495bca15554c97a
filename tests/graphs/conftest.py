"""A small cycle of our own parts: a scripted policy, a scripted judge, real store, real LangGraph."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peercycle import hookimpl
from peercycle.core.base import Word
from peercycle.core.contracts import Edition, StageContext
from peercycle.core.journal import RunReader
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.reviews import Assessment, Review, ReviewPoint, Reward, Submission
from peercycle.core.runs import MACHINE_MADE, RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.plugins.manager import Plugins


class JudgeSettings(Word):
    ratings: dict[str, float] = {}
    default: float = 5.0
    gain: float = 0.5
    accept_at: float = 99.0
    points: tuple[str, ...] = ("Say more.", "evidence: Use more seeds.")


class Judge:
    """Rates by settings, half a point more each round."""

    def __init__(self, settings: JudgeSettings) -> None:
        self.settings = settings

    async def review(self, submission: Submission, ctx: StageContext) -> Assessment:
        async def think() -> str:
            return ctx.candidate

        await ctx.effect("judge", {"title": submission.manuscript.title if submission.manuscript else ""}, think)
        rating = self.settings.ratings.get(ctx.candidate, self.settings.default) + self.settings.gain * (
            ctx.visit - 1
        )
        points = tuple(
            ReviewPoint(id=f"p{n}", text=text, asks="evidence" if text.startswith("evidence") else "text")
            for n, text in enumerate(self.settings.points)
        )
        decision = "accept" if rating >= self.settings.accept_at else "reject"
        review = Review(reviewer="judge", rating=rating, points=points, decision=decision)
        return Assessment(reviews=(review,), decision=decision, machine_made="test")


class MeanRating:
    async def score(self, submission: Submission, assessment: Assessment, ctx: StageContext) -> Reward:
        mean = assessment.average("rating")
        return Reward(value=mean.value, n=mean.n)


class Shelf:
    """Finds every work of the run's bibliography whose title shares a word with the query."""

    capabilities = frozenset({"search"})

    def __init__(self) -> None:
        self.works: tuple[Reference, ...] = ()

    async def add(self, bibliography: Bibliography) -> None:
        self.works = bibliography.entries

    async def search(self, query: str, *, limit: int = 20, filters: Any = None) -> tuple[Reference, ...]:
        words = set(query.lower().split())
        return tuple(work for work in self.works if words & set(work.title.lower().split()))[:limit]


class PaperExporter:
    scope = "paper"

    async def export(self, edition: Edition | None, run: RunReader, ctx: StageContext) -> dict[str, bytes]:
        assert edition is not None
        return {"paper/paper.tex": f"% {edition.disclosure}\n{edition.manuscript.latex}".encode()}


class LineReport:
    scope = "report"

    async def export(self, edition: Edition | None, run: RunReader, ctx: StageContext) -> dict[str, bytes]:
        record = await run.record()
        ended = record.terminal
        told = {"machine_made": MACHINE_MADE, **(ended.model_dump() if ended else {})}
        return {"report.json": json.dumps(told).encode()}


class Kit:
    """The plugin that registers all of these."""

    @hookimpl
    def register_policies(self, register: Any) -> None:
        from peercycle.agents.policies.scripted import ScriptedPolicy, ScriptedSettings

        register("kit-policy", ScriptedPolicy, ScriptedSettings)

    @hookimpl
    def register_reviewers(self, register: Any) -> None:
        register("kit-judge", Judge, JudgeSettings)
        register("kit-other-judge", Judge, JudgeSettings)

    @hookimpl
    def register_rewards(self, register: Any) -> None:
        register("kit-mean", lambda settings: MeanRating())

    @hookimpl
    def register_literature(self, register: Any) -> None:
        register("kit-shelf", lambda settings: Shelf())

    @hookimpl
    def register_exporters(self, register: Any) -> None:
        register("kit-paper", lambda settings: PaperExporter())
        register("kit-report", lambda settings: LineReport())


def kit_task() -> ResearchTask:
    works = tuple(
        Reference(
            key=f"work{n}",
            title=f"Sorting study number {n}",
            authors=("Ada Byron",),
            year=1990 + n,
            abstract="We sort.",
        )
        for n in range(4)
    )
    return ResearchTask(topic="sorting networks", bibliography=Bibliography(entries=works))


def kit_options(runs_dir: Path, **changes: Any) -> RunOptions:
    given: dict[str, Any] = {
        "run_id": "r1",
        "runs_dir": str(runs_dir),
        "policy": "kit-policy",
        "reviewer": "kit-judge",
        "reward": "kit-mean",
        "literature": ("kit-shelf",),
        "exporters": ("kit-paper", "kit-report"),
        "experiments": "off",
        "sandbox": "none",
        "candidates": 2,
        "rounds": 1,
    }
    return RunOptions.model_validate({**given, **changes})


@pytest.fixture
def task() -> ResearchTask:
    return kit_task()


@pytest.fixture
def options(tmp_path: Path) -> Callable[..., RunOptions]:
    return lambda **changes: kit_options(tmp_path / "runs", **changes)


@pytest.fixture
def kit() -> Callable[..., Plugins]:
    """Load the kit, and whatever else a test brings."""
    return lambda *extra, **how: Plugins.load(Kit(), *extra, builtin=False, entry_points=False, environ={}, **how)
