"""An iteration's rewards, and the pairs that are made by them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from peercycle.core.base import JSON, canonical_json
from peercycle.core.errors import LoopError
from peercycle.store.disk import disk_errors
from peercycle.trainers.log_index import IndexRow, index_runs
from peercycle.trainers.loop.rollouts import Rollout
from peercycle.trainers.loop.statistics import mean
from peercycle.trainers.pair_building import PairSet
from peercycle.trainers.pair_settings import PairReport, PairSettings, Within
from peercycle.trainers.pairing import choose_pairs

PAIRS = "pairs.jsonl"


def rewards_of(
    rollouts: Sequence[Rollout], *, shuffled: bool, seed: int, within: Within = "task"
) -> list[dict[str, JSON]]:
    """Return a row per scored rollout: its episode, its task, its reward.

    `shuffled` deals out again the rewards of those that pairs are made of, a task's or a run's: as many pairs, as wide
    margins, no information.
    """
    groups: dict[tuple[str, str], list[Rollout]] = {}
    for row in rollouts:
        if row.status == "complete" and row.reward is not None:
            groups.setdefault((row.task, row.run_id if within == "run" else ""), []).append(row)
    rows: list[dict[str, JSON]] = []
    for (task, run), group in sorted(groups.items()):
        values = [row.reward for row in group]
        if shuffled:
            random.Random(f"{seed}:{task}{run}").shuffle(values)
        rows += [{"episode": row.id, "task": task, "reward": value} for row, value in zip(group, values, strict=True)]
    return rows


def reward_figures(rows: Sequence[Mapping[str, JSON]]) -> dict[str, JSON]:
    """Return mean reward, and what best-of-N and worst-of-N come to."""
    by_task: dict[str, list[float]] = {}
    for row in rows:
        by_task.setdefault(str(row["task"]), []).append(float(str(row["reward"])))
    return {
        "scored": len(rows),
        "mean": mean([float(str(row["reward"])) for row in rows]),
        "best_of_n": mean([max(values) for values in by_task.values()]),
        "worst_of_n": mean([min(values) for values in by_task.values()]),
    }


def make_pairs(
    runs: Sequence[Path],
    iterations: Mapping[str, int],
    rewards: Mapping[str, float],
    settings: PairSettings,
    out: Path,
    ages: Mapping[int, int] | None = None,
) -> PairReport:
    """Write the pairs of an iteration as JSON lines, streamed, and return the account.

    `rewards` stand in for those of the log, by episode; a candidate that it does not name is not scored. `ages`: how
    many iterations the policy of an iteration's rollouts is older than the one to be trained. Raises
    `LoopError` where a held-out task is among the pairs.
    """
    dropped: Counter[str] = Counter()
    left_out: dict[str, list[str]] = {}
    indexed = index_runs(runs, dropped, iterations=iterations, left_out=left_out)
    rows = [_rewarded(row, rewards) for row in indexed]
    choices = choose_pairs(rows, settings, dropped)
    pairs = PairSet(rows, choices, settings, None, dropped, left_out, ages)
    with disk_errors("write", out), out.open("wb") as file:
        for pair in pairs.pairs():
            if pair.split == "heldout":
                raise LoopError(f"pair {pair.id!r} is of a held-out task, which must never be trained on")
            file.write(canonical_json(pair) + b"\n")
    return pairs.report()


def _rewarded(row: IndexRow, rewards: Mapping[str, float]) -> IndexRow:
    return row._replace(reward=rewards.get(row.id))
