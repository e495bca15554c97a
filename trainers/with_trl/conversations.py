"""Sequences for supervised fine-tuning: ids, and labels that leave out whatever the policy does not write."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from peercycle.core.errors import BadInputError
from peercycle.core.modelling import Message
from peercycle.core.training import Episode, PreferencePair
from peercycle.trainers.faults import fault_of

IGNORED = -100
Row = dict[str, list[int]]
_MESSAGES = TypeAdapter(list[Message])


def rows_of_pairs(pairs: Iterable[PreferencePair], min_reward: float | None) -> Iterator[tuple[Row, Episode]]:
    """Yield a row for each segment of the winners, or of every episode with at least this reward; each episode once.

    Held-out tasks are left out.
    """
    seen: set[str] = set()
    for pair in pairs:
        if pair.split != "train":
            continue
        for episode in (pair.chosen,) if min_reward is None else (pair.chosen, pair.rejected):
            enough = min_reward is None or (episode.reward is not None and episode.reward >= min_reward)
            if enough and episode.id not in seen:
                seen.add(episode.id)
                for segment in episode.segments:
                    own = zip(segment.completion_ids, segment.policy_mask, strict=True)
                    labels = [IGNORED] * len(segment.prompt_ids) + [i if mine else IGNORED for i, mine in own]
                    yield {"input_ids": [*segment.prompt_ids, *segment.completion_ids], "labels": labels}, episode


def rows_of_file(path: Path, tokenizer: Any) -> Iterator[Row]:
    """Yield a row for each conversation of a file of JSON lines. Raises `BadInputError` naming file and line."""
    try:
        lines = path.open(encoding="utf-8")
    except OSError as error:
        raise BadInputError(f"the conversations {str(path)!r} cannot be read: {error.strerror}") from None
    with lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    messages = _MESSAGES.validate_python(json.loads(line)["messages"])
                    yield row_of_messages(messages, tokenizer)
                except (ValueError, KeyError, TypeError) as error:
                    reason = fault_of(error)
                    raise BadInputError(f"line {number} of {str(path)!r} is no conversation: {reason}") from None


def row_of_messages(messages: list[Message], tokenizer: Any) -> Row:
    """Return a conversation's ids; only the assistant's turns are labelled.

    Raises `ValueError` where the chat template rewrites what came before: then no token can be said to be whose.
    """
    ids: list[int] = []
    labels: list[int] = []
    for place, message in enumerate(messages):
        if message.role != "assistant":
            continue
        asked = _rendered(messages[:place], tokenizer, generation=True)
        told = _rendered(messages[: place + 1], tokenizer, generation=False)
        if asked[: len(ids)] != ids or told[: len(asked)] != asked:
            raise ValueError("the chat template renders a turn otherwise once another follows it")
        labels += [IGNORED] * (len(asked) - len(ids)) + told[len(asked) :]
        ids = told
    if not any(label != IGNORED for label in labels):
        raise ValueError("it has no assistant's turn")
    return {"input_ids": ids, "labels": labels}


def within(rows: Iterable[Row], most: int | None, dropped: Counter[str]) -> list[Row]:
    """Return the rows that are not too long; the others are counted."""
    kept: list[Row] = []
    for row in rows:
        if most is not None and len(row["input_ids"]) > most:
            dropped["sequences over the token limit"] += 1
        else:
            kept.append(row)
    return kept


def _rendered(messages: list[Message], tokenizer: Any, *, generation: bool) -> list[int]:
    plain = [{"role": message.role, "content": message.content} for message in messages]
    text = tokenizer.apply_chat_template(plain, tokenize=False, add_generation_prompt=generation)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
