"""A model that speaks the published formats, each answer written by the grammars."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from tests.agents.formats.grammar_papers import paper
from tests.agents.formats.grammar_reviews import cyclereviewer, deepreviewer
from tests.agents.schema_model import SCRIPT

from peercycle.agents.models import bytes_tokenizer as tokenizer
from peercycle.core.modelling import Completion, ModelRequest, ModelResult, Usage


class ProtocolModel:
    """Answers by what is asked: a paper's front, its rest, a program, reviews."""

    def __init__(self) -> None:
        self.asked: list[ModelRequest] = []

    async def generate(self, requests: Sequence[ModelRequest]) -> Sequence[ModelResult]:
        self.asked += requests
        return [self._answer(request) for request in requests]

    def worst_case(self, request: ModelRequest) -> Usage:
        most = request.sampling.max_tokens or 8000
        return Usage(prompt_tokens=len(tokenizer.prompt_ids(request)), completion_tokens=most, model_calls=1)

    def _answer(self, request: ModelRequest) -> ModelResult:
        text = said(request)
        prompt, ids = tokenizer.prompt_ids(request), tokenizer.encode(text)
        completion = Completion(text=text, finish_reason="stop", prompt_token_ids=prompt, completion_token_ids=ids)
        usage = Usage(prompt_tokens=len(prompt), completion_tokens=len(ids), model_calls=1)
        return ModelResult(
            completions=(completion,), usage=usage, model="protocol", tokenizer_hash=tokenizer.TOKENIZER_HASH
        )


def said(request: ModelRequest) -> str:
    """Return the answer to a request."""
    last, system = request.messages[-1].content, request.messages[0].content
    rng = random.Random(f"{len(system)}|{system[:40]}")
    if "one ```python block" in last:
        return f"```python\n{SCRIPT.replace('NAMES', repr(['score']))}```"
    wrote = paper(random.Random(7))
    heading = re.search(r"#+ experimental[_ ]results", wrote.text, re.IGNORECASE)
    assert heading is not None
    if request.assistant_prefix is not None:
        return wrote.text[wrote.text.index("[", heading.end()) :]
    if last.startswith("Generate a research paper"):
        return wrote.text[: heading.start()]
    if last.startswith("## Experimental_results"):
        return f"```latex\n{wrote.back}\n```"
    if "Best Mode" in system and len(request.messages) == 2:
        return deepreviewer(rng, "questions").text
    if "Fast Mode" in system:
        return deepreviewer(rng, "fast").text
    if "Mode" in system:
        return deepreviewer(rng, "standard").text
    return cyclereviewer(rng).text
