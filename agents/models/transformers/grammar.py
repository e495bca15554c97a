"""Answers held to a JSON schema while they are sampled, through llguidance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from peercycle.core.base import JSON
from peercycle.core.errors import ModelError, ModelUnavailableError

if TYPE_CHECKING:
    import torch

INSTALL = "pip install 'peercycle[transformers]'"


class Grammars:
    """Makes matchers for one tokenizer, which is read once, at first need."""

    def __init__(self, tokenizer: Any, vocabulary: int, ends: frozenset[int]) -> None:
        self._tokenizer = tokenizer
        self._vocabulary = vocabulary
        self._ends = ends
        self._read: Any = None

    def matcher(self, schema: Mapping[str, JSON]) -> Matcher:
        """Return a matcher at the beginning of an answer. Raises `ModelError` for a schema it cannot hold to."""
        try:
            import llguidance
            import llguidance.hf
        except ImportError:
            raise ModelUnavailableError(f"an answer held to a JSON schema needs llguidance: {INSTALL}") from None
        if self._read is None:
            end = min(self._ends) if self._ends else None
            self._read = llguidance.hf.from_tokenizer(self._tokenizer, n_vocab=self._vocabulary, eos_token=end)
        grammar = llguidance.LLMatcher.grammar_from_json_schema(
            json.dumps(dict(schema)), defaults={"whitespace_flexible": False}
        )
        inner = llguidance.LLMatcher(self._read, grammar)
        if problem := inner.get_error():
            raise ModelError(f"the response schema cannot constrain this engine: {problem}")
        return Matcher(inner)


class Matcher:
    """Where one answer stands in its schema."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    @property
    def ended(self) -> bool:
        """Whether the answer is whole and nothing may follow."""
        return bool(self.inner.is_stopped())

    def take(self, token: int) -> None:
        """Go on by one sampled token."""
        if not self.inner.consume_token(token):
            raise ModelError(f"a sampled token left the response schema: {self.inner.get_error()}")


def mask(logits: torch.Tensor, matchers: Sequence[Matcher | None]) -> None:
    """Forbid, in place, what would leave a row's schema; rows without one are left as they are."""
    held = [(number, matcher) for number, matcher in enumerate(matchers) if matcher is not None]
    if not held:
        return
    import numpy
    import torch
    from llguidance import numpy as bits

    width = logits.shape[-1]
    allowed = bits.allocate_token_bitmask(len(held), width)
    for place, (_, matcher) in enumerate(held):
        bits.fill_next_token_bitmask(matcher.inner, allowed, place)
    # Not llguidance.torch: it compiles its kernel at import, which takes seconds and a C++ compiler.
    may = numpy.unpackbits(allowed.view(numpy.uint8), axis=1, bitorder="little")[:, :width].astype(bool)
    rows = [number for number, _ in held]
    logits[rows] = logits[rows].masked_fill(~torch.from_numpy(may).to(logits.device), float("-inf"))
