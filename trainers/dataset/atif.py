"""Episodes as trajectories of the Agent Trajectory Interchange Format, version 1.4 (Harbor's RFC 0001)."""

from __future__ import annotations

from typing import Any

from peercycle import __version__
from peercycle.core.base import JSON
from peercycle.core.modelling import Message
from peercycle.trainers.episodes import LoggedEpisode
from peercycle.trainers.segments import LoggedTurn

VERSION = "ATIF-v1.4"
_SOURCES = {"system": "system", "user": "user", "assistant": "agent", "tool": "user"}


def trajectory(logged: LoggedEpisode) -> dict[str, JSON]:
    """Return an episode as one trajectory: each message a step, each completion a step with its token ids."""
    episode = logged.episode
    steps: list[JSON] = []
    told: list[Message] = []
    for turn in logged.turns:
        known = len(told) if list(turn.messages[: len(told)]) == told else 0
        for message in turn.messages[known:]:
            steps.append(_step(len(steps) + 1, _SOURCES[message.role], message.content))
        steps.append({**_step(len(steps) + 1, "agent", turn.turn), "metrics": _metrics(turn)})
        told = [*turn.messages, Message(role="assistant", content=turn.turn)]
    return {
        "schema_version": VERSION,
        "session_id": episode.id,
        "agent": {"name": "peercycle", "version": __version__, "model_name": logged.turns[0].model},
        "steps": steps,
        "final_metrics": {
            "total_prompt_tokens": sum(len(turn.prompt_ids) for turn in logged.turns),
            "total_completion_tokens": sum(len(turn.completion_ids) for turn in logged.turns),
            "total_steps": len(steps),
        },
        "extra": {
            "reward": episode.reward,
            "judge": episode.judge,
            "task_hash": episode.task_hash,
            "policy": episode.policy,
            "iteration": episode.iteration,
            "retokenized": episode.retokenized,
            "tokenizer_hash": episode.tokenizer_hash,
            "template_hash": episode.template_hash,
        },
    }


def _step(number: int, source: str, message: str) -> dict[str, JSON]:
    return {"step_id": number, "source": source, "message": message}


def _metrics(turn: LoggedTurn) -> dict[str, Any]:
    metrics: dict[str, Any] = {
        "prompt_tokens": len(turn.prompt_ids),
        "completion_tokens": len(turn.completion_ids),
        "prompt_token_ids": list(turn.prompt_ids),
        "completion_token_ids": list(turn.completion_ids),
    }
    if turn.logprobs is not None:
        metrics["logprobs"] = list(turn.logprobs)
    return metrics
