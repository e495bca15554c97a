"""Collapse sentinels: a few prompts answered at each evaluation, and how the answers look.

SimPO's known failure is that rewards of winners fall while margins rise, until the text repeats itself; the loss does
not show it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import torch

from peercycle.trainers.repetition import repetition
from peercycle.trainers.simpo.batches import PairIds
from peercycle.trainers.simpo.scoring import causal_model

_FENCED = re.compile(r"```json\s*\n(.*?)```", re.DOTALL)


def probe(
    model: Any, pairs: Sequence[PairIds], *, prompts: int, tokens: int, tokenizer: Any | None
) -> dict[str, float]:
    """Answer the first prompts greedily and return how the answers look; nothing where there is nothing to ask."""
    asked = list({id(s.prompt): s.prompt for pair in pairs for s in pair.winner.segments[:1]}.values())[:prompts]
    if not asked:
        return {}
    ends = _end_tokens(model)
    answers = [_answer(model, prompt, tokens, ends) for prompt in asked]
    found = sentinels(answers, ends)
    if tokenizer is not None:
        found |= _json_validity([str(tokenizer.decode(answer)) for answer in answers])
    return found


def sentinels(answers: Sequence[Sequence[int]], ends: frozenset[int]) -> dict[str, float]:
    """Return how answers look: repetition of 4-grams, share that ends, mean length, share of distinct tokens."""
    lengths = [len(answer) for answer in answers]
    return {
        "probe_repetition": sum(map(repetition, answers)) / len(answers),
        "probe_ended": sum(bool(answer) and answer[-1] in ends for answer in answers) / len(answers),
        "probe_length": sum(lengths) / len(lengths),
        "probe_distinct": sum(len(set(answer)) / max(1, len(answer)) for answer in answers) / len(answers),
    }


@torch.no_grad()
def _answer(model: Any, prompt: torch.Tensor, tokens: int, ends: frozenset[int]) -> list[int]:
    inner = causal_model(model)
    device = inner.get_input_embeddings().weight.device
    ids = prompt.long().to(device)[None]
    cache: Any = None
    answer: list[int] = []
    was_training = model.training
    model.eval()
    try:
        for _ in range(tokens):
            out = inner(input_ids=ids, use_cache=True, **({} if cache is None else {"past_key_values": cache}))
            cache = out.past_key_values
            token = int(out.logits[0, -1].argmax())
            answer.append(token)
            if token in ends:
                break
            ids = torch.tensor([[token]], device=device)
    finally:
        model.train(was_training)
    return answer


def _end_tokens(model: Any) -> frozenset[int]:
    inner = causal_model(model)
    found: set[int] = set()
    for value in (
        getattr(inner.generation_config, "eos_token_id", None),
        inner.config.get_text_config().eos_token_id,
    ):
        found.update(value if isinstance(value, list) else [] if value is None else [value])
    return frozenset(found)


def _json_validity(texts: Sequence[str]) -> dict[str, float]:
    blocks = [block for text in texts for block in _FENCED.findall(text)]
    if not blocks:
        return {}
    return {"probe_json_valid": sum(_parses(block) for block in blocks) / len(blocks)}


def _parses(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
