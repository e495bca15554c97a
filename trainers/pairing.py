"""From index rows to a list of pairs: a pure function, the same for any order of the rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from peercycle.trainers.log_index import IndexRow
from peercycle.trainers.pair_settings import PairReport, PairSettings
from peercycle.trainers.splits import Split, shard_of, share_of, split_of


@dataclass(frozen=True, slots=True)
class PairChoice:
    """Two candidates of one task, of which the first scored higher."""

    chosen: IndexRow
    rejected: IndexRow
    margin: float
    split: Split
    replayed: bool = False

    @property
    def id(self) -> str:
        """Name of the pair."""
        return f"{self.chosen.id}>{self.rejected.id}"


def choose_pairs(
    rows: Iterable[IndexRow], settings: PairSettings, dropped: Counter[str], *, retokenize: bool = False
) -> list[PairChoice]:
    """Return the pairs of all tasks, by task and then by margin; what is left out is counted in `dropped`.

    Candidates are compared within one task (or one run of it), policy and iteration. A held-out task gives pairs of that split only.
    """
    groups: dict[tuple[str, int, str, str], list[IndexRow]] = {}
    for row in rows:
        if reason := _objection(row, settings, retokenize):
            dropped[reason] += 1
        else:
            run = row.run_id if settings.within == "run" else ""
            groups.setdefault((row.task_hash, row.iteration, row.policy, run), []).append(row)
    new: list[PairChoice] = []
    old: list[PairChoice] = []
    for key in sorted(groups):
        task, iteration, *_ = key
        split = split_of(task, settings.heldout)
        if split == "train" and shard_of(task, settings.shards) != iteration % settings.shards:
            dropped["tasks that another iteration trains on"] += 1
            continue
        if iteration > settings.iteration:
            dropped["tasks of a later iteration"] += 1
            continue
        replayed = iteration < settings.iteration
        if replayed and split == "heldout":
            continue
        pairs = _of_task(groups[key], settings, split, replayed, dropped)
        (old if replayed else new).extend(pairs)
    new = _balanced(new, settings, dropped)
    return [*new, *_drawn(old, settings, sum(pair.split == "train" for pair in new))]


def describe(
    rows: Sequence[IndexRow],
    pairs: Sequence[PairChoice],
    dropped: Counter[str],
    ages: Mapping[int, int] | None = None,
) -> PairReport:
    """Return the account of a choice of pairs; `ages` gives the off-policy age of an iteration's pairs where it is known."""
    scored = [(row.reward, float(row.length)) for row in rows if row.reward is not None]
    longer = [pair.chosen.length > pair.rejected.length for pair in pairs if _lengths_differ(pair)]
    margins = Counter(f"{math.floor(pair.margin * 2) / 2:g}" for pair in pairs)
    of_task = Counter(pair.chosen.task_hash for pair in pairs)
    per_prompt = Counter(of_task[task] for task in {row.task_hash for row in rows})
    trained = [pair.chosen.iteration for pair in pairs if pair.split == "train"]
    by_age = Counter(ages[iteration] for iteration in trained) if ages is not None else Counter[int]()
    return PairReport(
        runs=len({row.run for row in rows}),
        candidates=len(rows),
        tasks=len({row.task_hash for row in rows}),
        pairs=len(pairs),
        train=sum(pair.split == "train" and not pair.replayed for pair in pairs),
        heldout=sum(pair.split == "heldout" for pair in pairs),
        replayed=sum(pair.replayed for pair in pairs),
        dropped=dict(sorted(dropped.items())),
        chosen_longer=sum(longer) / len(longer) if longer else None,
        reward_length_correlation=_correlation(scored),
        margins=dict(sorted(margins.items(), key=lambda item: float(item[0]))),
        pairs_per_prompt={str(count): per_prompt[count] for count in sorted(per_prompt)},
        off_policy_age={str(age): by_age[age] for age in sorted(by_age)},
    )


def _objection(row: IndexRow, settings: PairSettings, retokenize: bool) -> str | None:
    if row.reward is None:
        return "candidates without a reward"
    if not math.isfinite(row.reward):
        return "candidates whose reward is not finite"
    if row.length == 0:
        return "candidates without text"
    if not row.has_ids and not retokenize:
        return "candidates without token ids"
    if row.truncated and settings.truncated == "drop":
        return "candidates cut at the token limit"
    return None


def _of_task(
    rows: list[IndexRow], settings: PairSettings, split: Split, replayed: bool, dropped: Counter[str]
) -> list[PairChoice]:
    ranked = _ranked(_without_copies(rows, dropped), settings)
    if len(ranked) < 2:
        dropped["tasks with one candidate"] += 1
        return []
    if ranked[0][0] == ranked[-1][0]:
        dropped["tasks whose rewards are all equal"] += 1
        return []
    found: list[PairChoice] = []
    for (high, winner), (low, loser) in _opponents(ranked, settings):
        if winner.truncated:
            dropped["pairs whose winner was cut at the token limit"] += 1
        elif reason := _too_close(high - low, winner, loser, settings):
            dropped[reason] += 1
        else:
            found.append(PairChoice(winner, loser, high - low, split, replayed))
    found.sort(key=lambda pair: (-pair.margin, pair.id))
    most = settings.max_pairs_per_task
    if most is not None and len(found) > most:
        dropped["pairs beyond the most of a task"] += len(found) - most
        found = found[:most]
    return found


