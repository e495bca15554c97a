"""Bad answers: each ends in a better one within three tries, or in one error; the raw text is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from peercycle.agents.structured.asking import Answer, BadAnswerError, Question, ask_json, taken
from peercycle.agents.structured.schemas import listed, one_of, record, text
from peercycle.core.base import JSON
from peercycle.core.errors import UnparsableAnswerError
from peercycle.core.modelling import Completion, Message, ModelRequest, ModelResult, Sampling, Usage
from peercycle.plugins.testing.context import Bench, Services

GOOD = json.dumps({"title": "On ranking", "cites": ["work00"]})
SCHEMA = record(title=text(80), cites=listed(one_of(["work00", "work01"]), 4))


class Says:
    """Gives one completion after the other."""

    def __init__(self, *said: Completion | str) -> None:
        self.said = [Completion(text=s, finish_reason="stop") if isinstance(s, str) else s for s in said]
        self.asked: list[ModelRequest] = []

    async def generate(self, requests: Sequence[ModelRequest]) -> Sequence[ModelResult]:
        self.asked += requests
        return [ModelResult(completions=(self.said.pop(0),), usage=Usage(model_calls=1)) for _ in requests]

    def worst_case(self, request: ModelRequest) -> Usage:
        return Usage(model_calls=1)


def ask(tmp_path: Path, model: Says, read: Any = taken) -> tuple[Answer[Any], Bench]:
    bench = Bench(tmp_path, Services(model=model))
    question = Question(
        "title", "policy", (Message(role="user", content="A title?"),), Sampling(max_tokens=50), SCHEMA
    )
    return asyncio.run(ask_json(question, bench.context("outline"), read)), bench


BAD: dict[str, Completion | str] = {
    "empty": "",
    "blank": " \n ",
    "cut": Completion(text=GOOD[:20], finish_reason="length"),
    "filtered": Completion(text="", finish_reason="content_filter"),
    "tool call": Completion(text="", finish_reason="tool_calls"),
    "tool call in text": '<tool_call>{"name": "bash", "arguments": {"command": "id"}}</tool_call>',
    "refusal": "I'm sorry, but I can't help with that.",
    "another language": "抱歉，我无法完成这项任务。" * 4,
    "one character": "a" * 200_000,
    "invalid UTF-8": b"\xff\xfe{\xf0".decode("utf-8", "replace"),
    "a key that does not exist": json.dumps({"title": "On ranking", "cites": ["smith2020"]}),
    "endless repetition": "and again " * 5000,
    "deep": "[" * 5000,
    "a list": "[1, 2]",
    "not a number": '{"title": NaN, "cites": []}',
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_answer_is_asked_again_with_the_fault_quoted(tmp_path: Path, name: str) -> None:
    model = Says(BAD[name], GOOD)
    answer, bench = ask(tmp_path, model)
    assert answer.value == {"title": "On ranking", "cites": ["work00"]}
    assert list(bench.verdicts.values()) == [None, 0]
    again = model.asked[1].messages
    assert [m.role for m in again] == ["user", "assistant", "user"]
    assert "cannot be used" in again[-1].content
    assert len(again[1].content) < 3000


@pytest.mark.parametrize("name", BAD)
def test_three_bad_answers_are_one_error_that_says_what_was_wrong(tmp_path: Path, name: str) -> None:
    model = Says(*[BAD[name]] * 3, GOOD)
    with pytest.raises(UnparsableAnswerError, match="title: no answer of 3 could be used"):
        ask(tmp_path, model)
    assert len(model.asked) == 3


def test_every_try_has_a_seed_of_its_own_and_the_same_one_after_a_resume(tmp_path: Path) -> None:
    seeds = []
    for folder in ("one", "two"):
        model = Says("", "", GOOD)
        ask(tmp_path / folder, model)
        seeds.append([request.seed for request in model.asked])
    assert seeds[0] == seeds[1]
    assert len(set(seeds[0])) == 3


def test_what_can_be_left_out_is_left_out_of_the_last_answer_and_reported(tmp_path: Path) -> None:
    def read(said: dict[str, JSON]) -> Answer[Any]:
        raise BadAnswerError("it lies", fallback=Answer(said["title"], ("a lie was dropped",)))

    answer, bench = ask(tmp_path, Says(GOOD, GOOD, GOOD), read)
    assert (answer.value, answer.reports) == ("On ranking", ("a lie was dropped",))
    assert list(bench.verdicts.values()) == [None, None, 0]


@pytest.mark.parametrize(
    "said",
    [
        f"```json\n{GOOD}\n```",
        f"Here it is:\n{GOOD}\nI hope it helps.",
        "{'title': 'On ranking', 'cites': ['work00'],}",
        '{"title": "On ranking", "cites": "work00", "more": 1}',
    ],
)
def test_json_as_models_write_it_is_read_at_once(tmp_path: Path, said: str) -> None:
    answer, _ = ask(tmp_path, Says(said))
    assert answer.value == {"title": "On ranking", "cites": ["work00"]}
