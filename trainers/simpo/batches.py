"""Pairs as a trainer holds them: four bytes a token, each episode and each prompt once; steps of pairs; units of a step.

A step is one update of the weights, over `batch_pairs` pairs, whatever the memory mode. A unit is what goes through the
model at once: one pair, or, in `group` mode, all pairs of a step that share a task.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import torch

from peercycle.core.errors import BadInputError
from peercycle.core.training import Episode, PreferencePair


@dataclass(frozen=True, slots=True)
class SegmentIds:
    """A completion under its prompt."""

    prompt: torch.Tensor
    """int32; one object for equal prompts."""
    completion: torch.Tensor
    mask: torch.Tensor
    """bool: which tokens the policy wrote."""

    @property
    def length(self) -> int:
        """Tokens of prompt and completion."""
        return len(self.prompt) + len(self.completion)


@dataclass(frozen=True, slots=True)
class EpisodeIds:
    """An episode's tokens."""

    id: str
    segments: tuple[SegmentIds, ...]
    tokens: int
    """Tokens that the policy wrote: what |y| counts."""

    @property
    def length(self) -> int:
        """All tokens that go through the model for it."""
        return sum(segment.length for segment in self.segments)


@dataclass(frozen=True, slots=True)
class PairIds:
    """A pair's tokens."""

    id: str
    task: str
    winner: EpisodeIds
    loser: EpisodeIds


@dataclass(frozen=True, slots=True)
class Unit:
    """Pairs that go through the model together, and the episodes they are made of, each once."""

    pairs: tuple[PairIds, ...]
    episodes: tuple[EpisodeIds, ...]
    winners: tuple[int, ...]
    losers: tuple[int, ...]


@dataclass(slots=True)
class PairStore:
    """Takes pairs in, one at a time, and keeps their ids; nothing of a pair's objects is held on to."""

    max_tokens: int | None = None
    train: list[PairIds] = field(default_factory=list)
    heldout: list[PairIds] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    hashes: set[tuple[str | None, str | None]] = field(default_factory=set)
    iterations: set[int] = field(default_factory=set)
    _prompts: dict[bytes, torch.Tensor] = field(default_factory=dict)
    _episodes: dict[str, EpisodeIds] = field(default_factory=dict)

    def add(self, pair: PreferencePair) -> None:
        """Take a pair in, or count why not. Raises `BadInputError` for one that no trainer could be meant to use."""
        for side, episode in (("chosen", pair.chosen), ("rejected", pair.rejected)):
            if not any(any(segment.policy_mask) for segment in episode.segments):
                raise BadInputError(f"the {side} episode of pair {pair.id!r} holds no token that the policy wrote")
            if any(not segment.prompt_ids for segment in episode.segments):
                raise BadInputError(f"the {side} episode of pair {pair.id!r} has an empty prompt")
        sides = [(e.tokenizer_hash, e.template_hash) for e in (pair.chosen, pair.rejected)]
        self.hashes.update(sides)
        winner, loser = self._episode(pair.chosen), self._episode(pair.rejected)
        longest = max(segment.length for one in (winner, loser) for segment in one.segments)
        if self.max_tokens is not None and longest > self.max_tokens:
            self.dropped["pairs over the token limit"] += 1
            return
        if _same(winner, loser):
            self.dropped["pairs of one text"] += 1
            return
        self.iterations.add(pair.chosen.iteration)
        kept = self.train if pair.split == "train" else self.heldout
        kept.append(PairIds(pair.id, pair.task_hash, winner, loser))

    def _episode(self, episode: Episode) -> EpisodeIds:
        known = self._episodes.get(episode.id)
        segments = tuple(
            SegmentIds(
                self._prompt(segment.prompt_ids),
                torch.tensor(segment.completion_ids, dtype=torch.int32),
                torch.tensor(segment.policy_mask, dtype=torch.bool),
            )
            for segment in episode.segments
        )
        made = EpisodeIds(episode.id, segments, sum(int(segment.mask.sum()) for segment in segments))
        if known is not None and _same(known, made):
            return known
        self._episodes[episode.id] = made
        return made

    def _prompt(self, ids: tuple[int, ...]) -> torch.Tensor:
        made = torch.tensor(ids, dtype=torch.int32)
        return self._prompts.setdefault(hashlib.sha256(made.numpy().tobytes()).digest(), made)

    def fingerprint(self) -> str:
        """Return a hash of everything that will be trained on, in order."""
        digest = hashlib.sha256()
        for split, pairs in (("train", self.train), ("heldout", self.heldout)):
            for pair in pairs:
                digest.update(f"{split} {pair.id} {pair.task}".encode())
                for episode in (pair.winner, pair.loser):
                    for segment in episode.segments:
                        for part in (segment.prompt, segment.completion, segment.mask):
                            digest.update(bytes(part.numpy()))
        return digest.hexdigest()

    def least_and_largest_id(self) -> tuple[int, int]:
        """Return the lowest and the highest token id of any pair."""
        found = [
            (int(ids.min()), int(ids.max()))
            for pair in (*self.train, *self.heldout)
            for episode in (pair.winner, pair.loser)
            for segment in episode.segments
            for ids in (segment.prompt, segment.completion)
        ]
        return min(least for least, _ in found), max(largest for _, largest in found)


