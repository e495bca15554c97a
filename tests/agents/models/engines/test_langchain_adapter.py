"""LangChain's models as ours, and ours as theirs."""

from __future__ import annotations

import asyncio

import pytest

from peercycle.agents.models.langchain import from_langchain, to_langchain
from peercycle.agents.models.scripted import ScriptedAnswer, ScriptedModel, ScriptedModelSettings
from peercycle.core.contracts import LanguageModel
from peercycle.core.errors import ModelError
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
