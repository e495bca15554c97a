"""The model whose answers were written beforehand."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from peercycle.agents.models import bytes_tokenizer
from peercycle.agents.models.scripted import ScriptedModel, ScriptedModelSettings
from peercycle.core.errors import BadInputError, ModelError, OutageError
from peercycle.core.modelling import Message, ModelRequest, ModelResult, Sampling


def request(text: str = "Well?", *earlier: str, **options: Any) -> ModelRequest:
    turns = [Message(role="assistant", content=said) for said in earlier]
    return ModelRequest(messages=(*turns, Message(role="user", content=text)), **options)


def scripted(*answers: Any, **settings: Any) -> ScriptedModel:
    return ScriptedModel(ScriptedModelSettings.model_validate({"answers": answers, **settings}))


def say(model: ScriptedModel, *requests: ModelRequest) -> list[ModelResult]:
    return list(asyncio.run(_generate(model, requests)))


async def _generate(model: ScriptedModel, requests: Any) -> Any:
    return await model.generate(requests)


def test_answers_come_in_order_and_then_run_out() -> None:
    model = scripted("one", "two", "three")
    assert [r.text for r in say(model, request(), request())] == ["one", "two"]
    assert [r.text for r in say(model, request())] == ["three"]
    with pytest.raises(ModelError, match=r"has 3 answers in its queue and none for number 4, which asks 'Well\?'"):
        say(model, request())


def test_a_repeating_queue_begins_again() -> None:
    assert [r.text for r in say(scripted("one", "two", repeat=True), *[request()] * 3)] == ["one", "two", "one"]


def test_an_answer_with_a_pattern_is_given_whenever_it_fits_and_does_not_use_the_queue_up() -> None:
    model = scripted("queued", {"when": r"outl[iy]ne", "text": "an outline"})
    said = say(model, request("The outline?"), request("The outlyne?"), request("Else?"))
    assert [r.text for r in said] == ["an outline", "an outline", "queued"]


def test_by_turn_the_same_conversation_gets_the_same_answer_from_a_fresh_model() -> None:
    asked = request("And now?", "first")
    for _ in range(2):
        assert say(scripted("first", "second", order="turn"), asked)[0].text == "second"


def test_several_texts_are_chosen_by_seed_and_completion() -> None:
    model = scripted({"when": "", "text": ["a", "b", "c"]})
    (result,) = say(model, request(seed=1, n=3))
    assert [c.text for c in result.completions] == ["b", "c", "a"]


def test_usage_is_what_was_really_written() -> None:
    (result,) = say(scripted({"when": "", "text": "naïve"}), request("Hm", n=2))
    assert result.usage.completion_tokens == 2 * len("naïve".encode())
    assert result.usage.prompt_tokens == len(b"<|user|>\nHm\n<|assistant|>\n")
    assert result.usage.model_calls == 1
    assert result.usage.cost is None
    completion = result.completions[0]
    assert bytes_tokenizer.decode(completion.completion_token_ids or ()) == "naïve"


def test_stop_and_max_tokens_cut_the_answer() -> None:
    model = scripted({"when": "", "text": "one two three"})
    (stopped,) = say(model, request(sampling=Sampling(stop=("three", " two"))))
    assert (stopped.text, stopped.completions[0].finish_reason) == ("one", "stop")
    (cut,) = say(model, request(sampling=Sampling(max_tokens=5)))
    assert (cut.text, cut.completions[0].finish_reason, cut.usage.completion_tokens) == ("one t", "length", 5)


def test_no_answer_uses_more_than_the_worst_case() -> None:
    model = scripted({"when": "", "text": ["short", "a longer answer"]})
    for asked in (request(n=2), request(seed=1), request(sampling=Sampling(max_tokens=3), n=2)):
        worst, (result,) = model.worst_case(asked), say(model, asked)
        assert result.usage.tokens <= worst.tokens
        assert worst.model_calls == 1


def test_a_script_can_be_down_or_refuse() -> None:
    model = scripted({"error": "outage"}, {"error": "refused"}, "up again")
    with pytest.raises(OutageError):
        say(model, request())
    with pytest.raises(ModelError):
        say(model, request())
    assert say(model, request())[0].text == "up again"


@pytest.mark.parametrize("form", ["list", "lines"])
def test_answers_come_from_a_file(tmp_path: Path, form: str) -> None:
    answers = ["one", {"when": "x", "text": "two"}]
    file = tmp_path / "answers"
    file.write_text(json.dumps(answers) if form == "list" else "\n\n".join(map(json.dumps, answers)))
    model = scripted("zero", file=str(file))
    assert [r.text for r in say(model, request(), request("x"), request())] == ["zero", "two", "one"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('"a"\n{"txt": 1}\n', "line 2 of the answers file"),
        ("[1, ", "is not JSON"),
        ("[1]", "is not|at \\(0"),
        ("x", "line 1"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "answers.jsonl"
    file.write_text(content)
    with pytest.raises(BadInputError, match=says):
        say(scripted(file=str(file)), request())
    with pytest.raises(BadInputError, match="cannot be read"):
        say(scripted(file=str(tmp_path / "none")), request())


def test_a_bad_pattern_is_refused_with_the_settings() -> None:
    with pytest.raises(ValidationError, match="no regular expression"):
        scripted({"when": "("})
