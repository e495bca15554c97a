"""The steps in which a policy becomes another one: pair, train, export."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from peercycle.core.base import JSON, sha256_hex
from peercycle.core.errors import LoopError
from peercycle.core.identity import weights_hash
from peercycle.store.policies import file_sha256, keep_policy, open_policy
from peercycle.trainers.loop.frame import Frame, PolicyRef
from peercycle.trainers.loop.jobs import TrainJob
from peercycle.trainers.loop.manifest import Done, perform, read_lines, read_manifest, write_json, write_lines
from peercycle.trainers.loop.pairing import PAIRS, make_pairs
from peercycle.trainers.loop.processes import run_job
from peercycle.trainers.loop.restoring import kept_again, naming_kept
from peercycle.trainers.loop.rolling import REWARDS
from peercycle.trainers.loop.sampling import RUNS
from peercycle.trainers.loop.starting import base_identity, stored_base
from peercycle.trainers.loop.tasks import shard
from peercycle.trainers.loop.training import METRICS, OUT

DEMONSTRATIONS = "demonstrations.jsonl"


def first(frame: Frame, folder: Path) -> PolicyRef:
    """Return the policy that a loop begins with, warmed up where that is asked for; iteration 0 lies in `folder`."""
    warmup, base = frame.settings.warmup, frame.settings.start.base
    if warmup is not None:
        data = demonstrations(
            frame, folder / "pair", 0, {digest for digest, _ in frame.tasks.heldout}, leave_out=True
        )
        if data is None:
            raise LoopError(f"{warmup.demonstrations!r} holds no demonstration of a task that may be trained on")
        name = f"{frame.settings.name}-{folder.name}"
        with naming_kept(frame, name):
            trained = train(frame, folder / "train", 0, warmup.trainer, warmup.settings, base, data, told=True)
        return export(frame, folder / "export", 0, trained, name, parent=base)
    stored = stored_base(base, frame.place.policies)
    if stored is not None:
        return PolicyRef(name=stored.name, model=str(stored.model), weights=weights_hash(stored.model), kept=True)
    known = weights_hash(Path(base)) if Path(base).is_dir() else None
    return PolicyRef(name=f"{frame.settings.name}-base", model=base, weights=known, kept=False)


def demonstrated(frame: Frame, iteration: int) -> Path | None:
    """Return the demonstrations of the iteration's tasks: the same tasks as the other arms', and nothing sampled."""
    wanted = {digest for digest, _ in shard(frame.tasks, frame.settings.sample, iteration)}
    return demonstrations(frame, frame.place.step(iteration, "pair"), iteration, wanted, leave_out=False)


def demonstrations(frame: Frame, folder: Path, iteration: int, tasks: set[str], *, leave_out: bool) -> Path | None:
    """Write the demonstrations of some tasks, or of all but these; None where there is none.

    A held-out task is never among them.
    """
    assert frame.settings.warmup is not None
    source = Path(frame.settings.warmup.demonstrations)

    def work(out: Path) -> Done:
        rows = read_lines(source)
        kept = [row for row in rows if (str(row.get("task")) in tasks) != leave_out]
        write_lines(out / DEMONSTRATIONS, kept)
        figures: dict[str, JSON] = {
            "demonstrations": len(kept),
            "left_out": len(rows) - len(kept),
            "tasks": len({str(row.get("task")) for row in kept}),
        }
        return Done((DEMONSTRATIONS,), figures=figures)

    inputs = {"demonstrations": file_sha256(source), "tasks": sha256_hex("".join(sorted(tasks)).encode())}
    manifest = perform(folder, "pair", iteration, inputs, {"leave_out": leave_out}, work, frame.told)
    return folder / DEMONSTRATIONS if manifest.figures["demonstrations"] else None


def pair(frame: Frame, iteration: int) -> Path | None:
    """Set an iteration's rollouts against each other; None where that gives no pair to train on."""
    oldest = iteration if frame.settings.pairs.replay == 0 else 1
    tables = {n: frame.place.step(n, "reward") / REWARDS for n in range(oldest, iteration + 1)}
    settings = frame.settings.pairs.model_copy(
        update={"iteration": iteration, "heldout": frame.settings.tasks.heldout, "seed": frame.settings.seed}
    )

    def work(out: Path) -> Done:
        rows = [row for table in tables.values() for row in read_lines(table)]
        rewards = {str(row["episode"]): float(str(row["reward"])) for row in rows}
        runs = {path: n for n in tables for path in sorted((frame.place.step(n, "sample") / RUNS).glob("i*"))}
        iterations = {path.name: n for path, n in runs.items()}
        report = make_pairs(list(runs), iterations, rewards, settings, out / PAIRS, _ages(frame, list(tables)))
        figures = cast("dict[str, JSON]", report.model_dump(mode="json"))
        write_json(out / "report.json", figures)
        return Done((PAIRS, "report.json"), figures=figures)

    folder = frame.place.step(iteration, "pair")
    inputs = {f"rewards {n}": file_sha256(table) for n, table in tables.items()}
    manifest = perform(folder, "pair", iteration, inputs, settings.model_dump(mode="json"), work, frame.told)
    return folder / PAIRS if manifest.figures["train"] else None


