"""An episode as a conversation: what stands in the columns `prompt`, `chosen` and `rejected`."""

from __future__ import annotations

from collections.abc import Sequence

from peercycle.core.modelling import Message
from peercycle.trainers.segments import LoggedTurn


def conversation(turns: Sequence[LoggedTurn]) -> list[Message]:
    """Return every message of an episode once, in order.

    A turn that continues the last one adds what is new; one under a prompt of its own adds that prompt whole.
    """
    told: list[Message] = []
    for turn in turns:
        asked = list(turn.messages)
        shared = _common(told, asked) if len(_common(told, asked)) == len(told) else []
        told += asked[len(shared) :]
        told.append(Message(role="assistant", content=turn.turn))
    return told


def split_pair(
    chosen: Sequence[LoggedTurn], rejected: Sequence[LoggedTurn]
) -> tuple[list[Message], list[Message], list[Message]]:
    """Return prompt, chosen and rejected: the prompt is what both were asked before either answered."""
    won, lost = conversation(chosen), conversation(rejected)
    asked = _common(list(chosen[0].messages), list(rejected[0].messages))
    return asked, won[len(asked) :], lost[len(asked) :]


def _common(first: Sequence[Message], second: Sequence[Message]) -> list[Message]:
    shared: list[Message] = []
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        shared.append(one)
    return shared
