"""The loop itself: which step follows which. Steps that are done are not done again."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from peercycle import __version__
from peercycle.core.base import JSON
from peercycle.core.errors import RunInUseError
from peercycle.store.disk import disk_errors, replace_file
from peercycle.store.lease import take_lease
from peercycle.store.policies import add_metrics, file_sha256, find_policy, name_policy
from peercycle.trainers.loop.evaluating import EVALUATION, Evaluation, metrics_of
from peercycle.trainers.loop.frame import Frame, PolicyRef
from peercycle.trainers.loop.learning import demonstrated, export, first, pair, train
from peercycle.trainers.loop.manifest import Done, perform, read_manifest
from peercycle.trainers.loop.moving import follow_adapters
from peercycle.trainers.loop.promoting import Ending, Verdict, decide, first_verdict
from peercycle.trainers.loop.record import (
    LoopRecord,
    LoopTerminal,
    base_of,
    content_of,
    read_record,
    require_same,
    write_record,
)
from peercycle.trainers.loop.restoring import lacking, naming_kept
from peercycle.trainers.loop.rolling import evaluation, review, reward, sample
from peercycle.trainers.loop.starting import inputs_of

ENDINGS: Mapping[Ending, str] = {
    "iteration_limit": "every iteration was done",
    "no_gain": "iterations in a row promoted nothing",
    "repetition": "the policy repeats itself",
    "judge_disagrees": "the steering reward rises while the judge's falls",
    "no_pairs": "the rollouts of an iteration gave no pair",
}


def run_loop(frame: Frame, versions: Mapping[str, str]) -> LoopRecord:
    """Drive a loop to its ending, behind whatever is done already. `versions` are those of the plugins.

    Raises `LoopError` for a step that fails, `FingerprintError` where the loop was begun otherwise, `RunInUseError`.
    """
    folder = frame.place.folder
    with disk_errors("make", folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        lease = take_lease(folder)
    except RunInUseError as error:
        driven = str(error).partition(";")[0]
        raise RunInUseError(
            f"a loop's folder {driven}; wait for it, or end it there with Ctrl-C: the same command goes on with it"
        ) from None
    try:
        record = _begin(frame, inputs_of(frame.settings, frame.place.policies, versions))
        ended = record.terminal
        if ended is not None and not lacking(frame):
            # At its limit, and the limit was raised since.
            further = ended.reason == "iteration_limit" and frame.settings.iterations > ended.iterations
            if not further:
                return record
        record = record.model_copy(update={"terminal": None})
        write_record(folder, record)
        record = record.model_copy(update={"terminal": _Iterations(frame).run()})
        write_record(folder, record)
        return record
    finally:
        lease.release()


def _begin(frame: Frame, inputs: Mapping[str, str]) -> LoopRecord:
    settings, content = frame.settings, content_of(frame.settings)
    record = read_record(frame.place.folder)
    if record is not None:
        require_same(record, content, inputs, frame.place)
        if (before := base_of(record)) != settings.start.base:
            follow_adapters(frame.place.root, frame.place.policies, before, settings.start.base)
        return record.model_copy(update={"settings": content, "inputs": dict(inputs)})
    return LoopRecord(
        name=settings.name,
        arm=settings.arm,
        created_at=time.time(),
        peercycle_version=__version__,
        settings=content,
        inputs=dict(inputs),
    )


@dataclass(slots=True)
class _Iterations:
    """How far a loop has come: everything here is read back from the steps' manifests after a kill."""

    frame: Frame
    policies: dict[str, PolicyRef] = field(default_factory=dict)
    latest: str = ""
    evaluations: list[Evaluation] = field(default_factory=list)
    """Of the policies that were evaluated, oldest first."""
    files: list[Path] = field(default_factory=list)
    """Where they lie."""
    verdicts: list[Verdict] = field(default_factory=list)

    def run(self) -> LoopTerminal:
        """Go through the iterations, up to the one that ends the loop."""
        settings = self.frame.settings
        with self.frame.beginning() as folder:
            policy = first(self.frame, folder)
            self._judge(policy, 0, folder / "evaluate")
        ending: Ending | None = None
        done = 0
        while ending is None and done < settings.iterations:
            trained = self._trained(self._start(), done + 1)
            if trained is None:
                ending = "no_pairs"
                break
            done += 1
            self.policies[trained.name] = trained
            self.latest = trained.name
            folder = self.frame.place.step(done, "evaluate")
            # A loop that was gone on with may have been judged where it once ended.
            known = read_manifest(folder) is not None
            if known or done % settings.evaluate.every == 0 or done == settings.iterations:
                self._judge(trained, done, folder)
                ending = self.verdicts[-1].ending
        ending = ending or "iteration_limit"
        best = self.verdicts[-1].best
        message = f"{ENDINGS[ending]}; best: {best}"
        return LoopTerminal(reason=ending, message=message, at=time.time(), iterations=done, best=best)

    def _start(self) -> PolicyRef:
        names = {"latest": self.latest, "best": self.verdicts[-1].best, "first": self.verdicts[0].policy}
        return self.policies[names[self.frame.settings.train.start]]

    def _trained(self, start: PolicyRef, iteration: int) -> PolicyRef | None:
        """Do an iteration up to its new policy; None where there is nothing to train on."""
        frame, settings = self.frame, self.frame.settings.train
        if settings.on == "demonstrations":
            data = demonstrated(frame, iteration)
        else:
            rollouts = sample(frame, start, iteration)
            review(frame, rollouts, iteration)
            reward(frame, rollouts, iteration)
            data = pair(frame, iteration)
        if data is None:
            return None
        told = settings.on == "demonstrations"
        folder = frame.place.step(iteration, "train")
        name = f"{frame.best_name}-{iteration:03d}"
        with naming_kept(frame, name):
            out = train(frame, folder, iteration, settings.trainer, settings.settings, start.model, data, told=told)
        return export(frame, frame.place.step(iteration, "export"), iteration, out, name, parent=start.name)

    def _judge(self, policy: PolicyRef, iteration: int, folder: Path) -> None:
        """Evaluate a policy, and promote it or not."""
        frame = self.frame
        self.policies[policy.name] = policy
        self.latest = policy.name
        self.evaluations.append(evaluation(frame, folder, policy, iteration))
        self.files.append(folder / EVALUATION)

        def work(out: Path) -> Done:
            before = self.verdicts
            verdict = (
                decide(self.evaluations, before, frame.settings.promote) if before else first_verdict(policy.name)
            )
            if policy.kept and policy.name != frame.settings.start.base:
                add_metrics(frame.place.policies, policy.name, metrics_of(self.evaluations[-1]))
            if verdict.promoted and policy.kept:
                name_policy(frame.place.policies, frame.best_name, find_policy(frame.place.policies, policy.name))
            replace_file(out / "verdict.json", f"{verdict.model_dump_json(indent=1)}\n".encode())
            return Done(("verdict.json",), figures=cast("dict[str, JSON]", verdict.model_dump(mode="json")))

        place = frame.place.step(iteration, "promote")
        pairs = zip(self.evaluations, self.files, strict=True)
        inputs = {each.policy: file_sha256(path) for each, path in pairs}
        perform(place, "promote", iteration, inputs, frame.settings.promote.model_dump(mode="json"), work, frame.told)
        self.verdicts.append(Verdict.model_validate(json.loads((place / "verdict.json").read_bytes())))
