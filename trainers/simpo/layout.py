"""How episodes lie in the tensors that go through the model, and which hidden state predicts which token.

*Padded*: a row for each segment, its prompt before it, filled up on the right; with causal attention what stands on the
right is never seen, so no mask is needed. *Packed*: one row; each prompt once, and behind it every completion that
begins from it, with positions that restart at the prompt's end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from peercycle.trainers.simpo.batches import EpisodeIds, SegmentIds


@dataclass(frozen=True, slots=True)
class PrefixGroup:
    """A prompt in the row, and the completions that share it: offsets and lengths."""

    start: int
    length: int
    completions: tuple[tuple[int, int], ...]

    @property
    def end(self) -> int:
        """Where the group ends."""
        last, length = self.completions[-1]
        return last + length


@dataclass(frozen=True, slots=True)
class Layout:
    """Episodes laid out for one forward pass."""

    ids: torch.Tensor
    """[rows, width], int64."""
    positions: torch.Tensor | None
    groups: tuple[PrefixGroup, ...]
    """Empty where every row is an ordinary causal sequence."""
    predictors: torch.Tensor
    """[K]: places in the flattened hidden states, episode by episode."""
    targets: torch.Tensor
    """[K]: the tokens that the policy wrote."""
    counts: tuple[int, ...]
    """How many of them each episode has."""
    real: int
    """Tokens that are no filling."""

    def to(self, device: torch.device) -> Layout:
        """Return the same on a device."""
        return Layout(
            self.ids.to(device),
            None if self.positions is None else self.positions.to(device),
            self.groups,
            self.predictors.to(device),
            self.targets.to(device),
            self.counts,
            self.real,
        )


def padded(episodes: Sequence[EpisodeIds]) -> Layout:
    """Lay each segment in a row of its own."""
    segments = [segment for episode in episodes for segment in episode.segments]
    width = max(segment.length for segment in segments)
    ids = torch.zeros((len(segments), width), dtype=torch.long)
    places: list[torch.Tensor] = []
    for row, segment in enumerate(segments):
        prompt = len(segment.prompt)
        ids[row, :prompt] = segment.prompt
        ids[row, prompt : segment.length] = segment.completion
        places.append(_own(segment) + row * width + prompt - 1)
    return Layout(
        ids, None, (), torch.cat(places), _targets(segments), _counts(episodes), sum(s.length for s in segments)
    )


def packed(episodes: Sequence[EpisodeIds]) -> Layout:
    """Lay all segments in one row, each prompt once."""
    segments = [segment for episode in episodes for segment in episode.segments]
    prompts: dict[int, list[int]] = {}
    for number, segment in enumerate(segments):
        prompts.setdefault(id(segment.prompt), []).append(number)
    ids: list[torch.Tensor] = []
    positions: list[torch.Tensor] = []
    groups: list[PrefixGroup] = []
    places: list[torch.Tensor] = [torch.empty(0)] * len(segments)
    at = 0
    for numbers in prompts.values():
        prompt = segments[numbers[0]].prompt
        start, length = at, len(prompt)
        ids.append(prompt)
        positions.append(torch.arange(length))
        at += length
        completions: list[tuple[int, int]] = []
        for number in numbers:
            segment = segments[number]
            own = _own(segment)
            # A completion's first token is predicted by the prompt's last state, wherever the completion lies.
            places[number] = torch.where(own == 0, start + length - 1, at + own - 1)
            ids.append(segment.completion)
            positions.append(torch.arange(length, segment.length))
            completions.append((at, len(segment.completion)))
            at += len(segment.completion)
        groups.append(PrefixGroup(start, length, tuple(completions)))
    return Layout(
        torch.cat(ids).long()[None],
        torch.cat(positions)[None],
        tuple(groups),
        torch.cat(places),
        _targets(segments),
        _counts(episodes),
        at,
    )


def _own(segment: SegmentIds) -> torch.Tensor:
    return segment.mask.nonzero().squeeze(-1)


def _targets(segments: Sequence[SegmentIds]) -> torch.Tensor:
    return torch.cat([segment.completion[segment.mask] for segment in segments]).long()


def _counts(episodes: Sequence[EpisodeIds]) -> tuple[int, ...]:
    return tuple(episode.tokens for episode in episodes)
