"""LangChain's chat models as ours, and ours as LangChain's. langchain-core comes with langgraph."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from peercycle.agents.models.langchain_faults import typed
from peercycle.agents.models.openai.bodies import prompt_bound
from peercycle.agents.models.openai.faults import said, with_raw
from peercycle.agents.models.openai.keys import Credentials
from peercycle.agents.models.thinking import split_thoughts
from peercycle.core.contracts import LanguageModel
from peercycle.core.errors import ContentFilterError, ModelError
from peercycle.core.hiding import to_hide
from peercycle.core.modelling import Completion, Message, ModelRequest, ModelResult, Sampling, Usage
from peercycle.core.outlasting import together

DEFAULT_TOKENS = 4096
_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""Why an answer ended, in the words of those who do not say `finish_reason`."""
_ROLES = {"system": "system", "human": "user", "user": "user", "ai": "assistant", "assistant": "assistant"}


class FromLangChain:
    """A LangChain chat model as a `LanguageModel`. Token ids and log-probabilities are lost on the way.

    What it raises becomes our typed errors, as far as it tells what it is (`langchain_faults`).
    """

    def __init__(self, chat: Any, max_tokens: int = DEFAULT_TOKENS) -> None:
        self._chat = chat
        self._max_tokens = max_tokens
        self._shown = Credentials({}, to_hide(_secrets(chat)))

    async def generate(self, requests: Sequence[ModelRequest]) -> Sequence[ModelResult]:
        """Answer every request; each of its `n` answers is a call of its own."""
        return await together(self._answer(request) for request in requests)

    def worst_case(self, request: ModelRequest) -> Usage:
        """Return a bound: a token is at least one byte of the prompt."""
        most = request.sampling.max_tokens or self._max_tokens
        return Usage(
            prompt_tokens=prompt_bound(request) * request.n, completion_tokens=most * request.n, model_calls=1
        )

    async def _answer(self, request: ModelRequest) -> ModelResult:
        if not request.messages:
            raise ModelError("a LangChain model takes messages, and this request has token ids only")
        answers = await together(self._ask(request, index) for index in range(request.n))
        completions = tuple(self._completion(message) for message in answers)
        if all(c.finish_reason == "content_filter" and not c.text for c in completions):
            withheld = ContentFilterError(f"{self._name!r} withheld the answer: content filter")
            raise with_raw(withheld, self._shown.hide(str(answers[0])))
        used = [message.usage_metadata or {} for message in answers]
        return ModelResult(
            completions=completions,
            usage=Usage(
                prompt_tokens=sum(int(u.get("input_tokens", 0)) for u in used),
                completion_tokens=sum(int(u.get("output_tokens", 0)) for u in used),
                model_calls=1,
            ),
            model=str(answers[0].response_metadata.get("model_name") or self._name),
        )

    async def _ask(self, request: ModelRequest, index: int) -> Any:
        turns = [(message.role, message.content) for message in request.messages]
        if request.assistant_prefix:
            turns.append(("assistant", request.assistant_prefix))
        asked: dict[str, Any] = {"max_tokens": request.sampling.max_tokens or self._max_tokens}
        for name in ("temperature", "top_p"):
            if (value := getattr(request.sampling, name)) is not None:
                asked[name] = value
        if request.seed is not None:
            asked["seed"] = (request.seed + index) % (1 << 31)
        try:
            return await self._chat.ainvoke(turns, stop=list(request.sampling.stop) or None, **asked)
        except Exception as error:
            if (told := self._told(error)) is None:
                raise
            # Not `from error`: its text may hold a key.
            raise told from None

    def _told(self, error: Exception) -> Exception | None:
        """Return what is raised for an error of the chat model; None where that is the error itself."""
        kind = typed(error, self._name, self._shown)
        if kind is not None and kind is not error:
            return kind
        if (hidden := self._shown.hide(str(error))) == str(error):
            return None
        line = said(f"{type(error).__name__}: {hidden}")
        return with_raw(ModelError(f"{self._name!r} through LangChain: {line}"), hidden)

    def _completion(self, message: Any) -> Completion:
        told = message.response_metadata
        reason = told.get("finish_reason") or _REASONS.get(str(told.get("stop_reason")))
        reasoning, text = split_thoughts(self._shown.hide(_text(message)))
        return Completion(text=text, reasoning=reasoning, finish_reason=reason if isinstance(reason, str) else None)

    @property
    def _name(self) -> str:
        return type(self._chat).__name__


def from_langchain(chat: Any, max_tokens: int = DEFAULT_TOKENS) -> LanguageModel:
    """Return a LangChain chat model as one of ours."""
    return FromLangChain(chat, max_tokens)


def to_langchain(model: LanguageModel) -> Any:
    """Return one of our models as a LangChain chat model."""
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage
    from langchain_core.outputs import ChatGeneration, ChatResult

    class PeercycleChat(BaseChatModel):
        """A peercycle model."""

        @property
        def _llm_type(self) -> str:
            return "peercycle"

        def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **more: Any) -> ChatResult:
            return asyncio.run(self._agenerate(messages, stop, **more))

        async def _agenerate(
            self, messages: Any, stop: Any = None, run_manager: Any = None, **more: Any
        ) -> ChatResult:
            (result,) = await model.generate([_request(messages, stop, more)])
            used, answer = result.usage, result.completions[0]
            message = AIMessage(
                content=answer.text,
                response_metadata={"model_name": result.model, "finish_reason": answer.finish_reason},
                usage_metadata={
                    "input_tokens": used.prompt_tokens,
                    "output_tokens": used.completion_tokens,
                    "total_tokens": used.tokens,
                },
            )
            return ChatResult(generations=[ChatGeneration(message=message)])

    return PeercycleChat()


def _secrets(chat: Any) -> Iterator[str]:
    """Yield the keys of a chat model, also where `bind`, `with_retry` or `with_fallbacks` hold it inside."""
    # The instance's own attributes: one that answers to every name would never end.
    held: dict[str, Any] = getattr(chat, "__dict__", {})
    for value in held.values():
        if hasattr(value, "get_secret_value") and isinstance(key := value.get_secret_value(), str):
            yield key
    for inner in (held.get("bound"), held.get("runnable"), *(held.get("fallbacks") or ())):
        if inner is not None:
            yield from _secrets(inner)


def _request(messages: Sequence[Any], stop: Sequence[str] | None, more: dict[str, Any]) -> ModelRequest:
    named = {name: more[name] for name in ("temperature", "top_p", "max_tokens") if more.get(name) is not None}
    return ModelRequest(
        messages=tuple(
            Message.model_validate({"role": _ROLES.get(message.type, "user"), "content": _text(message)})
            for message in messages
        ),
        sampling=Sampling(**named, stop=tuple(stop or ())),
        seed=more.get("seed"),
    )


def _text(message: Any) -> str:
    content = message.content
    if isinstance(content, str):
        return content
    parts = [part if isinstance(part, str) else part.get("text", "") for part in content]
    return "".join(part for part in parts if isinstance(part, str))
