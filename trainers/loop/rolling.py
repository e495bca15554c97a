"""The steps in which papers are written and judged: sample, review, reward, evaluate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

from peercycle.core.base import JSON, sha256_hex
from peercycle.core.errors import LoopError
from peercycle.store.disk import replace_file
from peercycle.store.policies import file_sha256
from peercycle.trainers.loop.evaluating import EVALUATION, Evaluation, evaluate
from peercycle.trainers.loop.frame import Frame, PolicyRef
from peercycle.trainers.loop.jobs import RolloutJob
from peercycle.trainers.loop.manifest import Done, perform, write_json, write_lines
from peercycle.trainers.loop.pairing import reward_figures, rewards_of
from peercycle.trainers.loop.processes import run_job
from peercycle.trainers.loop.rollouts import Rollout, rollouts_in, totals
from peercycle.trainers.loop.sampling import ROLLOUTS, TASKS
from peercycle.trainers.loop.starting import no_own_judge, run_options
from peercycle.trainers.loop.tasks import shard, write_tasks

REWARDS = "rewards.jsonl"


def sample(frame: Frame, policy: PolicyRef, iteration: int) -> Path:
    """Write N papers on each of the iteration's tasks; return the file of the rollouts.

    A rollout that fails is recorded. Raises `LoopError` where fewer than `sample.least` came to an end.
    """
    settings = frame.settings.sample
    folder = frame.place.step(iteration, "sample")
    job = _job(frame, folder, policy, frame.seed(iteration), settings.candidates, f"i{iteration:03d}")
    job = job.model_copy(update={"tokens": settings.tokens})
    chosen = write_tasks(shard(frame.tasks, settings, iteration))

    def work(_: Path) -> Done:
        rows = _roll(frame, job, chosen)
        failed = [row for row in rows if row.status != "complete"]
        if len(rows) - len(failed) < settings.least * len(rows):
            first = next((row.error for row in failed if row.error), "no reason was given")
            raise LoopError(
                f"{len(failed)} of {len(rows)} rollouts of iteration {iteration} failed, the first: {first}; "
                f"mend that and go on, or lower sample.least"
            )
        # How old the pairs are that a later iteration replays is told by whose they are.
        whose: dict[str, JSON] = {"policy": policy.name, "policy_iteration": policy.iteration}
        figures: dict[str, JSON] = {"rollouts": len(rows), "failed": len(failed), **whose}
        return Done((TASKS, ROLLOUTS), totals(rows), figures)

    inputs = {"policy": policy.weights or policy.model, "tasks": sha256_hex(chosen)}
    perform(folder, "sample", iteration, inputs, _content(job), work, frame.told)
    return folder / ROLLOUTS


def review(frame: Frame, rollouts: Path, iteration: int) -> None:
    """Gather what the graph's reviewer said of each paper that came to an end."""

    def work(out: Path) -> Done:
        rows = [row for row in rollouts_in(rollouts) if row.status == "complete"]
        table: list[dict[str, JSON]] = [{"episode": row.id, "task": row.task, "rating": row.rating} for row in rows]
        write_lines(out / "reviews.jsonl", table)
        rated = [row.rating for row in rows if row.rating is not None]
        figures: dict[str, JSON] = {
            "reviewed": len(rows),
            "unrated": len(rows) - len(rated),
            "mean_rating": sum(rated) / len(rated) if rated else None,
        }
        return Done(("reviews.jsonl",), figures=figures)

    inputs = {"rollouts": file_sha256(rollouts)}
    settings: dict[str, JSON] = {"reviewer": frame.settings.run.get("reviewer", "rubric")}
    perform(frame.place.step(iteration, "review"), "review", iteration, inputs, settings, work, frame.told)


def reward(frame: Frame, rollouts: Path, iteration: int) -> Path:
    """Set the rewards that pairs are made by; return their file."""
    shuffled, seed, within = frame.settings.reward.shuffled, frame.settings.seed, frame.settings.pairs.within
    folder = frame.place.step(iteration, "reward")

    def work(out: Path) -> Done:
        rows = rewards_of(rollouts_in(rollouts), shuffled=shuffled, seed=seed, within=within)
        write_lines(out / REWARDS, rows)
        return Done((REWARDS,), figures=reward_figures(rows))

    named = frame.settings.run.get("reward", "mean-rating")
    settings: dict[str, JSON] = {"shuffled": shuffled, "seed": seed, "within": within, "reward": named}
    perform(folder, "reward", iteration, {"rollouts": file_sha256(rollouts)}, settings, work, frame.told)
    return folder / REWARDS


def evaluation(frame: Frame, folder: Path, policy: PolicyRef, iteration: int) -> Evaluation:
    """Run a policy on the held-out tasks, the same ones with the same seeds every time; return its figures."""
    settings = frame.settings.evaluate
    chosen = write_tasks(frame.tasks.heldout[: settings.tasks])
    job = _job(frame, folder, policy, frame.seed(0), settings.candidates, "heldout")
    judged = job.options.judge is not None

    def work(out: Path) -> Done:
        rows = _roll(frame, job, chosen)
        if rows and all(row.status != "complete" for row in rows):
            first = next((row.error for row in rows if row.error), "no reason was given")
            raise LoopError(
                f"none of the {len(rows)} rollouts of {policy.name!r} on held-out tasks came to an end, the first: {first}; "
                "mend that and go on"
            )
        found = evaluate(policy.name, rows, judged=judged, independent=no_own_judge(job.options) is None)
        write_json(out / EVALUATION, found.model_dump(mode="json"))
        figures = cast("dict[str, JSON]", found.model_dump(mode="json", exclude={"by_task", "papers"}))
        return Done((ROLLOUTS, EVALUATION), totals(rows), figures)

    inputs = {"policy": policy.weights or policy.model, "tasks": sha256_hex(chosen)}
    perform(folder, "evaluate", iteration, inputs, _content(job), work, frame.told)
    return Evaluation.model_validate(json.loads((folder / EVALUATION).read_bytes()))


def _roll(frame: Frame, job: RolloutJob, tasks: bytes) -> list[Rollout]:
    folder = Path(job.folder)
    replace_file(folder / TASKS, tasks)
    if frame.roll is not None:
        frame.roll(job)
    else:
        run_job(job, frame.command)
    return rollouts_in(folder / ROLLOUTS)


def _job(frame: Frame, folder: Path, policy: PolicyRef, seed: int, candidates: int, prefix: str) -> RolloutJob:
    stays = frame.settings.sample.stay
    # What a sampler that stays was started with is the same after a kill: its runs are resumed under it.
    options = run_options(frame.settings, frame.settings.start.base if stays else policy.model).model_copy(
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
        parallel=frame.settings.sample.parallel,
        load=policy.model if stays else None,
        weights=policy.weights,
        plugins=frame.settings.plugins,
        disabled=frame.disabled,
    )


def _content(job: RolloutJob) -> dict[str, JSON]:
    """Return what decides a step's rollouts: not where they lie, which may move, and not how many at once."""
    apart = {"runs_dir", "plugins", "disabled_plugins", "models", "policies_dir", "checkpoint"}
    options = job.options.model_dump(mode="json", exclude=apart)
    engines: dict[str, JSON] = {
        role: {"name": choice.name, "settings": {k: v for k, v in choice.settings.items() if k != "model"}}
        for role, choice in job.options.models.items()
    }
    budget: dict[str, JSON] = {} if job.tokens is None else {"tokens": job.tokens}
    return {**options, "engines": engines, **budget}
