"""The engine in this process, with real weights."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from peercycle.agents.models.transformers.model import TransformersModel
from peercycle.agents.models.transformers.settings import TransformersSettings
from peercycle.core.contracts import LanguageModel
from peercycle.core.errors import ContextOverflowError, ModelError, ModelUnavailableError, UsageError
from peercycle.core.identity import identify
from peercycle.core.modelling import Message, ModelRequest, ModelResult, Sampling
from peercycle.plugins.testing import ModelContract

QUESTION = Message(role="user", content="How is a learned ranking measured?")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "maxLength": 40},
        "rating": {"type": "integer", "minimum": 1, "maximum": 10},
        "tags": {"type": "array", "items": {"enum": ["new", "known"]}, "minItems": 1, "maxItems": 3},
    },
    "required": ["title", "rating", "tags"],
    "additionalProperties": False,
}


def ask(*messages: Message, n: int = 1, seed: int | None = 1, **sampling: Any) -> ModelRequest:
    return ModelRequest(messages=messages or (QUESTION,), n=n, seed=seed, sampling=Sampling(**sampling))


def answers(folder: Path, *batches: Sequence[ModelRequest], **settings: Any) -> list[Sequence[ModelResult]]:
    """What one loaded model says to each batch."""

    async def main() -> list[Sequence[ModelResult]]:
        async with TransformersModel(TransformersSettings(model=str(folder), device="cpu", **settings)) as model:
            return [await model.generate(batch) for batch in batches]

    return asyncio.run(main())


def tokens(result: ModelResult) -> list[tuple[int, ...] | None]:
    return [completion.completion_token_ids for completion in result.completions]


class TestTransformers(ModelContract):
    """The contract; each play loads the weights in a process of its own."""

    timeout_s = 90.0
    folder: Path

    @pytest.fixture(autouse=True)
    def _weights(self, tiny_model: Path) -> None:
        type(self).folder = tiny_model

    def language_model(self) -> LanguageModel:
        return TransformersModel(TransformersSettings(model=str(self.folder), device="cpu", max_tokens=12))


def test_an_answer_does_not_depend_on_its_neighbours_in_the_batch(tiny_model: Path) -> None:
    requests = [
        ask(max_tokens=24),
        ask(Message(role="system", content="Be brief. " * 30), QUESTION, n=3, seed=2, max_tokens=9, temperature=0.7),
        ask(seed=3, max_tokens=30),
        ask(max_tokens=16, temperature=0),
    ]
    together, *alone = answers(tiny_model, requests, *[[request] for request in requests])
    assert [tokens(result) for result in together] == [tokens(results[0]) for results in alone]
    for one, (other,) in zip(together, alone, strict=True):
        pairs = zip(one.completions[0].logprobs or (), other.completions[0].logprobs or (), strict=True)
        assert max(abs(a - b) for a, b in pairs) < 1e-4


def test_a_batch_larger_than_the_bound_is_answered_whole_and_alike(tiny_model: Path) -> None:
    requests = [ask(seed=seed, n=2, max_tokens=6) for seed in range(4)]
    (narrow,), (wide,) = (answers(tiny_model, requests, max_batch=bound) for bound in (3, 64))
    assert [tokens(result) for result in narrow] == [tokens(result) for result in wide]


def test_the_same_seed_says_the_same_and_choices_of_one_request_differ(tiny_model: Path) -> None:
    ((first, again, other),) = answers(
        tiny_model, [ask(n=2, max_tokens=20), ask(n=2, max_tokens=20), ask(n=2, seed=9, max_tokens=20)]
    )
    assert tokens(first) == tokens(again)
    assert tokens(first) != tokens(other)
    assert first.completions[0].completion_token_ids != first.completions[1].completion_token_ids


def test_the_nucleus_and_the_likeliest_bound_what_is_drawn(tiny_model: Path) -> None:
    """One token is left of a `top_k` of 1 and of the smallest nucleus: the greedy answer, at any temperature."""
    greedy, *others = [
        ask(max_tokens=20, temperature=0),
        ask(max_tokens=20, temperature=2, top_k=1),
        ask(max_tokens=20, temperature=2, top_p=1e-6),
    ]
    ((first, *bounded, free),) = answers(tiny_model, [greedy, *others, ask(max_tokens=20, temperature=2)])
    assert [tokens(result) for result in bounded] == [tokens(first)] * 2
    assert tokens(free) != tokens(first)


def test_ids_and_log_probabilities_are_those_of_the_model_itself(tiny_model: Path) -> None:
    """Scored again with a plain forward pass, whatever temperature they were sampled under."""
    import torch
    import transformers

    ((result,),) = answers(tiny_model, [ask(max_tokens=20, temperature=0.3, top_p=0.8)])
    said = result.completions[0]
    assert said.prompt_token_ids is not None and said.completion_token_ids is not None and said.logprobs is not None
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny_model)
    ids = torch.tensor([said.prompt_token_ids + said.completion_token_ids])
    with torch.inference_mode():
        scores = torch.log_softmax(model(input_ids=ids).logits[0].float(), -1)
    start = len(said.prompt_token_ids)
    again = [float(scores[start - 1 + n, token]) for n, token in enumerate(said.completion_token_ids)]
    assert again == pytest.approx(said.logprobs, abs=1e-4)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_model)
    assert tokenizer.decode(list(said.completion_token_ids), skip_special_tokens=True) == said.text
    rendered = tokenizer.decode(list(said.prompt_token_ids))
    assert rendered == "<s>[INST] user: How is a learned ranking measured? [/INST]"


def test_greedy_tokens_are_those_of_the_library(tiny_model: Path) -> None:
    import torch
    import transformers

    ((result,),) = answers(tiny_model, [ask(max_tokens=40, temperature=0)])
    said = result.completions[0]
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(tiny_model)
    ids = torch.tensor([said.prompt_token_ids])
    out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=40, do_sample=False, pad_token_id=2)
    assert tuple(out[0, ids.shape[1] :].tolist()) == said.completion_token_ids


def test_a_result_says_which_weights_tokenizer_and_template_it_is_of(tiny_model: Path) -> None:
    ((result,),) = answers(tiny_model, [ask(max_tokens=2)])
    known = identify(tiny_model)
    assert (result.weights_revision, result.tokenizer_hash, result.template_hash) == (
        known.weights,
        known.tokenizer,
        known.template,
    )
    assert None not in (known.weights, known.tokenizer, known.template)
    assert result.usage.engine_seconds > 0
    assert result.usage.cost is None


def test_an_answer_held_to_a_schema_is_valid_whatever_the_weights_say(tiny_model: Path) -> None:
    requests = [
        ModelRequest(messages=(QUESTION,), seed=seed, n=2, response_schema=SCHEMA, sampling=Sampling(max_tokens=400))
        for seed in range(3)
    ]
    (results,) = answers(tiny_model, [*requests, ask(max_tokens=50)])
    for completion in [c for result in results[:3] for c in result.completions]:
        assert completion.finish_reason == "stop"
        said = json.loads(completion.text)
        assert set(said) == {"title", "rating", "tags"}
        assert 1 <= said["rating"] <= 10
        assert 1 <= len(said["tags"]) <= 3 and set(said["tags"]) <= {"new", "known"}


def test_stop_texts_limits_and_the_end_token_are_kept_to(tiny_model: Path) -> None:
    ((whole, unending),) = answers(
        tiny_model, [ask(seed=5, max_tokens=60), ask(seed=5, max_tokens=60, ignore_eos=True)]
    )
    text = whole.text
    middle = text[len(text) // 2 : len(text) // 2 + 2]
    assert unending.completions[0].finish_reason == "length"
    assert len(unending.completions[0].completion_token_ids or ()) == 60
    ((cut,),) = answers(tiny_model, [ask(seed=5, max_tokens=60, stop=(middle, "never said"))])
    assert cut.text == text[: text.index(middle)]
    assert cut.completions[0].finish_reason == "stop"


def test_a_prompt_of_token_ids_and_a_prefix_are_taken_as_they_are(tiny_model: Path) -> None:
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_model)
    rendered = tuple(tokenizer("<s>[INST] user: Hello [/INST]Reviewer 1:", add_special_tokens=False)["input_ids"])
    by_ids = ModelRequest(prompt_token_ids=rendered, seed=1, sampling=Sampling(max_tokens=8))
    by_text = ModelRequest(
        messages=(Message(role="user", content="Hello"),),
        assistant_prefix="Reviewer 1:",
        seed=1,
        sampling=Sampling(max_tokens=8),
    )
    ((one, other),) = answers(tiny_model, [by_ids, by_text])
    assert one.completions[0].prompt_token_ids == rendered
    assert one.completions == other.completions


def test_what_does_not_fit_is_refused_by_name(tiny_model: Path) -> None:
    with pytest.raises(ContextOverflowError, match="do not fit into the 64 tokens"):
        answers(tiny_model, [ask(max_tokens=60)], max_model_len=64)
    with pytest.raises(ContextOverflowError, match="prompt tokens"):
        answers(tiny_model, [ask(Message(role="user", content="long " * 200))], max_model_len=64)


def test_without_a_chat_template_messages_have_no_form(tiny_model: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for path in tiny_model.iterdir():
        if path.name != "chat_template.jinja":
            (bare / path.name).symlink_to(path)
    with pytest.raises(ModelError, match="no chat template"):
        answers(bare, [ask(max_tokens=4)])
    template = tmp_path / "own.jinja"
    template.write_text("{% for m in messages %}{{ m.content }}{% endfor %}")
    ((result,),) = answers(bare, [ask(max_tokens=4)], chat_template=str(template))
    assert result.template_hash is not None
    strict = tmp_path / "strict.jinja"
    strict.write_text("{{ raise_exception('no system turns here') }}")
    with pytest.raises(ModelError, match="refuses this conversation: no system turns here"):
        answers(bare, [ask(max_tokens=4)], chat_template=str(strict))


def test_missing_weights_are_named_with_the_page_to_visit(tmp_path: Path) -> None:
    with pytest.raises(
        ModelUnavailableError, match=r"https://huggingface.co/WestlakeNLP/CycleReviewer-ML-Llama3.1-8B"
    ):
        answers(Path("cyclereviewer-8b"), [], local_files_only=True)
    with pytest.raises(ModelUnavailableError, match="no model can be loaded from"):
        answers(tmp_path, [])


def test_it_is_used_only_while_it_is_entered(tiny_model: Path) -> None:
    model = TransformersModel(TransformersSettings(model=str(tiny_model), device="cpu"))
    with pytest.raises(UsageError, match="async with model"):
        model.worst_case(ask())
