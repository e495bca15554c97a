"""Servers over real HTTP: what they are asked, what is made of their answers, and what of their faults."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from pydantic import ValidationError

from peercycle.agents.models.openai import exchange
from peercycle.agents.models.openai.answers import read
from peercycle.agents.models.openai.faults import MOST_RAW, said
from peercycle.agents.models.openai.keys import Credentials
from peercycle.agents.models.openai.model import OpenAIModel
from peercycle.agents.models.openai.settings import OpenAISettings
from peercycle.agents.models.vllm.model import VllmModel
from peercycle.agents.models.vllm.settings import VllmSettings
from peercycle.core.errors import (
    ContentFilterError,
    ContextOverflowError,
    ModelError,
    ModelUnavailableError,
    OutageError,
    PeercycleError,
    SettingsError,
)
from peercycle.core.modelling import Message, ModelRequest, ModelResult, Sampling
from peercycle.plugins.testing import ModelContract

QUESTION = Message(role="user", content="How is a learned ranking measured?")
CANARY = "sk-canary-0123456789abcdef"


def model(server: Any, **settings: Any) -> OpenAIModel:
    chosen = {"model": "m", "base_url": server.url, "retries": 2, "retry_wait_s": 0.01, **settings}
    return OpenAIModel(OpenAISettings.model_validate(chosen))


def ask(server: Any, *requests: ModelRequest, **settings: Any) -> Sequence[ModelResult]:
    async def main() -> Sequence[ModelResult]:
        async with model(server, **settings) as entered:
            return await entered.generate(requests or [ModelRequest(messages=(QUESTION,), seed=1)])

    return asyncio.run(main())


class TestOpenAI(ModelContract):
    """The contract, against a server that answers within `max_tokens`."""

    server: Any

    @pytest.fixture(autouse=True)
    def _server(self, fake_server: Any) -> None:
        type(self).server = fake_server

    def language_model(self) -> OpenAIModel:
        return model(self.server)


def test_a_request_is_sent_as_chat_completions_and_nothing_else(fake_server: Any) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    request = ModelRequest(
        messages=(Message(role="system", content="Be brief."), QUESTION),
        n=2,
        seed=(1 << 40) + 5,
        sampling=Sampling(temperature=0.4, top_p=0.9, top_k=5, max_tokens=99, stop=("END",)),
        response_schema=schema,
    )
    (result,) = ask(fake_server, request, extra_body={"reasoning_effort": "low"})
    ((path, body, headers),) = fake_server.asked
    assert path == "/v1/chat/completions"
    assert body == {
        "model": "m",
        "n": 2,
        "reasoning_effort": "low",
        "temperature": 0.4,
        "top_p": 0.9,
        "top_k": 5,
        "stop": ["END"],
        "seed": 5,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": schema, "strict": True},
        },
        "max_tokens": 99,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "How is a learned ranking measured?"},
        ],
    }
    assert "Authorization" not in headers
    assert [c.text for c in result.completions] == ["An answer."] * 2
    assert (result.usage.prompt_tokens, result.usage.completion_tokens, result.usage.cost) == (7, 6, None)


def test_reasoning_token_ids_and_log_probabilities_are_kept_where_they_come(fake_server: Any) -> None:
    def behave(handler: Any, body: dict[str, Any]) -> None:
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": "yes", "reasoning_content": "I thought."},
            "finish_reason": "length",
            "token_ids": [4, 5],
            "logprobs": {"content": [{"token": "y", "logprob": -0.5}, {"token": "es", "logprob": -1.5}]},
        }
        answer = {"model": "real", "system_fingerprint": "fp1", "prompt_token_ids": [1, 2, 3], "choices": [choice]}
        handler.send(200, json.dumps(answer).encode())

    fake_server.script = [behave]
    (result,) = ask(fake_server, return_token_ids=True)
    assert fake_server.asked[0][1]["return_token_ids"] is True
    said = result.completions[0]
    assert (said.text, said.reasoning, said.finish_reason) == ("yes", "I thought.", "length")
    assert (said.prompt_token_ids, said.completion_token_ids, said.logprobs) == ((1, 2, 3), (4, 5), (-0.5, -1.5))
    assert (result.model, result.weights_revision) == ("real", "fp1")
    assert (result.usage.prompt_tokens, result.usage.completion_tokens) == (3, 2)


def test_a_stream_amounts_to_what_would_have_come_whole(fake_server: Any) -> None:
    events = [
        {"model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
        {"choices": [{"index": 1, "delta": {"reasoning": "hm "}}, {"index": 0, "delta": {"content": "Ein "}}]},
        {"choices": [{"index": 0, "delta": {"content": "Wört"}, "token_ids": [7]}]},
        {"choices": [{"index": 1, "delta": {"content": "two", "reasoning": "so"}, "finish_reason": "stop"}]},
        {"choices": [{"index": 0, "delta": {"content": "chen"}, "token_ids": [8], "finish_reason": "length"}]},
        {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 6}},
    ]
    stream = ": a comment\r\n\r\n" + "".join(f"data: {json.dumps(e, ensure_ascii=False)}\n\n" for e in events)

    def behave(handler: Any, body: dict[str, Any]) -> None:
        assert body["stream_options"] == {"include_usage": True}
        handler.begin_chunks()
        data = (stream + "data: [DONE]\n\n").encode()
        for start in range(0, len(data), 13):  # through the middle of lines and of characters
            handler.chunk(data[start : start + 13])
        handler.chunk(b"")

    fake_server.script = [behave]
    (result,) = ask(fake_server, ModelRequest(messages=(QUESTION,), n=2), stream=True)
    assert [c.text for c in result.completions] == ["Ein Wörtchen", "two"]
    assert [c.reasoning for c in result.completions] == [None, "hm so"]
    assert [c.finish_reason for c in result.completions] == ["length", "stop"]
    assert result.completions[0].completion_token_ids == (7, 8)
    assert (result.usage.prompt_tokens, result.usage.completion_tokens) == (5, 6)


def test_a_server_without_n_is_asked_for_the_other_choices_one_by_one(fake_server: Any, behaviours: Any) -> None:
    def one(handler: Any, body: dict[str, Any]) -> None:
        handler.send(200, json.dumps(behaviours.chat(body, f"seed {body['seed']}")).encode())

    fake_server.script = [one]
    (result,) = ask(fake_server, ModelRequest(messages=(QUESTION,), n=3, seed=10))
    assert [c.text for c in result.completions] == ["seed 10", "seed 11", "seed 12"]
    assert result.usage.prompt_tokens == 21


def test_what_is_reserved_covers_a_server_that_turns_out_not_to_know_n(fake_server: Any, behaviours: Any) -> None:
    request = ModelRequest(messages=(Message(role="user", content="?"),), n=3, sampling=Sampling(max_tokens=2))

    def one(handler: Any, body: dict[str, Any]) -> None:
        said = behaviours.chat(body, "so")
        # As many prompt tokens as a prompt of this length can have at most.
        said["usage"] = {"prompt_tokens": worst.prompt_tokens // 3, "completion_tokens": 2}
        handler.send(200, json.dumps(said).encode())

    worst = model(fake_server).worst_case(request)
    assert worst.prompt_tokens >= 3 * len("?")
    alone = model(fake_server).worst_case(request.model_copy(update={"n": 1}))
    assert worst.prompt_tokens == 3 * alone.prompt_tokens
    fake_server.script = [one]
    (result,) = ask(fake_server, request)
    assert len(fake_server.asked) == 3
    assert result.usage.prompt_tokens <= worst.prompt_tokens
    assert result.usage.completion_tokens <= worst.completion_tokens


def test_no_more_requests_are_on_their_way_than_may_be(fake_server: Any, behaviours: Any) -> None:
    flying, most = [0], [0]

    def slow(handler: Any, body: dict[str, Any]) -> None:
        with fake_server.lock:
            flying[0] += 1
            most[0] = max(most[0], flying[0])
        time.sleep(0.03)
        with fake_server.lock:
            flying[0] -= 1
        behaviours.says("x")(handler, body)

    fake_server.script = [slow]
    requests = [ModelRequest(messages=(QUESTION,), seed=n) for n in range(12)]
    assert len(ask(fake_server, *requests, max_concurrency=3)) == 12
    assert most[0] <= 3


# ----------------------------------------------------------------------------------------------- faults


def _cut(handler: Any, body: dict[str, Any]) -> None:
    """A stream cut in the middle of an event."""
    handler.begin_chunks()
    handler.chunk(b'data: {"choices": [{"index": 0, "delta": {"content": "half')
    handler.hang_up()


def _cut_cleanly(handler: Any, body: dict[str, Any]) -> None:
    """A stream that ends, as HTTP has it, before the answer does."""
    handler.begin_chunks()
    handler.chunk(b'data: {"choices": [{"index": 0, "delta": {"content": "half"}}]}\n\n')
    handler.chunk(b"")


def _short_body(handler: Any, body: dict[str, Any]) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.hang_up()


def _silent(handler: Any, body: dict[str, Any]) -> None:
    handler.server.ended.wait(20)


def _badly_packed(handler: Any, body: dict[str, Any]) -> None:
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", "9")
    handler.end_headers()
    handler.wfile.write(b"no gzip..")


def _hung_up(handler: Any, body: dict[str, Any]) -> None:
    handler.hang_up()


def _bytes(body: bytes, kind: str = "application/json") -> Any:
    return lambda handler, _: handler.send(200, body, kind)


NOT_UTF8 = b'{"choices": [{"index": 0, "message": {"content": "caf\xe9"}}]}'

PASSING: dict[str, Any] = {
    "408": 408,
    "429": 429,
    "500": 500,
    "502": 502,
    "503": 503,
    "HTML": _bytes(b"<!DOCTYPE html><html><body>Bad gateway</body></html>", "text/html"),
    "empty body": _bytes(b""),
    "no choices": _bytes(b'{"choices": []}'),
    "no object": _bytes(b"[1]"),
    "not UTF-8": _bytes(NOT_UTF8),
    "a stream cut in an event": _cut,
    "a stream that ends early": _cut_cleanly,
    "a body cut short": _short_body,
    "a body that is badly packed": _badly_packed,
    "silence": _silent,
    "a closed connection": _hung_up,
}
"""Faults that pass, and what the error says where they do not."""


@pytest.mark.parametrize("name", PASSING)
def test_a_fault_that_passes_is_asked_again_and_one_that_stays_is_an_outage(
    name: str, fake_server: Any, behaviours: Any
) -> None:
    fault = PASSING[name]
    behave = behaviours.status(fault) if isinstance(fault, int) else fault
    settings = {"stream": "stream" in name, "read_timeout_s": 1.0 if name == "silence" else 20.0}
    if name != "no choices":
        fake_server.script = [behave, behaviours.says("There.")]
        (result,) = ask(fake_server, **settings)
        assert result.text == "There."
        assert len(fake_server.asked) == 2
    fake_server.asked.clear()
    fake_server.script = [behave]
    with pytest.raises(OutageError) as caught:
        ask(fake_server, **settings)
    assert fake_server.url in str(caught.value) and "\n" not in str(caught.value)
    assert len(fake_server.asked) == {"silence": 2, "no choices": 1}.get(name, 3)


def test_an_outage_carries_what_the_server_said_up_to_a_bound_and_its_message_stays_short(
    fake_server: Any, behaviours: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", CANARY)
    body = f"<html>{'busy ' * 600}{CANARY}</html>"
    broken = [behaviours.status(503, body, "text/html"), _bytes(body.encode(), "text/html")]
    # A later try that nobody answers takes nothing away.
    for script in ([broken[0]], [broken[1]], [broken[0], _hung_up]):
        fake_server.script = list(script)
        with pytest.raises(OutageError) as caught:
            ask(fake_server, api_key_env="MY_KEY", retries=1)
        assert caught.value.raw == body.replace(CANARY, "[key]")
        assert len(str(caught.value)) < 700
    fake_server.script = [behaviours.status(503, "x" * 70_000 + CANARY, "text/html")]
    with pytest.raises(OutageError) as caught:
        ask(fake_server, api_key_env="MY_KEY", retries=0)
    assert caught.value.raw == "x" * MOST_RAW + "… (the first of 70005 characters)"


@pytest.mark.parametrize("name", ["a stream cut in an event", "a stream that ends early", "no choices"])
def test_an_answer_that_breaks_off_or_is_none_is_carried_as_far_as_it_came(name: str, fake_server: Any) -> None:
    fake_server.script = [PASSING[name]]
    with pytest.raises(OutageError) as caught:
        ask(fake_server, stream="stream" in name, retries=0)
    assert '"choices"' in str(caught.value.raw)


def test_a_server_that_is_not_there_is_an_outage_and_one_that_comes_back_answers(behaviours: Any) -> None:
    server = behaviours.FakeServer()
    port = server.server_address[1]
    assert ask(server)[0].text == "An answer."
    server.end()
    with pytest.raises(OutageError, match="does not answer for now: Connect"):
        ask(server)
    back = behaviours.FakeServer(port)
    assert ask(server)[0].text == "An answer."
    back.end()


def test_retry_after_is_honoured_and_a_long_one_is_an_outage(fake_server: Any, behaviours: Any) -> None:
    for header in ({"Retry_After": "0.4"}, {"retry_after_ms": "400"}):
        fake_server.script = [behaviours.status(429, **header), behaviours.says("There.")]
        began = time.monotonic()
        assert ask(fake_server, retry_wait_s=0)[0].text == "There."
        assert time.monotonic() - began >= 0.4
    fake_server.asked.clear()
    fake_server.script = [behaviours.status(429, "slow down", Retry_After="Fri, 01 Jan 2100 00:00:00 GMT")]
    with pytest.raises(OutageError, match=r"wants to be asked again after .* slow down"):
        ask(fake_server)
    assert len(fake_server.asked) == 1


@pytest.mark.parametrize(
    ("code", "message", "kind", "text"),
    [
        (400, "temperature is out of range", ModelError, "refuses the request \\(400\\): temperature"),
        (422, "bad schema", ModelError, "bad schema"),
        (400, "This model's maximum context length is 10 tokens", ContextOverflowError, "maximum context length"),
        (400, "the response was flagged by our content policy", ContentFilterError, "content policy"),
        (401, "wrong key", ModelUnavailableError, "refuses a request without a key .* wrong key"),
        (403, "not for you", ModelUnavailableError, "not for you"),
        (404, "no such model", ModelUnavailableError, "knows no model 'm'"),
        (307, "elsewhere", ModelUnavailableError, "redirects"),
    ],
)
def test_a_fault_that_stays_is_one_typed_error_at_once(
    code: int, message: str, kind: type[PeercycleError], text: str, fake_server: Any, behaviours: Any
) -> None:
    fake_server.script = [behaviours.status(code, message)]
    with pytest.raises(kind, match=text) as caught:
        ask(fake_server)
    assert type(caught.value) is kind
    assert len(fake_server.asked) == 1
    if code != 307:
        assert message in (caught.value.raw or ""), "the raw answer is kept with the error"


def test_a_withheld_answer_is_typed_and_an_empty_or_cut_one_is_an_answer(fake_server: Any, behaviours: Any) -> None:
    fake_server.script = [behaviours.says(None, finish="content_filter")]
    with pytest.raises(ContentFilterError, match="withheld the answer"):
        ask(fake_server)
    for text, finish in ((None, "stop"), ("", "stop"), ("and then the", "length"), ("x" * 200_000, "length")):
        fake_server.script = [behaviours.says(text, finish=finish)]
        (result,) = ask(fake_server)
        assert (result.text, result.completions[0].finish_reason) == (text or "", finish)


def test_a_tool_call_that_nobody_asked_for_is_kept_and_not_carried_out(fake_server: Any) -> None:
    call = {"id": "t", "type": "function", "function": {"name": "shell", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    answer = {"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    fake_server.script = [_bytes(json.dumps(answer).encode())]
    (result,) = ask(fake_server)
    assert (result.text, result.completions[0].finish_reason) == ("", "tool_calls")
    assert "shell" in json.dumps(result.raw)


# ------------------------------------------------------------------------------------------------- keys


def test_a_key_goes_to_the_server_that_settings_name_it_for_and_nowhere_else(
    fake_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.setenv("OPENAI_ORG_ID", "org-canary")
    ask(fake_server)
    sent = json.dumps([headers for _, _, headers in fake_server.asked])
    assert "canary" not in sent
    ask(fake_server, api_key_env="OPENAI_API_KEY", headers_env={"X-Project": "OPENAI_ORG_ID"})
    headers = fake_server.asked[-1][2]
    assert (headers["Authorization"], headers["X-Project"]) == (f"Bearer {CANARY}", "org-canary")


def test_a_key_that_a_server_repeats_is_taken_out_of_errors_and_answers(
    fake_server: Any, behaviours: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", CANARY)
    fake_server.script = [behaviours.status(401, f"wrong key {CANARY}")]
    with pytest.raises(ModelUnavailableError, match=r"the key in MY_KEY \(401\): wrong key \[key\]"):
        ask(fake_server, api_key_env="MY_KEY")
    fake_server.script = [behaviours.status(400, f"bad {CANARY}")]
    with pytest.raises(ModelError) as caught:
        ask(fake_server, api_key_env="MY_KEY")
    assert CANARY not in str(caught.value) + str(caught.value.raw)
    for fault in (behaviours.status(500, f"oops {CANARY}"), _bytes(f"<html>{CANARY}".encode(), "text/html")):
        fake_server.script = [fault]
        with pytest.raises(OutageError) as out:
            ask(fake_server, api_key_env="MY_KEY")
        assert CANARY not in str(out.value)
    fake_server.script = [behaviours.says(f"your key is {CANARY}")]
    (result,) = ask(fake_server, api_key_env="MY_KEY")
    assert result.text == "your key is [key]"
    assert CANARY not in result.model_dump_json()


def test_a_key_that_json_spells_as_escapes_is_taken_out_too() -> None:
    spelled = "".join(f"\\u{ord(letter):04X}" for letter in CANARY)
    body = '{"error": {"message": "bad ' + spelled + ' \\"so\\" \\\\u0041"}}'
    hidden = Credentials(secrets=(CANARY,)).hide(body)
    assert said(hidden) == 'bad [key] "so" \\u0041'
    assert Credentials().hide(body) == body


def test_a_server_that_trickles_is_out_once_an_answer_has_taken_too_long(
    fake_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trickle(handler: Any, body: dict[str, Any]) -> None:
        handler.begin_chunks()
        with suppress(OSError):
            for _ in range(100):
                handler.chunk(b" ")
                time.sleep(0.05)

    monkeypatch.setattr(exchange, "LONGEST_ANSWER_S", 0.6)
    fake_server.script = [trickle, trickle]
    began = time.monotonic()
    with pytest.raises(OutageError, match=r"no whole answer after 0\.6 s"):
        ask(fake_server, read_timeout_s=0.4, retries=3)
    assert time.monotonic() - began < 4
    assert len(fake_server.script) == 1, "asked once"


@pytest.mark.parametrize(
    "told", [None, {"prompt_tokens": -5, "completion_tokens": "many"}, {"prompt_tokens": 10**30}]
)
def test_what_a_server_does_not_say_that_it_used_is_estimated(fake_server: Any, behaviours: Any, told: Any) -> None:
    fake_server.script = [_answers({"choices": [{"message": {"content": "four" * 25}}], "usage": told})]
    (result,) = ask(fake_server)
    assert result.usage.completion_tokens == 25
    assert 0 < result.usage.prompt_tokens < 1000


def test_a_content_in_parts_is_read_as_one_text() -> None:
    parts = [{"type": "text", "text": "One "}, {"type": "image_url"}, "no part", {"type": "text", "text": "text."}]
    (completion,) = read({"choices": [{"message": {"content": parts}}]}, None).completions
    assert completion.text == "One text."


def test_counts_that_no_answer_could_have_are_none() -> None:
    answer = {"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": 10**30, "completion_tokens": -5}}
    usage = read(answer, None).usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (0, 0)


def _answers(said: dict[str, Any]) -> Any:
    return _bytes(json.dumps(said).encode(), "application/json")


def _streams(*pieces: str, field: str = "content") -> Any:
    """Send a text in pieces, one an event, half of another event, and then hang up."""

    def behave(handler: Any, body: dict[str, Any]) -> None:
        handler.begin_chunks()
        for number, piece in enumerate(pieces):
            other = {"index": number % 2, "delta": {field: piece if number % 2 == 0 else "other"}}
            handler.chunk(f"data: {json.dumps({'choices': [other]}, ensure_ascii=False)}\n\n".encode())
        handler.chunk(b'data: {"choices": [{"index": 0, "delta": {"content": "the re')
        handler.hang_up()

    return behave


@pytest.mark.parametrize("field", ["content", "tool"])
@pytest.mark.parametrize("known", [len(CANARY), len(CANARY) - 1, 8])
def test_a_key_that_comes_in_pieces_and_breaks_off_stays_in_no_piece(
    known: int, field: str, fake_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", CANARY)
    shown = CANARY[:known]
    pieces = ["Your key: ", "", *[p for n in range(0, known, 3) for p in (shown[n : n + 3], "")]]
    fake_server.script = [_streams(*pieces, field=field)]
    with pytest.raises(OutageError) as caught:
        ask(fake_server, api_key_env="MY_KEY", stream=True, retries=0)
    assert "Your key: [key]" in str(caught.value.raw)
    assert "ana" not in str(caught.value.raw) and "sk-" not in str(caught.value.raw)


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85"])
def test_a_mark_that_ends_a_line_elsewhere_ends_no_event(
    mark: str, fake_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", CANARY)
    fake_server.script = [_streams("Your key: ", "", CANARY[:3], "", f"{CANARY[3:]}{mark} is wrong")]
    with pytest.raises(OutageError) as caught:
        ask(fake_server, api_key_env="MY_KEY", stream=True, retries=0)
    assert f"Your key: [key]{mark} is wrong" in str(caught.value.raw)
    assert CANARY[3:] not in str(caught.value.raw)


def test_a_key_at_which_a_text_is_cut_does_not_stay_by_its_beginning(
    fake_server: Any, behaviours: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", CANARY)
    for body in (f"{'x' * 485} {CANARY} and more", f"the key {CANARY[:-1]}", f"the key {CANARY[:8]}"):
        fake_server.script = [_bytes(body.encode(), "text/plain")]
        with pytest.raises(OutageError, match=r"\[key\]") as caught:
            ask(fake_server, api_key_env="MY_KEY", retries=0)
        assert "sk-" not in str(caught.value) + str(caught.value.raw)
    event = json.dumps({"error": {"message": f"{'x' * 490}{CANARY} and more"}})
    fake_server.script = [_bytes(f"data: {event}\n\n".encode(), "text/event-stream")]
    with pytest.raises(OutageError, match=r"xx\[key\]$"):
        ask(fake_server, api_key_env="MY_KEY", stream=True, retries=0)


def test_a_key_is_no_setting_and_no_part_of_an_address(fake_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from peercycle.plugins.manager import Plugins

    plugins = Plugins.load(entry_points=False, environ={})
    for settings in (
        {"api_key": CANARY},
        {"api_key_env": CANARY},
        {"base_url": f"https://user:{CANARY}@example.org/v1"},
        {"base_url": f"https://example.org/v1?key={CANARY}"},
        {"base_url": f"ftp://{CANARY}"},
    ):
        with pytest.raises(SettingsError) as caught:
            plugins.create("models", "openai", {"model": "m", **settings})
        assert CANARY not in str(caught.value)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ModelUnavailableError, match="variable OPENAI_API_KEY is not set"):
        ask(fake_server, base_url="https://api.openai.com/v1")


def test_a_refused_address_or_key_says_what_a_resume_can_mend_and_what_is_a_new_run(
    fake_server: Any, behaviours: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    fake_server.script = [behaviours.status(404, "no such model")]
    with pytest.raises(ModelUnavailableError, match=r"A resume asks the same address .* is a new run"):
        ask(fake_server)
    fake_server.script = [behaviours.status(401, "who are you")]
    with pytest.raises(ModelUnavailableError, match=r"in a new run: --set models\.openai\.api_key_env=VARIABLE"):
        ask(fake_server)
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    fake_server.script = [behaviours.status(401, "who are you")]
    withheld = (
        "key in OPENAI_API_KEY is withheld from .* new run with --set models.openai.api_key_env=OPENAI_API_KEY "
    )
    with pytest.raises(ModelUnavailableError, match=withheld):
        ask(fake_server)
    fake_server.script = [behaviours.status(401, "who are you")]
    with pytest.raises(ModelUnavailableError, match="the next try reads OPENAI_API_KEY anew"):
        ask(fake_server, api_key_env="OPENAI_API_KEY")


def test_a_server_that_takes_no_schema_is_told_with_the_setting_that_asks_otherwise(
    fake_server: Any, behaviours: Any
) -> None:
    fake_server.script = [behaviours.status(400, "response_format json_schema is not supported")]
    with pytest.raises(ModelError, match=r"--set models\.openai\.response_format=json_object"):
        ask(fake_server)


def test_what_goes_along_with_a_request_cannot_be_what_others_decide() -> None:
    with pytest.raises(ValidationError, match="messages, model are set by other settings"):
        OpenAISettings(model="x", extra_body={"model": "y", "messages": [], "user": "me"})


@pytest.mark.parametrize(
    ("status", "named"),
    [
        (401, r"--set models\.vllm\.api_key_env=VARIABLE \(of a role .*: models\.ROLE\.settings\.api_key_env\)$"),
        (404, "; url ends with /v1 for most servers"),
        (307, ": set url to where it leads"),
    ],
)
def test_a_server_of_vllms_that_refuses_is_mended_by_the_settings_of_vllm(
    status: int, named: str, fake_server: Any, behaviours: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    async def main() -> None:
        async with VllmModel(VllmSettings(model="m", url=fake_server.url, retries=0)) as entered:
            await entered.generate([ModelRequest(messages=(QUESTION,))])

    fake_server.script = [behaviours.status(status, "no")]
    with pytest.raises(ModelUnavailableError, match=named):
        asyncio.run(main())


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b"", "application/json", "is no answer of a model: it is empty .*/v1 for most servers\\)$"),
        (b"<html><p>Welcome</p></html>", "text/html", "is no answer of a model: it is HTML .*/v1 .*: 'Welcome'$"),
    ],
)
def test_what_a_server_sends_instead_of_an_answer_is_said_plainly(
    body: bytes, kind: str, said: str, fake_server: Any
) -> None:
    fake_server.script = [_bytes(body, kind)] * 2
    with pytest.raises(OutageError, match=f"answered, but what it sent {said}") as caught:
        ask(fake_server, retries=0)
    assert "does not answer" not in str(caught.value)
