"""Answers that are none, refusals in words, and thoughts in the text: what is made of each."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from peercycle.agents.models.openai.model import OpenAIModel
from peercycle.agents.models.openai.settings import OpenAISettings
from peercycle.core.errors import ContentFilterError, OutageError
from peercycle.core.modelling import Message, ModelRequest, ModelResult


def ask(server: Any, n: int = 1, **settings: Any) -> ModelResult:
    async def main() -> ModelResult:
        chosen = {"model": "m", "base_url": server.url, "retries": 1, "retry_wait_s": 0.01, **settings}
        async with OpenAIModel(OpenAISettings.model_validate(chosen)) as entered:
            (result,) = await entered.generate([ModelRequest(messages=(Message(role="user", content="?"),), n=n)])
            return result

    return asyncio.run(main())


def answers(*messages: dict[str, Any]) -> Any:
    """Answer with these messages, whole or as a stream of pieces, as it is asked."""

    def behave(handler: Any, body: dict[str, Any]) -> None:
        choices = [{"index": n, "message": m, "finish_reason": "stop"} for n, m in enumerate(messages)]
        if not body.get("stream"):
            handler.send(200, json.dumps({"model": "m", "choices": choices}).encode())
            return
        handler.begin_chunks()
        for n, message in enumerate(messages):
            pieces: list[dict[str, Any]] = [{"role": "assistant", "content": None, "refusal": None}]
            pieces += [{k: c} for k, text in message.items() for c in text or ""]
            pieces.append({"content": None})
            for piece in pieces:
                handler.chunk(f"data: {json.dumps({'choices': [{'index': n, 'delta': piece}]})}\n\n".encode())
        handler.chunk(b"data: [DONE]\n\n")
        handler.chunk(b"")

    return behave


@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_in_words_is_a_typed_error_that_shows_them(stream: bool, fake_server: Any) -> None:
    fake_server.script = [answers({"content": None, "refusal": "I'm sorry,\nI cannot help with that. " + "x" * 900})]
    with pytest.raises(ContentFilterError, match=r"'m' at .* refused to answer: .I'm sorry, I cannot help") as caught:
        ask(fake_server, stream=stream)
    assert len(str(caught.value)) < 700 and "\n" not in str(caught.value)
    assert json.loads(str(caught.value.raw))[0]["choices"][0]["message"]["refusal"].endswith("xxx")
    assert len(fake_server.asked) == 1
    # One of two that answers is an answer.
    fake_server.script = [answers({"refusal": "No."}, {"content": "Yes."})]
    assert [c.text for c in ask(fake_server, n=2, stream=stream).completions] == ["", "Yes."]


@pytest.mark.parametrize("stream", [False, True])
def test_thoughts_in_the_text_are_reasoning_and_no_answer(stream: bool, fake_server: Any) -> None:
    fake_server.script = [answers({"content": '<think>Perhaps {"a": 1}.</think>\n{"a": 2}'})]
    result = ask(fake_server, stream=stream)
    assert (result.text, result.completions[0].reasoning) == ('{"a": 2}', 'Perhaps {"a": 1}.')


@pytest.mark.parametrize("status", [200, 202, 204])
def test_nothing_is_no_refusal_but_an_answer_that_is_none(status: int, fake_server: Any, behaviours: Any) -> None:
    def nothing(handler: Any, body: dict[str, Any]) -> None:
        handler.send(status, b"", "text/plain")

    fake_server.script = [nothing, behaviours.says("There.")]
    assert ask(fake_server).text == "There."
    fake_server.script = [nothing]
    says = r"answered, but what it sent is no answer of a model: it is empty \(base_url ends with /v1"
    with pytest.raises(OutageError, match=says):
        ask(fake_server)


DEEP = [90, 150, 950, 5_000, 100_000]


@pytest.mark.parametrize("depth", DEEP)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [200, 503])
def test_an_answer_nested_however_deep_is_told_on_one_bounded_line(
    depth: int, stream: bool, status: int, fake_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-canary-0123456789abcdef")
    inside = '{"a":\n[' * (depth // 2) + "]}" * (depth // 2)
    body = f'{{"error": {{"message": {inside}}}, "choices": []}}'

    def deep(handler: Any, _: dict[str, Any]) -> None:
        if not stream:
            handler.send(status, body.encode())
            return
        data = f"data: {' '.join(body.split())}\n\n".encode()
        handler.send(status, data, "text/event-stream")

    fake_server.script = [deep]
    with pytest.raises(OutageError) as caught:
        ask(fake_server, stream=stream, retries=0, api_key_env="MY_KEY")
    assert len(str(caught.value)) < 900
    assert "\n" not in str(caught.value)
