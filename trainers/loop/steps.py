"""The steps of an iteration: what each is given, does and leaves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from peercycle.core.base import JSON, Word, canonical_json, sha256_hex
from peercycle.core.errors import LoopError
from peercycle.core.identity import weights_hash
from peercycle.store.lease import take_lease
from peercycle.store.policies import file_sha256, keep_policy, open_policy
from peercycle.trainers.loop.evaluating import Evaluation, evaluate
from peercycle.trainers.loop.jobs import RolloutJob, TrainJob
from peercycle.trainers.loop.manifest import Done, Told, perform, read_lines, write_json, write_lines
from peercycle.trainers.loop.pairing import PAIRS, make_pairs, reward_figures, rewards_of
from peercycle.trainers.loop.processes import Command, run_job
from peercycle.trainers.loop.record import Place
from peercycle.trainers.loop.rollouts import Rollout, totals
from peercycle.trainers.loop.sampling import ROLLOUTS, RUNS, TASKS
from peercycle.trainers.loop.settings import LoopSettings
from peercycle.trainers.loop.starting import base_identity, run_options, stored_base
from peercycle.trainers.loop.tasks import Tasks, read_tasks, shard, write_tasks
from peercycle.trainers.loop.training import METRICS, OUT
from peercycle.trainers.loop.training_data import training_of

SEEDS = 1_000_003
"""Between the seeds of two loops, so that their runs share none."""
EVALUATION = "evaluation.json"


class PolicyRef(Word):
    """A policy of the loop."""

    name: str
    model: str
    """What an engine loads: a folder, or a name on the hub."""
    weights: str | None
    """The hash that engines name them by; None where they are not on this disk."""
    kept: bool
    """It is in the registry."""


@dataclass(slots=True)
class Steps:
    """The steps of one loop. Each returns what it made, whether it was made now or before a kill."""

    settings: LoopSettings
    place: Place
    command: Command
    disabled: tuple[str, ...]
    told: Told
    _tasks: list[Tasks] = field(default_factory=list)

    @property
    def tasks(self) -> Tasks:
        """The tasks, read once."""
        if not self._tasks:
            self._tasks.append(read_tasks(Path(self.settings.tasks.file), self.settings.tasks.heldout))
        return self._tasks[0]

    @property
    def best_name(self) -> str:
        """The name that always means the promoted policy."""
        arm = self.settings.arm
        return f"{self.settings.name}-{arm}" if arm else self.settings.name

    # ------------------------------------------------------------------------------------- iteration 0

    @property
    def _start(self) -> Path:
        return start_folder(self.settings, self.place)

    def first(self) -> PolicyRef:
        """Return the policy that the loop begins with, warmed up where that is asked for."""
        warmup, base = self.settings.warmup, self.settings.start.base
        if warmup is None:
            stored = stored_base(base, self.place.policies)
            if stored is not None:
                return PolicyRef(
                    name=stored.name, model=str(stored.model), weights=weights_hash(stored.model), kept=True
                )
            folder = Path(base)
            known = weights_hash(folder) if folder.is_dir() else None
            return PolicyRef(name=f"{self.settings.name}-base", model=base, weights=known, kept=False)
        self._start.mkdir(parents=True, exist_ok=True)
        lease = take_lease(self._start)
        try:
            demonstrations = Path(warmup.demonstrations)
            trained = self._train(
                self._start / "train", 0, warmup.trainer, warmup.settings, base, "demonstrations", demonstrations
            )
            name = f"{self.settings.name}-{self._start.name}"
            return self._export(self._start / "export", 0, trained, name, parent=base)
        finally:
            lease.release()

    # ------------------------------------------------------------------------------------- an iteration

    def trained(self, start: PolicyRef, iteration: int) -> PolicyRef | None:
        """Sample, review, reward, pair, train and export; None where the rollouts gave no pair."""
        train, on = self.settings.train, self.settings.train.on
        data = self._demonstrated(iteration) if on == "demonstrations" else self._paired(start, iteration)
        if data is None:
            return None
        trained = self._train(
            self.place.step(iteration, "train"), iteration, train.trainer, train.settings, start.model, on, data
        )
        name = f"{self.best_name}-{iteration:03d}"
        return self._export(self.place.step(iteration, "export"), iteration, trained, name, parent=start.name)

    def _paired(self, start: PolicyRef, iteration: int) -> Path | None:
        rollouts = self._sample(start, iteration)
        self._review(rollouts, iteration)
        rewards = self._reward(rollouts, iteration)
        return self._pair(rewards, iteration)

    def _demonstrated(self, iteration: int) -> Path | None:
        """Write the demonstrations of the iteration's tasks: the same tasks as the other arms', and nothing sampled."""
        assert self.settings.warmup is not None
        source = Path(self.settings.warmup.demonstrations)
        wanted = {digest for digest, _ in shard(self.tasks, self.settings.sample, iteration)}

        def work(out: Path) -> Done:
            rows = [row for row in read_lines(source) if row.get("task") in wanted]
            write_lines(out / "demonstrations.jsonl", rows)
            return Done(("demonstrations.jsonl",), figures={"pairs": 0, "demonstrations": len(rows)})

        folder = self.place.step(iteration, "pair")
        inputs = {"demonstrations": file_sha256(source), "tasks": sha256_hex("".join(sorted(wanted)).encode())}
        manifest = perform(folder, "pair", iteration, inputs, {}, work, self.told)
        return folder / "demonstrations.jsonl" if manifest.figures["demonstrations"] else None

    def _sample(self, start: PolicyRef, iteration: int) -> Path:
        folder = self.place.step(iteration, "sample")
        sample = self.settings.sample
        seed = self.settings.seed * SEEDS + iteration * 20_000
        job = self._rollouts(folder, start, seed, sample.candidates, f"i{iteration:03d}")
        chosen = write_tasks(shard(self.tasks, sample, iteration))

        def work(out: Path) -> Done:
            (out / TASKS).write_bytes(chosen)
            run_job(job, self.command)
            rows = rollouts_in(out / ROLLOUTS)
            failed = [row for row in rows if row.status != "complete"]
            if len(rows) - len(failed) < sample.least * len(rows):
                first = next((row.error for row in failed if row.error), "no reason was given")
                raise LoopError(f"{len(failed)} of {len(rows)} rollouts failed, the first: {first}")
            figures: dict[str, JSON] = {"rollouts": len(rows), "failed": len(failed)}
            return Done((TASKS, ROLLOUTS), totals(rows), figures)

        inputs = {"policy": start.weights or start.model, "tasks": sha256_hex(chosen)}
        perform(folder, "sample", iteration, inputs, _settings_of(job), work, self.told)
        return folder / ROLLOUTS

    def _review(self, rollouts: Path, iteration: int) -> None:
        def work(out: Path) -> Done:
            rows = rollouts_in(rollouts)
            ended = [row for row in rows if row.status == "complete"]
            table: list[dict[str, JSON]] = [
                {"episode": row.id, "task": row.task, "rating": row.rating} for row in ended
            ]
            write_lines(out / "reviews.jsonl", table)
            rated = [row.rating for row in ended if row.rating is not None]
            figures: dict[str, JSON] = {
                "reviewed": len(ended),
                "unrated": len(ended) - len(rated),
                "mean_rating": sum(rated) / len(rated) if rated else None,
            }
            return Done(("reviews.jsonl",), figures=figures)

        folder = self.place.step(iteration, "review")
        reviewer = self.settings.run.get("reviewer", "rubric")
        perform(
            folder, "review", iteration, {"rollouts": file_sha256(rollouts)}, {"reviewer": reviewer}, work, self.told
        )

    def _reward(self, rollouts: Path, iteration: int) -> Path:
        shuffled, seed = self.settings.reward.shuffled, self.settings.seed

        def work(out: Path) -> Done:
            rows = rewards_of(rollouts_in(rollouts), shuffled=shuffled, seed=seed)
            write_lines(out / "rewards.jsonl", rows)
            return Done(("rewards.jsonl",), figures=reward_figures(rows))

        folder = self.place.step(iteration, "reward")
        settings: dict[str, JSON] = {
            "shuffled": shuffled,
            "seed": seed,
            "reward": self.settings.run.get("reward", "mean-rating"),
        }
        perform(folder, "reward", iteration, {"rollouts": file_sha256(rollouts)}, settings, work, self.told)
        return folder / "rewards.jsonl"

    def _pair(self, rewards: Path, iteration: int) -> Path | None:
        first = iteration if self.settings.pairs.replay == 0 else 1
        tables = {n: self.place.step(n, "reward") / "rewards.jsonl" for n in range(first, iteration + 1)}
        settings = self.settings.pairs.model_copy(
            update={"iteration": iteration, "heldout": self.settings.tasks.heldout}
        )

        def work(out: Path) -> Done:
            values = {
                str(row["episode"]): float(str(row["reward"]))
                for table in tables.values()
                for row in read_lines(table)
            }
            runs = {path: n for n in tables for path in sorted((self.place.step(n, "sample") / RUNS).glob("i*"))}
            report = make_pairs(list(runs), {p.name: n for p, n in runs.items()}, values, settings, out / PAIRS)
            write_json(out / "report.json", report.model_dump(mode="json"))
            return Done((PAIRS, "report.json"), figures=cast("dict[str, JSON]", report.model_dump(mode="json")))

        folder = self.place.step(iteration, "pair")
        inputs = {f"rewards {n}": file_sha256(table) for n, table in tables.items()}
        manifest = perform(folder, "pair", iteration, inputs, settings.model_dump(mode="json"), work, self.told)
        return folder / PAIRS if manifest.figures["train"] else None

    def _train(
        self, folder: Path, iteration: int, trainer: str, settings: Mapping[str, JSON], base: str, on: str, data: Path
    ) -> Path:
        given = training_of(trainer, settings, on, data, seed=self.settings.seed)
        job = TrainJob(
            folder=str(folder),
            trainer=given.trainer,
            settings=given.settings,
            base=self._model_of(base),
            pairs=given.pairs,
            plugins=self.settings.plugins,
            disabled=self.disabled,
        )

        def work(out: Path) -> Done:
            run_job(job, self.command)
            stored = open_policy(out / OUT)
            metrics = read_lines(out / METRICS)
            last = {str(row["name"]): row["value"] for row in metrics}
            tokens = {"trained": int(float(str(last.get("tokens_seen", last.get("tokens", 0)))))}
            figures: dict[str, JSON] = {
                "steps": max((int(str(row["step"])) for row in metrics), default=0),
                "last": last,
            }
            outputs = (f"{OUT}/{stored.record.weights}", f"{OUT}/policy.json")
            return Done(outputs, tokens, figures)

        inputs = {"base": base_identity(base, self.place.policies), "data": file_sha256(data)}
        shown: dict[str, JSON] = {
            "trainer": given.trainer,
            "on": on,
            "settings": dict(settings),
            "seed": self.settings.seed,
        }
        perform(folder, "train", iteration, inputs, shown, work, self.told)
        return folder / OUT

    def _model_of(self, base: str) -> str:
        stored = stored_base(base, self.place.policies)
        return str(stored.model) if stored is not None else base

    def _export(self, folder: Path, iteration: int, trained: Path, name: str, *, parent: str) -> PolicyRef:
        stored = open_policy(trained)
        start = self.settings.start
        record = stored.record.model_copy(
            update={
                "name": name,
                "policy": start.policy,
                "settings": dict(start.settings),
                "parent": parent if parent != start.base else None,
                "iteration": iteration,
            }
        )

        def work(out: Path) -> Done:
            kept = keep_policy(self.place.policies, record, trained)
            write_json(out / "policy.json", kept.record.model_dump(mode="json"))
            return Done(("policy.json",), figures={"policy": name, "weights_sha256": kept.record.weights_sha256})

        perform(
            folder, "export", iteration, {"weights": stored.record.weights_sha256}, {"name": name}, work, self.told
        )
        kept = open_policy(self.place.policies / name)
        return PolicyRef(name=name, model=str(kept.model), weights=weights_hash(kept.model), kept=True)

    # ---------------------------------------------------------------------------------------- evaluation

    def evaluation_file(self, iteration: int) -> Path:
        """Return where the figures of an iteration's policy lie."""
        return self._evaluate_folder(iteration) / EVALUATION

    def _evaluate_folder(self, iteration: int) -> Path:
        return self._start / "evaluate" if iteration == 0 else self.place.step(iteration, "evaluate")

    def evaluation(self, policy: PolicyRef, iteration: int) -> Evaluation:
        """Run the policy on the held-out tasks, the same ones with the same seeds every time, and return its figures."""
        folder = self._evaluate_folder(iteration)
        chosen = self.tasks.heldout[: self.settings.evaluate.tasks]
        body = write_tasks(chosen)
        job = self._rollouts(folder, policy, self.settings.seed * SEEDS, self.settings.evaluate.candidates, "heldout")
        judged = job.options.judge is not None

        def work(out: Path) -> Done:
            (out / TASKS).write_bytes(body)
            run_job(job, self.command)
            rows = rollouts_in(out / ROLLOUTS)
            found = evaluate(policy.name, rows, judged=judged)
            write_json(out / EVALUATION, found.model_dump(mode="json"))
            return Done(
                (ROLLOUTS, EVALUATION),
                totals(rows),
                cast("dict[str, JSON]", found.model_dump(mode="json", exclude={"by_task"})),
            )

        inputs = {"policy": policy.weights or policy.model, "tasks": sha256_hex(body)}
        perform(folder, "evaluate", iteration, inputs, _settings_of(job), work, self.told)
        return Evaluation.model_validate(json.loads((folder / EVALUATION).read_bytes()))

    def _rollouts(self, folder: Path, policy: PolicyRef, seed: int, candidates: int, prefix: str) -> RolloutJob:
        options = run_options(self.settings, policy.model).model_copy(
            update={
                "seed": seed,
                "candidates": candidates,
                "judged": "every",
                "checkpoint": f"{policy.name}@{policy.weights}" if policy.weights else None,
            }
        )
        return RolloutJob(
            folder=str(folder),
            options=options,
            prefix=prefix,
            parallel=self.settings.sample.parallel,
            weights=policy.weights,
            plugins=self.settings.plugins,
            disabled=self.disabled,
        )


