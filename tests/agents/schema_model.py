"""A model of random words that follows the schema it is given, as a constrained engine makes any weights do."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

from peercycle.agents.models import bytes_tokenizer as tokenizer
from peercycle.core.modelling import Completion, ModelRequest, ModelResult, Usage

SCRIPT = """\
import json, random
request = json.load(open("request.json"))
rng = random.Random(request["seed"])
names = NAMES
json.dump({"measurements": [{"metric": n, "value": rng.random()} for n in names]}, open("results.json", "w"))
"""
_WORDS = "the of rank \\emph{works} and $x^{2}$ gap method, result. \\cite{nobody} 0.73 é 12\\% so:".split(" ")


class SchemaModel:
    """Answers from the request's seed alone."""

    def __init__(self, *, program: str = SCRIPT) -> None:
        self.program = program
        self.asked: list[ModelRequest] = []

    async def generate(self, requests: Sequence[ModelRequest]) -> Sequence[ModelResult]:
        self.asked += requests
        return [self._answer(request) for request in requests]

    def worst_case(self, request: ModelRequest) -> Usage:
        most = request.sampling.max_tokens or 8000
        return Usage(prompt_tokens=len(tokenizer.prompt_ids(request)), completion_tokens=most, model_calls=1)

    def _answer(self, request: ModelRequest) -> ModelResult:
        rng = random.Random(request.seed)
        if request.response_schema is not None:
            text = json.dumps(instance(request.response_schema, rng), ensure_ascii=False)
        else:
            said = request.messages[-1].content
            names = said.partition("Every metric must be there: ")[2].partition(". Use only the seed")[0].split(", ")
            text = f"```python\n{self.program.replace('NAMES', repr(names))}```"
        prompt, ids = tokenizer.prompt_ids(request), tokenizer.encode(text)
        completion = Completion(text=text, finish_reason="stop", prompt_token_ids=prompt, completion_token_ids=ids)
        usage = Usage(prompt_tokens=len(prompt), completion_tokens=len(ids), model_calls=1)
        return ModelResult(
            completions=(completion,), usage=usage, model="schema", tokenizer_hash=tokenizer.TOKENIZER_HASH
        )


def instance(schema: Any, rng: random.Random) -> Any:
    """Return a random value that fits a schema."""
    if "reject" in schema.get("enum", ()):
        return "reject"
    if "enum" in schema:
        return rng.choice(schema["enum"])
    if schema["type"] == "object":
        return {name: instance(inner, rng) for name, inner in schema["properties"].items()}
    if schema["type"] == "array":
        return [instance(schema["items"], rng) for _ in range(rng.randint(schema["minItems"], schema["maxItems"]))]
    words = " ".join(rng.choice(_WORDS) for _ in range(60))[: min(schema["maxLength"], 300)]
    return words.strip() or "w"