def take_in(pairs: Iterable[PreferencePair], max_tokens: int | None) -> PairStore:
    """Return the pairs' ids. Raises `BadInputError`, saying what was dropped, where none is left to train on."""
    store = PairStore(max_tokens)
    for pair in pairs:
        store.add(pair)
    if not store.train:
        why = "; ".join(f"{count} {reason}" for reason, count in store.dropped.items())
        held = f"{len(store.heldout)} are held out" if store.heldout else "none was given"
        raise BadInputError(f"there are no pairs to train on ({why or held})")
    return store


def steps_of(
    pairs: Sequence[PairIds], batch: int, epochs: float, seed: int, max_steps: int | None = None
) -> list[list[PairIds]]:
    """Return the steps of a training, in order: tasks shuffled anew in each epoch, pairs of a task together."""
    wanted = round(len(pairs) * epochs)
    steps: list[list[PairIds]] = []
    current: list[PairIds] = []
    taken = epoch = 0
    while taken < wanted:
        for pair in _shuffled(pairs, seed + epoch)[: wanted - taken]:
            current.append(pair)
            if len(current) == batch:
                steps.append(current)
                current = []
        taken += len(pairs)
        epoch += 1
    if current:
        steps.append(current)
    return steps[:max_steps] or [list(pairs[:batch])]


def units_of(pairs: Sequence[PairIds], *, grouped: bool) -> list[Unit]:
    """Return what goes through the model at once: pairs one by one, or all of a task together."""
    if not grouped:
        return [_unit([pair]) for pair in pairs]
    tasks: dict[str, list[PairIds]] = {}
    for pair in pairs:
        tasks.setdefault(pair.task, []).append(pair)
    return [_unit(group) for group in tasks.values()]


def _unit(pairs: Sequence[PairIds]) -> Unit:
    places: dict[int, int] = {}
    episodes: list[EpisodeIds] = []
    for pair in pairs:
        for one in (pair.winner, pair.loser):
            if id(one) not in places:
                places[id(one)] = len(episodes)
                episodes.append(one)
    return Unit(
        tuple(pairs),
        tuple(episodes),
        tuple(places[id(pair.winner)] for pair in pairs),
        tuple(places[id(pair.loser)] for pair in pairs),
    )


def _shuffled(pairs: Sequence[PairIds], seed: int) -> list[PairIds]:
    tasks: dict[str, list[PairIds]] = {}
    for pair in pairs:
        tasks.setdefault(pair.task, []).append(pair)
    order = list(tasks)
    random.Random(seed).shuffle(order)
    return [pair for task in order for pair in tasks[task]]


def _same(first: EpisodeIds, second: EpisodeIds) -> bool:
    parts: list[Callable[[SegmentIds], torch.Tensor]] = [
        lambda segment: segment.prompt,
        lambda segment: segment.completion,
        lambda segment: segment.mask,
    ]
    return len(first.segments) == len(second.segments) and all(
        torch.equal(part(one), part(other))
        for one, other in zip(first.segments, second.segments, strict=True)
        for part in parts
    )