def start_folder(settings: LoopSettings, place: Place) -> Path:
    """Return where iteration 0 lies: shared by every arm that begins alike."""
    chosen = settings.model_dump(mode="json", include=_BEGINNING)
    return place.root / f"start-{sha256_hex(canonical_json(chosen))[:8]}"


_BEGINNING = {"seed", "start", "warmup", "run", "engine", "evaluate", "tasks", "plugins"}


def first_evaluation(settings: LoopSettings, place: Place) -> Path:
    """Return the folder of the first policy's evaluation."""
    return start_folder(settings, place) / "evaluate"


def rollouts_in(path: Path) -> list[Rollout]:
    """Return the rollouts of a file."""
    return [Rollout.model_validate(row) for row in read_lines(path)]


def _settings_of(job: RolloutJob) -> dict[str, JSON]:
    """Return what decides a step's rollouts: not where they lie, which may move, and not how many at once."""
    options = job.options.model_dump(
        mode="json", exclude={"runs_dir", "plugins", "disabled_plugins", "models", "policies_dir"}
    )
    engines: dict[str, JSON] = {
        role: {"name": choice.name, "settings": {k: v for k, v in choice.settings.items() if k != "model"}}
        for role, choice in job.options.models.items()
    }
    return {**options, "engines": engines}
