"""LangChain's models as ours, and ours as theirs."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import openai
import pytest
from langchain_core import exceptions
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import SecretStr

from peercycle.agents.models.langchain import from_langchain, to_langchain
from peercycle.agents.models.scripted import ScriptedAnswer, ScriptedModel, ScriptedModelSettings
from peercycle.core.contracts import LanguageModel
from peercycle.core.errors import (
    ContentFilterError,
    ContextOverflowError,
    ModelError,
    ModelUnavailableError,
    OutageError,
    PeercycleError,
)
from peercycle.core.modelling import Message, ModelRequest, Sampling
from peercycle.plugins.testing import ModelContract


def scripted() -> ScriptedModel:
    return ScriptedModel(ScriptedModelSettings(answers=(ScriptedAnswer(when="", text=("By NDCG.", "By MRR.")),)))


class TestFromLangChain(ModelContract):
    """A scripted model, taken to LangChain and back."""

    def language_model(self) -> LanguageModel:
        return from_langchain(to_langchain(scripted()), max_tokens=64)


def test_a_conversation_goes_to_langchain_and_back_whole() -> None:
    chat = to_langchain(scripted())
    said = chat.invoke([("system", "Be brief."), ("human", "How?")], max_tokens=3)
    assert (said.content, said.response_metadata["finish_reason"]) == ("By ", "length")
    assert said.usage_metadata["output_tokens"] == 3
    request = ModelRequest(
        messages=(Message(role="user", content="How?"),), n=2, seed=0, sampling=Sampling(max_tokens=20)
    )
    (result,) = asyncio.run(from_langchain(chat).generate([request]))
    assert [completion.text for completion in result.completions] == ["By NDCG.", "By MRR."]
    assert result.usage.completion_tokens == len("By NDCG.By MRR.")


def test_token_ids_have_no_form_in_langchain() -> None:
    with pytest.raises(ModelError, match="token ids only"):
        asyncio.run(from_langchain(to_langchain(scripted())).generate([ModelRequest(prompt_token_ids=(1,))]))


CANARY = "sk-canary-0123456789abcdef"


class Chat(BaseChatModel):
    """Answers with a message, or raises."""

    raises: Any = None
    says: Any = None
    api_key: SecretStr = SecretStr(CANARY)

    @property
    def _llm_type(self) -> str:
        return "chat"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **more: Any) -> ChatResult:
        if self.raises is not None:
            raise self.raises
        return ChatResult(generations=[ChatGeneration(message=self.says)])


def ask(chat: Any) -> Any:
    request = ModelRequest(messages=(Message(role="user", content="How?"),))
    (result,) = asyncio.run(from_langchain(chat).generate([request]))
    return result


REQUEST: Any = httpx.Request("POST", "http://127.0.0.1/v1")


def refused(status: int, message: str) -> openai.APIStatusError:
    # Any: which of two httpx packages the client is written for differs by its version.
    response: Any = httpx.Response(status, request=REQUEST)
    return openai.APIStatusError(message, response=response, body=None)


class Throttled(Exception):
    """An error as botocore makes them."""

    response = {"ResponseMetadata": {"HTTPStatusCode": 429}}


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (exceptions.ContextOverflowError("too long"), ContextOverflowError),
        (exceptions.ModelRefusalError("no"), ContentFilterError),
        (exceptions.ModelRateLimitError("slow down"), OutageError),
        (exceptions.ModelConnectionError("nobody there"), OutageError),
        (exceptions.ModelAuthenticationError("wrong key"), ModelUnavailableError),
        (exceptions.ModelInvalidRequestError("bad temperature"), ModelError),
        (exceptions.ModelInvalidRequestError("maximum context length is 10 tokens"), ContextOverflowError),
        (refused(429, "slow down"), OutageError),
        (refused(503, "busy"), OutageError),
        (refused(401, "wrong key"), ModelUnavailableError),
        (refused(404, "no such model"), ModelUnavailableError),
        (refused(400, "flagged by our content policy"), ContentFilterError),
        (refused(422, "bad schema"), ModelError),
        (Throttled("slow down"), OutageError),
        (openai.APIConnectionError(request=REQUEST), OutageError),
        (httpx.ReadTimeout("too slow"), OutageError),
        (TimeoutError(), OutageError),
        (ValueError("Requested tokens exceed context window of 512"), ContextOverflowError),
        (OutageError("ours"), OutageError),
    ],
    ids=repr,
)
def test_what_langchain_raises_is_a_typed_error_of_one_line(raised: Exception, kind: type[PeercycleError]) -> None:
    with pytest.raises(PeercycleError) as caught:
        ask(Chat(raises=raised))
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    if caught.value is not raised:
        assert str(raised) in str(caught.value.raw), "the journal keeps it whole"


def test_what_tells_nothing_of_a_service_is_left_as_the_bug_that_it_may_be() -> None:
    with pytest.raises(TypeError, match="unexpected keyword"):
        ask(Chat(raises=TypeError("got an unexpected keyword argument 'seed'")))


def test_a_key_that_a_service_repeats_is_in_no_error_and_no_answer() -> None:
    with pytest.raises(ModelUnavailableError, match=r"wrong key \[key\]") as caught:
        ask(Chat(raises=refused(401, f"wrong key {CANARY}")))
    assert caught.value.__cause__ is None
    with pytest.raises(ModelError) as caught_too:
        ask(Chat(raises=refused(400, f"bad request of {CANARY}")))
    assert CANARY not in str(caught_too.value) + str(caught_too.value.raw)
    assert ask(Chat(says=AIMessage(content=f"Your key is {CANARY}."))).text == "Your key is [key]."


def test_a_key_in_an_error_that_nothing_types_is_taken_out_and_its_kind_is_told() -> None:
    with pytest.raises(ModelError) as caught:
        ask(Chat(raises=ValueError(f"no route for Bearer {CANARY}")))
    assert str(caught.value) == "'Chat' through LangChain: ValueError: no route for Bearer [key]"
    assert (caught.value.raw, caught.value.__cause__) == ("no route for Bearer [key]", None)
    assert caught.value.__suppress_context__, "a traceback would show the key"


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda chat: chat.with_retry(stop_after_attempt=1),
        lambda chat: chat.bind(temperature=0.5),
        lambda chat: chat.bind(temperature=0.5).with_retry(stop_after_attempt=1),
        lambda chat: chat.with_fallbacks([Chat(raises=refused(503, "busy"), api_key=SecretStr("sk-another"))]),
    ],
    ids=["retried", "bound", "bound and retried", "first of several"],
)
def test_the_key_of_a_model_inside_another_runnable_is_hidden_too(wrapped: Any) -> None:
    own = "sk-within-0123456789"
    with pytest.raises(PeercycleError) as caught:
        ask(wrapped(Chat(raises=refused(401, f"wrong key {own}"), api_key=SecretStr(own))))
    assert own not in str(caught.value)


def test_the_key_of_a_model_that_is_fallen_back_on_is_hidden() -> None:
    own = "sk-within-0123456789"
    second = Chat(says=AIMessage(content=f"Your key is {own}."), api_key=SecretStr(own))
    assert ask(Chat(raises=refused(503, "busy")).with_fallbacks([second])).text == "Your key is [key]."


def test_a_key_that_begins_like_another_is_hidden_whole() -> None:
    class Keys(Chat):
        """Holds a short key, and then a longer one that begins like it."""

        longer: SecretStr = SecretStr(f"{CANARY}-of-the-organisation")

    said = AIMessage(content=f"Your key is {CANARY}-of-the-organisation.")
    assert ask(Keys(says=said)).text == "Your key is [key]."


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"finish_reason": "length"}, "length"),
        ({"stop_reason": "max_tokens"}, "length"),
        ({"stop_reason": "end_turn"}, "stop"),
        ({"stop_reason": "tool_use"}, "tool_calls"),
        ({}, None),
    ],
)
def test_why_an_answer_ended_is_told_in_one_vocabulary(told: dict[str, str], reason: str | None) -> None:
    result = ask(Chat(says=AIMessage(content="so", response_metadata=told)))
    assert result.completions[0].finish_reason == reason


def test_a_withheld_answer_is_typed() -> None:
    told = {"stop_reason": "refusal", "of": CANARY}
    with pytest.raises(ContentFilterError, match="'Chat' withheld the answer") as caught:
        ask(Chat(says=AIMessage(content="", response_metadata=told)))
    assert caught.value.raw is not None and "refusal" in caught.value.raw
    assert CANARY not in caught.value.raw


class Halting(BaseChatModel):
    """Fails its first call once the second is under way, which would take long."""

    calls: list[str] = []

    @property
    def _llm_type(self) -> str:
        return "chat"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **more: Any) -> ChatResult:
        raise NotImplementedError

    async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **more: Any) -> ChatResult:
        self.calls.append("begun")
        if len(self.calls) == 1:
            while len(self.calls) < 2:
                await asyncio.sleep(0.001)
            raise ValueError("prompt is too long: 300000 tokens > 200000 maximum")
        try:
            await asyncio.sleep(20)
        finally:
            self.calls.append("given up")
        raise AssertionError


def test_where_one_of_several_answers_fails_the_calls_for_the_others_are_given_up() -> None:
    chat = Halting()
    request = ModelRequest(messages=(Message(role="user", content="How?"),), n=2)

    async def main() -> list[str]:
        with pytest.raises((ModelError, ValueError)):
            await from_langchain(chat).generate([request])
        return list(chat.calls)

    assert asyncio.run(main()) == ["begun", "begun", "given up"]
