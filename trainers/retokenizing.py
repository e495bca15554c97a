"""New token ids from texts, for logs whose engine gave none: never the default, always recorded.

What comes out is what a tokenizer makes of the text, which need not be what was sampled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from peercycle.trainers.episodes import Retokenize
from peercycle.trainers.model_folder import hashes_of, load_tokenizer
from peercycle.trainers.segments import LoggedTurn, UnfaithfulLogError


def retokenize_with(base: str) -> Retokenize:
    """Return what gives turns the ids of the tokenizer of `base`, a model's name or folder.

    Raises `UsageError` where it has no tokenizer or no chat template.
    """
    tokenizer = load_tokenizer(base, needs_template=True)
    tokenizer_hash, template_hash = hashes_of(base)

    def again(turns: Sequence[LoggedTurn]) -> list[LoggedTurn]:
        return [
            replace(
                turn,
                prompt_ids=_prompt(tokenizer, turn),
                completion_ids=_completion(tokenizer, turn),
                logprobs=None,
                tokenizer_hash=tokenizer_hash,
                template_hash=template_hash,
            )
            for turn in turns
        ]

    return again


def _prompt(tokenizer: Any, turn: LoggedTurn) -> tuple[int, ...]:
    if not turn.messages:
        raise UnfaithfulLogError(
            "episodes asked by token ids alone", "a prompt was logged as ids only and has no text to tokenise again"
        )
    messages = [{"role": message.role, "content": message.content} for message in turn.messages]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True) + turn.prefix
    # The template writes the special tokens itself: adding them again would begin with two.
    return tuple(tokenizer(text, add_special_tokens=False)["input_ids"])


def _completion(tokenizer: Any, turn: LoggedTurn) -> tuple[int, ...]:
    if turn.reasoning:
        raise UnfaithfulLogError(
            "episodes whose thoughts were told apart",
            "a completion was sampled with thoughts that its text lacks, and cannot be tokenised again",
        )
    ids = tuple(tokenizer(turn.text, add_special_tokens=False)["input_ids"])
    # A text cut at the token limit did not end: an end token there would teach the model to stop half-way.
    end: Any = tokenizer.eos_token_id
    return (*ids, int(end)) if turn.finish_reason == "stop" and end is not None else ids