def _without_copies(rows: Sequence[IndexRow], dropped: Counter[str]) -> list[IndexRow]:
    seen: dict[str, IndexRow] = {}
    for row in sorted(rows, key=lambda row: row.id):
        if row.digest in seen:
            dropped["candidates that repeat another"] += 1
        else:
            seen[row.digest] = row
    return list(seen.values())


def _ranked(rows: Iterable[IndexRow], settings: PairSettings) -> list[tuple[float, IndexRow]]:
    def score(row: IndexRow) -> float:
        assert row.reward is not None
        return row.reward - settings.length_penalty * row.length / 1000

    # Equal rewards stand in an order that says nothing of length, place or time.
    return sorted(
        ((score(row), row) for row in rows),
        key=lambda scored: (-scored[0], share_of(f"tie{settings.seed}", scored[1].id)),
    )


Scored = tuple[float, IndexRow]


def _opponents(ranked: list[Scored], settings: PairSettings) -> Iterator[tuple[Scored, Scored]]:
    if settings.strategy == "all":
        yield from ((high, low) for high, low in combinations(ranked, 2) if high[0] > low[0])
        return
    best = next((scored for scored in ranked if not scored[1].truncated), ranked[0])
    others = [scored for scored in ranked if scored[0] < best[0]]
    if not others:
        # Only texts that were cut scored otherwise: the pair is named, so that it is counted.
        yield ranked[0], ranked[-1]
    elif settings.strategy == "best-worst":
        yield best, others[-1]
    elif settings.strategy == "best-second":
        yield best, others[0]
    else:
        drawn = share_of(f"opponent{settings.seed}", best[1].id)
        yield best, others[int(drawn * len(others))]


def _too_close(margin: float, winner: IndexRow, loser: IndexRow, settings: PairSettings) -> str | None:
    if margin <= 0 or margin < settings.min_margin:
        return "pairs below the least margin"
    if settings.min_margin_errors > 0:
        error = math.hypot(winner.reward_error or 0.0, loser.reward_error or 0.0)
        if margin < settings.min_margin_errors * error:
            return "pairs whose margin is within the reviewers' noise"
    ratio = settings.max_length_ratio
    if ratio is not None and max(winner.length, loser.length) > ratio * min(winner.length, loser.length):
        return "pairs over the length ratio"
    return None


def _lengths_differ(pair: PairChoice) -> bool:
    return pair.chosen.length != pair.rejected.length


def _balanced(pairs: list[PairChoice], settings: PairSettings, dropped: Counter[str]) -> list[PairChoice]:
    if settings.balance_lengths is None:
        return pairs
    low, high = settings.balance_lengths
    longer = [pair for pair in pairs if pair.chosen.length > pair.rejected.length]
    shorter = [pair for pair in pairs if pair.chosen.length < pair.rejected.length]
    # share = a / (a + b) <= high  <=>  a <= b * high / (1 - high), and the mirror of it for the other side
    keep_longer = len(longer) if high == 1 else math.floor(len(shorter) * high / (1 - high) + 1e-9)
    keep_shorter = len(shorter) if low == 0 else math.floor(len(longer) * (1 - low) / low + 1e-9)
    surplus = _narrowest(longer, len(longer) - keep_longer) | _narrowest(shorter, len(shorter) - keep_shorter)
    if surplus:
        dropped["pairs that balance the lengths"] += len(surplus)
    return [pair for pair in pairs if pair.id not in surplus]


def _narrowest(pairs: list[PairChoice], count: int) -> set[str]:
    return {pair.id for pair in sorted(pairs, key=lambda pair: (pair.margin, pair.id))[: max(0, count)]}


def _drawn(pairs: list[PairChoice], settings: PairSettings, new: int) -> list[PairChoice]:
    most = round(settings.replay * new)
    drawn = sorted(pairs, key=lambda pair: share_of(f"replay{settings.iteration}", pair.id))[:most]
    return sorted(drawn, key=lambda pair: (pair.chosen.task_hash, pair.chosen.iteration, -pair.margin, pair.id))


def _correlation(points: Sequence[tuple[float, float]]) -> float | None:
    n = len(points)
    if n < 3:
        return None
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    covariance = sum((x - mean_x) * (y - mean_y) for x, y in points)
    spread = math.sqrt(sum((x - mean_x) ** 2 for x, _ in points) * sum((y - mean_y) ** 2 for _, y in points))
    return covariance / spread if spread > 0 else None