def _ages(frame: Frame, iterations: Sequence[int]) -> dict[int, int]:
    """Return how many iterations lie between the policies that sampled these and the last one's, which is trained.

    0 where a loop starts every training from one policy: its replayed pairs are of no other.
    """
    made = {n: manifest for n in iterations if (manifest := read_manifest(frame.place.step(n, "sample")))}
    of = {n: int(str(manifest.figures["policy_iteration"])) for n, manifest in made.items()}
    return {n: of[iterations[-1]] - made_in for n, made_in in of.items()}


def train(
    frame: Frame,
    folder: Path,
    iteration: int,
    trainer: str,
    settings: Mapping[str, JSON],
    base: str,
    data: Path,
    *,
    told: bool,
) -> Path:
    """Train in a process of its own, on pairs, or on demonstrations of which the trainer is `told` where they lie."""
    stored = stored_base(base, frame.place.policies)
    given: dict[str, JSON] = {"seed": frame.settings.seed, **settings}
    job = TrainJob(
        folder=str(folder),
        trainer=trainer,
        settings={**given, "conversations": str(data)} if told else given,
        base=str(stored.model) if stored is not None else base,
        pairs=None if told else str(data),
        plugins=frame.settings.plugins,
        disabled=frame.disabled,
    )

    def work(out: Path) -> Done:
        run_job(job, frame.command)
        weights = open_policy(out / OUT).record.weights
        metrics = read_lines(out / METRICS)
        steps = max((int(str(row["step"])) for row in metrics), default=0)
        figures: dict[str, JSON] = {"steps": steps, "last": {str(row["name"]): row["value"] for row in metrics}}
        return Done((f"{OUT}/{weights}", METRICS), {"trained": _trained_tokens(out / OUT)}, figures)

    inputs = {"base": base_identity(base, frame.place.policies), "data": file_sha256(data)}
    perform(folder, "train", iteration, inputs, {"trainer": trainer, **given}, work, frame.told)
    return folder / OUT


def _trained_tokens(out: Path) -> int:
    """Return what the trainer says it went through; 0 where it does not say."""
    work = out / "work.json"
    return int(json.loads(work.read_bytes()).get("tokens", 0)) if work.is_file() else 0


def export(frame: Frame, folder: Path, iteration: int, trained: Path, name: str, *, parent: str) -> PolicyRef:
    """Put a trained policy into the registry under a name of its own, with the plugin that drives it."""
    stored = open_policy(trained)
    start = frame.settings.start
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
        kept = keep_policy(frame.place.policies, record, trained)
        write_json(out / "policy.json", kept.record.model_dump(mode="json"))
        return Done(("policy.json",), figures={"policy": name, "weights_sha256": kept.record.weights_sha256})

    inputs = {"weights": stored.record.weights_sha256}
    perform(folder, "export", iteration, inputs, {"name": name}, work, frame.told)
    kept = kept_again(frame.place.policies, record, trained, folder.parent)
    weights = weights_hash(kept.model)
    return PolicyRef(name=name, model=str(kept.model), weights=weights, kept=True, iteration=iteration)
