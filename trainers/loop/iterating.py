"""The loop itself: which step follows which, and what each is given. Steps that are done are not done again."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from peercycle import __version__
from peercycle.core.base import JSON
from peercycle.store.lease import take_lease
from peercycle.store.policies import file_sha256, find_policy, name_policy
from peercycle.trainers.loop.evaluating import Evaluation
from peercycle.trainers.loop.manifest import Done, Told, perform
from peercycle.trainers.loop.processes import Command
from peercycle.trainers.loop.promoting import Ending, Verdict, decide, first_verdict
from peercycle.trainers.loop.record import (
    LoopRecord,
    LoopTerminal,
    Place,
    content_of,
    read_record,
    require_same,
    write_record,
)
from peercycle.trainers.loop.settings import LoopSettings
from peercycle.trainers.loop.starting import inputs_of
from peercycle.trainers.loop.steps import PolicyRef, Steps

ENDINGS: Mapping[Ending, str] = {
    "iteration_limit": "every iteration was done",
    "no_gain": "iterations in a row promoted nothing",
    "repetition": "the policy repeats itself",
    "judge_disagrees": "the steering reward rises while the judge's falls",
    "no_pairs": "the rollouts of an iteration gave no pair",
}


@dataclass(slots=True)
class Loop:
    """One loop, or one arm of it."""

    settings: LoopSettings
    place: Place
    command: Command
    """How a worker is called."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of the plugins."""
    disabled: tuple[str, ...] = ()
    told: Told = field(default_factory=Told)

    def run(self) -> LoopRecord:
        """Drive the loop to its ending, behind whatever is done already. Raises `LoopError`, `FingerprintError`."""
        self.place.folder.mkdir(parents=True, exist_ok=True)
        lease = take_lease(self.place.folder)
        try:
            record = self._begin()
            if record.terminal is not None and not self._goes_on(record.terminal):
                return record
            record = record.model_copy(update={"terminal": None})
            terminal = self._iterate()
            record = record.model_copy(update={"terminal": terminal})
            write_record(self.place.folder, record)
            return record
        finally:
            lease.release()

    def _begin(self) -> LoopRecord:
        inputs = inputs_of(self.settings, self.place.policies, self.versions)
        record = read_record(self.place.folder)
        if record is not None:
            require_same(record, content_of(self.settings), inputs)
            return record
        record = LoopRecord(
            name=self.settings.name,
            arm=self.settings.arm,
            created_at=time.time(),
            peercycle_version=__version__,
            settings=content_of(self.settings),
            inputs=inputs,
        )
        write_record(self.place.folder, record)
        return record

    def _goes_on(self, terminal: LoopTerminal) -> bool:
        return terminal.reason == "iteration_limit" and self.settings.iterations > terminal.iterations

    def _iterate(self) -> LoopTerminal:
        steps = Steps(self.settings, self.place, self.command, self.disabled, self.told)
        first = steps.first()
        evaluations = [steps.evaluation(first, 0)]
        verdicts = [self._promote(steps, first, evaluations, [])]
        policies = {first.name: first}
        ending: Ending = "iteration_limit"
        iteration = 0
        while iteration < self.settings.iterations:
            start = self._start(policies, evaluations, verdicts)
            trained = steps.trained(start, iteration + 1)
            if trained is None:
                ending = "no_pairs"
                break
            iteration += 1
            policies[trained.name] = trained
            evaluations.append(steps.evaluation(trained, iteration))
            verdicts.append(self._promote(steps, trained, evaluations, verdicts))
            if (said := verdicts[-1].ending) is not None:
                ending = said
                break
        message = f"{ENDINGS[ending]}; best: {verdicts[-1].best}"
        return LoopTerminal(
            reason=ending, message=message, at=time.time(), iterations=iteration, best=verdicts[-1].best
        )

    def _start(
        self, policies: Mapping[str, PolicyRef], evaluations: Sequence[Evaluation], verdicts: Sequence[Verdict]
    ) -> PolicyRef:
        names = {
            "latest": evaluations[-1].policy,
            "best": verdicts[-1].best,
            "first": evaluations[0].policy,
        }
        return policies[names[self.settings.train.start]]

    def _promote(
        self, steps: Steps, policy: PolicyRef, evaluations: Sequence[Evaluation], verdicts: Sequence[Verdict]
    ) -> Verdict:
        iteration = len(verdicts)
        folder = self.place.step(iteration, "promote")

        def work(out: Path) -> Done:
            verdict = (
                decide(evaluations, verdicts, self.settings.promote) if verdicts else first_verdict(evaluations[0])
            )
            if verdict.promoted and policy.kept:
                name_policy(self.place.policies, steps.best_name, find_policy(self.place.policies, policy.name))
            (out / "verdict.json").write_text(verdict.model_dump_json(indent=1) + "\n", encoding="utf-8")
            return Done(("verdict.json",), figures=cast("dict[str, JSON]", verdict.model_dump(mode="json")))

        inputs = {each.policy: file_sha256(steps.evaluation_file(n)) for n, each in enumerate(evaluations)}
        settings: dict[str, JSON] = self.settings.promote.model_dump(mode="json")
        perform(folder, "promote", iteration, inputs, settings, work, self.told)
        return Verdict.model_validate(json.loads((folder / "verdict.json").read_bytes()))
