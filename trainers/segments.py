"""From the turns of a log to segments: each turn under its own prompt, a continued conversation as one segment.

Where a turn's prompt begins with everything that an earlier turn's engine saw, the two are one segment: what stands
between them (experiment results, a further question) is kept in its place and carries no loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from peercycle.core.errors import PeercycleError
from peercycle.core.modelling import Message
from peercycle.core.training import Segment


class UnfaithfulLogError(PeercycleError, ValueError):
    """An episode cannot be rebuilt token for token from its log; `reason` is what it is counted under."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class LoggedTurn:
    """One accepted completion: what the engine was given, and what it sampled."""

    messages: tuple[Message, ...]
    text: str
    prompt_ids: tuple[int, ...]
    completion_ids: tuple[int, ...]
    finish_reason: str | None = None
    logprobs: tuple[float, ...] | None = None
    tokenizer_hash: str | None = None
    template_hash: str | None = None
    model: str = ""
    stage: str = ""
    prefix: str = ""
    """Text that the answer was made to begin with: part of the prompt's ids, and of the assistant's turn."""
    reasoning: str = ""
    """Thoughts that were told apart from the text; how they were written, the log does not say."""

    @property
    def turn(self) -> str:
        """The assistant's turn as a whole."""
        return self.prefix + self.text


@dataclass(slots=True)
class _Open:
    prompt_ids: tuple[int, ...]
    completion_ids: list[int]
    mask: list[bool]
    turns: list[LoggedTurn] = field(default_factory=list)

    def begins(self, ids: tuple[int, ...]) -> bool:
        """Whether `ids` begin with all that this segment's engine saw."""
        seen = len(self.prompt_ids) + len(self.completion_ids)
        return (
            len(ids) >= seen
            and ids[: len(self.prompt_ids)] == self.prompt_ids
            and ids[len(self.prompt_ids) : seen] == tuple(self.completion_ids)
        )


def segments_of(turns: Sequence[LoggedTurn], *, discontinued: str = "drop") -> tuple[Segment, ...]:
    """Return the segments of an episode, in order.

    Raises `UnfaithfulLogError` where a turn holds no tokens, or says by its messages that it continues a turn
    whose ids its prompt does not begin with (unless `discontinued` is `segment`).
    """
    made: list[_Open] = []
    for number, turn in enumerate(turns, 1):
        if not turn.completion_ids or not turn.prompt_ids:
            what = "completion" if turn.prompt_ids else "prompt"
            raise UnfaithfulLogError(
                "episodes with an empty completion or prompt", f"turn {number} has an empty {what}"
            )
        continued = max((one for one in made if one.begins(turn.prompt_ids)), key=_seen, default=None)
        if continued is not None:
            between = turn.prompt_ids[_seen(continued) :]
            continued.completion_ids += [*between, *turn.completion_ids]
            continued.mask += [False] * len(between) + [True] * len(turn.completion_ids)
            continued.turns.append(turn)
            continue
        if discontinued == "drop" and any(_claims_to_continue(turn, one.turns[-1]) for one in made):
            raise UnfaithfulLogError(
                "episodes whose ids do not continue the turn before",
                f"turn {number} continues a conversation, and its prompt does not begin with the ids of that",
            )
        ids = turn.completion_ids
        made.append(_Open(turn.prompt_ids, list(ids), [True] * len(ids), [turn]))
    segments = tuple(
        Segment(prompt_ids=one.prompt_ids, completion_ids=tuple(one.completion_ids), policy_mask=tuple(one.mask))
        for one in made
    )
    check_fidelity(segments, turns)
    return segments


def check_fidelity(segments: Sequence[Segment], turns: Sequence[LoggedTurn]) -> None:
    """Check segments against the log they came from, whoever made them.

    Every turn's prompt and completion must be the beginning of one segment, its completion under the mask; the
    masks' sum must be the number of sampled tokens. Raises `UnfaithfulLogError`.
    """
    sampled = sum(len(turn.completion_ids) for turn in turns)
    masked = sum(sum(segment.policy_mask) for segment in segments)
    if masked != sampled:
        raise UnfaithfulLogError(
            "episodes that are not what the engine saw",
            f"the masks hold {masked} tokens and the policy sampled {sampled}",
        )
    for number, turn in enumerate(turns, 1):
        if not any(_holds(segment, turn) for segment in segments):
            raise UnfaithfulLogError(
                "episodes that are not what the engine saw", f"no segment begins with what turn {number} saw and said"
            )


def _holds(segment: Segment, turn: LoggedTurn) -> bool:
    ids = turn.prompt_ids + turn.completion_ids
    start = len(turn.prompt_ids) - len(segment.prompt_ids)
    end = len(ids) - len(segment.prompt_ids)
    return (
        start >= 0
        and ids[: len(segment.prompt_ids)] == segment.prompt_ids
        and ids[len(segment.prompt_ids) :] == segment.completion_ids[:end]
        and all(segment.policy_mask[start:end])
    )


def _seen(one: _Open) -> int:
    return len(one.prompt_ids) + len(one.completion_ids)


def _claims_to_continue(turn: LoggedTurn, earlier: LoggedTurn) -> bool:
    said = len(earlier.messages)
    if not said or len(turn.messages) <= said or turn.messages[:said] != earlier.messages:
        return False
    answer = turn.messages[said]
    return answer.role == "assistant" and answer.content.strip() == earlier.turn.strip()
