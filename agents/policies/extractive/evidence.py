"""What a round runs: further seeds, and studies with a part of the method left out."""

from __future__ import annotations

from collections.abc import Sequence

from peercycle.agents.policies.extractive.answering import Kind
from peercycle.agents.policies.extractive.draft_plan import NO_EXPERIMENTS
from peercycle.agents.policies.extractive.findings import Findings
from peercycle.agents.policies.extractive.notes import Notes
from peercycle.agents.policies.extractive.planning import (
    ABLATIONS,
    base_of,
    bibliography_experiment,
    first_seed,
)
from peercycle.agents.policies.extractive.prose import counted, listed
from peercycle.agents.policies.extractive.settings import ExtractiveSettings
from peercycle.core.contracts import Work
from peercycle.core.experiments import Experiment, ExperimentPlan
from peercycle.core.reviews import ReviewPoint
from peercycle.core.writing import PointResponse

ABLATIONS_PER_ROUND = 2


class Round:
    """The executions of one revision, and the points that they are evidence for."""

    def __init__(self, work: Work, notes: Notes, settings: ExtractiveSettings, run_seed: int) -> None:
        self._notes, self._settings = notes, settings
        self._start = first_seed(run_seed)
        self._findings = Findings(work.results)
        self._runs = work.experiments_run
        self._answers: dict[str, list[str]] = {}
        ran = [name for name in notes.planned if self._findings.has(name)]
        self._extended = tuple(name for name in ran if self._new_seeds(name)) if self._runs else ()
        fresh = [
            name for name in ABLATIONS if name not in notes.planned and base_of(name) in ran and self._tested(name)
        ]
        self._ablations = tuple(fresh[:ABLATIONS_PER_ROUND]) if self._runs else ()

    def _tested(self, name: str) -> bool:
        """Return whether the base study tested anything that an ablation could change."""
        metric = {"trends": "shifted_terms", "gaps": "pairs_below_chance"}.get(base_of(name))
        return metric is None or bool(self._findings.per_seed(base_of(name), metric))

    def _new_seeds(self, name: str) -> tuple[int, ...]:
        used = self._notes.seeds.get(name, ())
        first = max(used, default=self._start - 1) + 1
        return tuple(range(first, first + min(self._settings.revision_seeds, self._settings.most_seeds - len(used))))

    @property
    def planned(self) -> tuple[str, ...]:
        """Every study planned so far, this round's included."""
        return tuple(dict.fromkeys((*self._notes.planned, *self._ablations)))

    @property
    def seeds(self) -> dict[str, tuple[int, ...]]:
        """The seeds planned so far, this round's included."""
        found = dict(self._notes.seeds)
        for experiment in self.plan().experiments:
            found[experiment.id] = tuple(dict.fromkeys((*found.get(experiment.id, ()), *experiment.seeds)))
        return found

    def _unable(self) -> str | None:
        if not self._runs:
            return f"Nothing can be measured: {NO_EXPERIMENTS}."
        if self._notes.declined is not None and not self._extended:
            return f"Nothing can be measured: {self._notes.declined}."
        return None

    def more_seeds(self, point: ReviewPoint, named: Sequence[str]) -> PointResponse:
        """Answer a point that asks for repetitions or intervals by running further seeds."""
        wanted = [name for name in self._extended if not named or base_of(name) in named] or list(self._extended)
        if not wanted:
            reason = self._unable() or (
                f"Every study already ran with {counted(self._settings.most_seeds, 'seed')}, which is its limit."
            )
            return PointResponse(point=point.id, action="decline", answer=reason)
        self._attach(wanted, point)
        most = max(len(self._new_seeds(name)) for name in wanted)
        return PointResponse(
            point=point.id,
            action="experiment",
            answer=f"Up to {counted(most, 'further seed')} of {listed(wanted)}; means and intervals follow from all "
            "seeds together.",
        )

    def ablation(self, point: ReviewPoint, named: Sequence[str]) -> PointResponse:
        """Answer a point that asks for a comparison by leaving a part of the method out."""
        wanted = [name for name in self._ablations if not named or base_of(name) in named] or list(self._ablations)
        if not wanted:
            reason = self._unable() or "Every ablation that these studies allow has been run and is reported."
            return PointResponse(point=point.id, action="decline", answer=reason)
        self._attach(wanted, point)
        return PointResponse(
            point=point.id,
            action="experiment",
            answer=f"{listed(wanted)}: the same study with a part of the method left out, reported beside it.",
        )

    def other_evidence(self, point: ReviewPoint, kind: Kind) -> PointResponse:
        """Decline evidence that no study of the list can give, with the reason."""
        reasons: dict[Kind, str] = {
            "data": "The list is given with the task; other data cannot be had here, and none is invented.",
            "novelty": "A systematic map claims no novelty, so there is no evidence of it to give.",
        }
        reason = self._unable() or reasons.get(
            kind,
            "None of the studies that can be run on the list would be evidence for this, so none is passed off as "
            "such.",
        )
        return PointResponse(point=point.id, action="decline", answer=reason)

    def _attach(self, names: Sequence[str], point: ReviewPoint) -> None:
        for name in names:
            self._answers.setdefault(name, []).append(point.id)

    def plan(self) -> ExperimentPlan:
        """Return the round's allowance as a plan, with the points that each execution answers."""
        experiments = [self._with_answers(self._again(name)) for name in self._extended]
        seeds = tuple(range(self._start, self._start + self._settings.draft_seeds))
        experiments += [
            self._with_answers(bibliography_experiment(name, self._notes, seeds, self._start, self._settings))
            for name in self._ablations
        ]
        if not experiments:
            return ExperimentPlan(declined=self._unable() or "every study and every ablation has run to its limit")
        return ExperimentPlan(
            experiments=tuple(experiments),
            rationale="Further seeds of every study, and ablations that were not run before.",
        )

    def _again(self, name: str) -> Experiment:
        """Return a study as it was run last, repairs included, with seeds that it has not had."""
        known = self._findings.experiment(name)
        if known is None:
            known = bibliography_experiment(name, self._notes, (self._start,), self._start, self._settings)
        return known.model_copy(update={"seeds": self._new_seeds(name)})

    def _with_answers(self, experiment: Experiment) -> Experiment:
        return experiment.model_copy(update={"answers": tuple(self._answers.get(experiment.id, ()))})
