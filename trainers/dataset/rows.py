"""One pair as one row: texts for people and for TRL, ids and masks for an exact trainer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from peercycle.core.base import JSON
from peercycle.core.modelling import Message
from peercycle.core.training import Episode, PreferencePair
from peercycle.trainers.dataset.conversations import split_pair
from peercycle.trainers.pair_building import LoggedPair

_EPISODE = ("id", "run_id", "candidate", "reward", "judge", "iteration", "policy", "retokenized")


def row_of(logged: LoggedPair) -> dict[str, JSON]:
    """Return a pair as a JSON object."""
    pair = logged.pair
    prompt, chosen, rejected = split_pair(logged.chosen.turns, logged.rejected.turns)
    return {
        "prompt": _messages(prompt),
        "chosen": _messages(chosen),
        "rejected": _messages(rejected),
        "score_chosen": pair.chosen.reward,
        "score_rejected": pair.rejected.reward,
        "margin": pair.margin,
        "multi_turn": pair.multi_turn or len(chosen) != 1 or len(rejected) != 1,
        "id": pair.id,
        "task_hash": pair.task_hash,
        "strategy": pair.strategy,
        "tokenizer_hash": pair.chosen.tokenizer_hash,
        "template_hash": pair.chosen.template_hash,
        "chosen_episode": _episode(pair.chosen),
        "rejected_episode": _episode(pair.rejected),
        "chosen_segments": _segments(pair.chosen),
        "rejected_segments": _segments(pair.rejected),
    }


def pair_of(row: Mapping[str, Any], split: str) -> PreferencePair:
    """Return the pair that a row holds. Raises `ValidationError` or `KeyError` for what is no such row."""
    return PreferencePair.model_validate(
        {
            "id": row["id"],
            "task_hash": row["task_hash"],
            "chosen": _whole(row, "chosen"),
            "rejected": _whole(row, "rejected"),
            "margin": row["margin"],
            "strategy": row["strategy"],
            "split": split,
            "multi_turn": row["multi_turn"],
        }
    )


def features() -> list[dict[str, Any]]:
    """Return the columns with their types, as the card states them: nothing is left to be guessed."""
    messages = {"list": [{"name": "role", "dtype": "string"}, {"name": "content", "dtype": "string"}]}
    segments = {
        "list": [
            {"name": "prompt_ids", "list": "int64"},
            {"name": "completion_ids", "list": "int64"},
            {"name": "policy_mask", "list": "int64"},
        ]
    }
    episode = {
        "struct": [
            {"name": name, "dtype": dtype}
            for name, dtype in zip(
                _EPISODE,
                ("string", "string", "string", "float64", "float64", "int64", "string", "bool"),
                strict=True,
            )
        ]
    }
    plain = {
        "score_chosen": "float64",
        "score_rejected": "float64",
        "margin": "float64",
        "multi_turn": "bool",
        "id": "string",
        "task_hash": "string",
        "strategy": "string",
        "tokenizer_hash": "string",
        "template_hash": "string",
    }
    return [
        *({"name": name, **messages} for name in ("prompt", "chosen", "rejected")),
        *({"name": name, "dtype": dtype} for name, dtype in plain.items()),
        *({"name": name, **episode} for name in ("chosen_episode", "rejected_episode")),
        *({"name": name, **segments} for name in ("chosen_segments", "rejected_segments")),
    ]


def _messages(messages: Sequence[Message]) -> list[JSON]:
    return [{"role": message.role, "content": message.content} for message in messages]


def _episode(episode: Episode) -> dict[str, JSON]:
    dumped = episode.model_dump(mode="json", include=set(_EPISODE))
    return {name: dumped[name] for name in _EPISODE}


def _segments(episode: Episode) -> list[JSON]:
    return [
        {
            "prompt_ids": list(segment.prompt_ids),
            "completion_ids": list(segment.completion_ids),
            "policy_mask": list(map(int, segment.policy_mask)),
        }
        for segment in episode.segments
    ]


def _whole(row: Mapping[str, Any], side: str) -> dict[str, Any]:
    return {
        **row[f"{side}_episode"],
        "task_hash": row["task_hash"],
        "tokenizer_hash": row["tokenizer_hash"],
        "template_hash": row["template_hash"],
        "segments": row[f"{side}_segments"],
    }
