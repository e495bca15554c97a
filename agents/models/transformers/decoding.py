"""A batch of prompts decoded side by side, each row ending when it is done.

Our own loop instead of `generate`: there a batch has one temperature and one source of chance, and a row would be
answered otherwise in other company. Prompts are padded on the left; equal ones are computed once.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from peercycle.agents.models.transformers.grammar import Matcher, mask
from peercycle.agents.models.transformers.sampling import Choice, draw
from peercycle.core.errors import ModelError

TAIL_TOKENS = 8
"""More tokens at an answer's end are looked through for a stop text than it has bytes."""


@dataclass(slots=True)
class Row:
    """One answer as it grows."""

    choice: Choice
    limit: int
    stops: tuple[str, ...] = ()
    ignore_eos: bool = False
    matcher: Matcher | None = None
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    """Log-probability of each token under the model itself: before temperature, nucleus and schema."""
    text: str = ""
    finish: str | None = None


class Decoder:
    """Runs one model over batches of rows."""

    def __init__(self, model: Any, tokenizer: Any, ending: threading.Event) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._ending = ending
        self.ends = _end_tokens(model, tokenizer)
        self.vocabulary = int(model.config.get_text_config().vocab_size)
        bare = model.get_base_model() if hasattr(model, "get_base_model") else model
        named = inspect.signature(bare.forward).parameters
        self._last_only = {"logits_to_keep": 1} if "logits_to_keep" in named else {}
        self._placed = "position_ids" in named
        # Renamed in transformers 5.24.
        self._cache = "cache" if "cache" in named else "past_key_values"

    @torch.inference_mode()
    def decode(self, prompts: Sequence[tuple[int, ...]], rows: Sequence[Row]) -> None:
        """Fill the rows, one prompt each. Raises `torch.OutOfMemoryError` where the batch does not fit."""
        active = list(rows)
        logits, cache, seen = self._prefill(prompts)
        while True:
            tokens = self._step(logits, active)
            going = [number for number, row in enumerate(active) if row.finish is None]
            if not going:
                break
            if len(going) < len(active):
                kept = torch.tensor(going, device=tokens.device)
                cache.batch_select_indices(kept)
                tokens, seen, active = tokens[kept], seen[kept], [active[number] for number in going]
            if self._ending.is_set():
                raise ModelError("the engine was left while it was answering")
            seen = torch.cat([seen, seen.new_ones((len(active), 1))], -1)
            logits, cache = self._forward(tokens[:, None], seen, seen.sum(-1, keepdim=True) - 1, cache)
        for row in rows:
            row.text = self._cut(row)

    def _prefill(self, prompts: Sequence[tuple[int, ...]]) -> tuple[torch.Tensor, Any, torch.Tensor]:
        """Compute each different prompt once, and hand its keys and values to all rows that begin with it."""
        different = list(dict.fromkeys(prompts))
        width = max(map(len, different))
        device = self._model.get_input_embeddings().weight.device
        filler = min(self.ends, default=0)
        ids = torch.tensor([[filler] * (width - len(p)) + list(p) for p in different], device=device)
        seen = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in different], device=device)
        logits, cache = self._forward(ids, seen, (seen.cumsum(-1) - 1).clamp(min=0), None)
        if len(different) == len(prompts):
            return logits, cache, seen
        order = torch.tensor([different.index(prompt) for prompt in prompts], device=device)
        cache.batch_select_indices(order)
        return logits[order], cache, seen[order]

    def _forward(
        self, ids: torch.Tensor, seen: torch.Tensor, positions: torch.Tensor, cache: Any
    ) -> tuple[torch.Tensor, Any]:
        more: dict[str, Any] = {self._cache: cache, **self._last_only}
        if self._placed:
            more["position_ids"] = positions
        out = self._model(input_ids=ids, attention_mask=seen, use_cache=True, **more)
        return out.logits[:, -1].float(), out[self._cache]

    def _step(self, logits: torch.Tensor, rows: Sequence[Row]) -> torch.Tensor:
        """Draw a token for each row, keep it, and say which rows it ended."""
        scores = torch.log_softmax(logits, -1)
        mask(logits, [row.matcher for row in rows])
        tokens = draw(logits, [row.choice for row in rows])
        chosen = scores.gather(-1, tokens[:, None]).squeeze(-1).tolist()
        for row, token, score in zip(rows, tokens.tolist(), chosen, strict=True):
            row.ids.append(token)
            row.logprobs.append(min(score, 0.0))
            row.finish = self._finish(row, token)
        return tokens

    def _finish(self, row: Row, token: int) -> str | None:
        if token in self.ends and not row.ignore_eos:
            return "stop"
        if row.matcher is not None:
            row.matcher.take(token)
            if row.matcher.ended:
                return "stop"
        if row.stops:
            width = max(len(stop.encode()) for stop in row.stops) + TAIL_TOKENS
            tail = self._decoded(row.ids[-width:])
            if any(stop in tail for stop in row.stops):
                return "stop"
        return "length" if len(row.ids) >= row.limit else None

    def _cut(self, row: Row) -> str:
        text = self._decoded(row.ids)
        places = [at for stop in row.stops if stop and (at := text.find(stop)) >= 0]
        return text[: min(places)] if places else text

    def _decoded(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Return every token that ends an answer, as the weights' generation config and the tokenizer name them."""
    named = [
        model.generation_config.eos_token_id,
        model.config.get_text_config().eos_token_id,
        tokenizer.eos_token_id,
    ]
    found: set[int] = set()
    for value in named:
        found.update(value if isinstance(value, list) else [] if value is None else [value])
    return frozenset(found)
