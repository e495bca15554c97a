"""One table of all arms: what each came to on the same held-out tasks, and how far apart they are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from peercycle.core.base import Word, sha256_hex
from peercycle.trainers.loop.evaluating import EVALUATION, Evaluation, gain, win_rate
from peercycle.trainers.loop.frame import start_folder
from peercycle.trainers.loop.learning import DEMONSTRATIONS
from peercycle.trainers.loop.manifest import Manifest, read_lines, read_manifest, verify_outputs
from peercycle.trainers.loop.record import Place, steps_done
from peercycle.trainers.loop.sampling import TASKS
from peercycle.trainers.loop.settings import LoopSettings
from peercycle.trainers.loop.statistics import Difference


class ArmRow(Word):
    """What one arm came to."""

    arm: str
    iterations: int
    tasks: int
    """Tasks that were trained on."""
    prompts: dict[str, str] = {}
    """A hash of the tasks of each iteration, whether they were written on or demonstrated: equal for the same ones."""
    all_prompts: str = ""
    """The same of all iterations together."""
    sampled_tokens: int
    """In rollouts that were trained on; an evaluation's are not counted."""
    updates: int
    start: float | None
    """Held-out mean, by the judge, of the policy that every arm begins with."""
    end: float | None
    """The same of the arm's last policy, promoted or not."""
    steering: float | None
    """Of the last policy, by the reviewer that selected."""
    accepted: float | None = None
    """Of the last policy's held-out papers, the share that was accepted; None where nobody decides."""
    wins: float | None = None
    """How often a paper of the last policy is judged above one of the first, on the same task; ties are halves."""
    gain: Difference | None
    """Of the last policy over the first."""
    over: dict[str, Difference | None] = {}
    """Of the last policy over those of other arms."""


def arm_row(arm: str, place: Place, start: Evaluation, last: Evaluation, others: Mapping[str, Evaluation]) -> ArmRow:
    """Return an arm's row, from its manifests."""
    done = [manifest for manifest in steps_done(place.folder) if manifest.iteration > 0]
    tasks = tasks_of(place, done)
    return ArmRow(
        arm=arm,
        iterations=max((manifest.iteration for manifest in done), default=0),
        tasks=sum(_tasks(manifest) for manifest in done if manifest.step == "pair"),
        prompts={str(iteration): _hash(digests) for iteration, digests in tasks.items()},
        all_prompts=_hash(set().union(*tasks.values())),
        sampled_tokens=sum(manifest.tokens.get("sampled", 0) for manifest in done if manifest.step == "sample"),
        updates=sum(int(str(manifest.figures.get("steps", 0))) for manifest in done if manifest.step == "train"),
        start=start.judge,
        end=last.judge,
        steering=last.steering,
        accepted=last.accepted,
        wins=win_rate(last, start),
        gain=gain(last, start),
        over={name: gain(last, other) for name, other in others.items() if name != arm},
    )


def tasks_of(place: Place, done: Sequence[Manifest]) -> dict[int, set[str]]:
    """Return the hashes of each iteration's tasks: those that were written on, or that its demonstrations are of."""
    found: dict[int, set[str]] = {}
    for manifest in done:
        folder = place.step(manifest.iteration, manifest.step)
        if manifest.step == "sample":
            verify_outputs(folder, manifest)
            # A line is a task in canonical spelling: its hash is the task's.
            lines = (folder / TASKS).read_bytes().splitlines()
            found[manifest.iteration] = {sha256_hex(line) for line in lines if line}
        elif manifest.step == "pair" and DEMONSTRATIONS in manifest.outputs:
            verify_outputs(folder, manifest)
            found[manifest.iteration] = {str(row["task"]) for row in read_lines(folder / DEMONSTRATIONS)}
    return found


def _hash(tasks: Iterable[str]) -> str:
    return sha256_hex("".join(sorted(tasks)).encode())


def _tasks(manifest: Manifest) -> int:
    figures = manifest.figures
    return int(str(figures.get("tasks", figures.get("demonstrations", 0))))


def last_evaluation(place: Place, first: Path) -> tuple[Evaluation, Evaluation]:
    """Return the evaluations of an arm's first and last policies; `first` is the folder of the first one's."""
    start = _read(first)
    found = [path for path in sorted(place.folder.glob("[0-9][0-9][0-9]/evaluate")) if read_manifest(path)]
    return start, _read(found[-1]) if found else start


def _read(folder: Path) -> Evaluation:
    return Evaluation.model_validate(json.loads((folder / EVALUATION).read_bytes()))


def compare(chosen: Sequence[LoopSettings], loops_dir: Path, policies: Path) -> list[ArmRow]:
    """Return a row per arm, each compared with every other one."""
    places = {settings.arm or "main": Place.of(settings, loops_dir, policies) for settings in chosen}
    found = {
        settings.arm or "main": last_evaluation(place, start_folder(settings, place) / "evaluate")
        for settings, place in zip(chosen, places.values(), strict=True)
    }
    last = {arm: each for arm, (_, each) in found.items()}
    return [arm_row(arm, places[arm], start, last[arm], last) for arm, (start, _) in found.items()]


HEADS = ("arm", "iterations", "tasks", "sampled tokens", "updates", "start", "end", "gain [95 %]", "steering")


def table_rows(rows: Sequence[ArmRow]) -> list[tuple[str, ...]]:
    """Return the table's cells."""
    return [
        (
            row.arm,
            str(row.iterations),
            str(row.tasks),
            f"{row.sampled_tokens:,}",
            str(row.updates),
            _number(row.start),
            _number(row.end),
            shown(row.gain),
            _number(row.steering),
        )
        for row in rows
    ]


def shown(difference: Difference | None) -> str:
    """Return a difference with its bounds."""
    if difference is None:
        return "not comparable"
    return f"{difference.mean:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
