"""The contract of models: the scripted one keeps it, and those broken on purpose do not."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from peercycle.agents.models.scripted import ScriptedAnswer, ScriptedModel, ScriptedModelSettings
from peercycle.core.modelling import ModelRequest, ModelResult, Usage
from peercycle.plugins.testing import ModelContract, failures

SETTINGS = ScriptedModelSettings(answers=(ScriptedAnswer(when="", text=("Recall.", "Precision at ten.")),))


class TestScriptedModel(ModelContract):
    def language_model(self) -> Any:
        return ScriptedModel(SETTINGS)


class Broken(ScriptedModel):
    def __init__(self) -> None:
        super().__init__(SETTINGS)

    def spoil(self, result: ModelResult) -> ModelResult:
        return result

    async def generate(self, requests: Sequence[ModelRequest]) -> Sequence[ModelResult]:
        return [self.spoil(result) for result in await super().generate(requests)]


class CountsNothing(Broken):
    def spoil(self, result: ModelResult) -> ModelResult:
        return result.model_copy(update={"usage": Usage(model_calls=1)})


class IsFree(Broken):
    def spoil(self, result: ModelResult) -> ModelResult:
        return result.model_copy(update={"usage": result.usage.model_copy(update={"cost": 0.0})})


class ReservesTooLittle(Broken):
    def worst_case(self, request: ModelRequest) -> Usage:
        return Usage(prompt_tokens=1, completion_tokens=1, model_calls=1)


class AnswersOnce(Broken):
    async def generate(self, requests: Sequence[ModelRequest]) -> Sequence[ModelResult]:
        return (await super().generate(requests))[:1]


class IgnoresN(Broken):
    def spoil(self, result: ModelResult) -> ModelResult:
        return result.model_copy(update={"completions": result.completions[:1]})


class IgnoresMaxTokens(Broken):
    async def generate(self, requests: Sequence[ModelRequest]) -> Sequence[ModelResult]:
        free = [
            r.model_copy(update={"sampling": r.sampling.model_copy(update={"max_tokens": None})}) for r in requests
        ]
        return await super().generate(free)


class InventsLogprobs(Broken):
    def spoil(self, result: ModelResult) -> ModelResult:
        changed = tuple(c.model_copy(update={"logprobs": (0.5,)}) for c in result.completions)
        return result.model_copy(update={"completions": changed})


class CountsItsCalls(Broken):
    calls = 0

    def spoil(self, result: ModelResult) -> ModelResult:
        self.calls += 1
        return result.model_copy(update={"weights_revision": str(self.calls)})


class SamplesWithoutTheSeed(Broken):
    def spoil(self, result: ModelResult) -> ModelResult:
        return result.model_copy(update={"model": str(random.SystemRandom().random())})


class ReturnsText(Broken):
    async def generate(self, requests: Sequence[ModelRequest]) -> Any:
        return [result.text for result in await super().generate(requests)]


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (CountsNothing, "test_usage_is_counted_and_within_the_worst_case"),
        (ReservesTooLittle, "test_usage_is_counted_and_within_the_worst_case"),
        (IsFree, "test_an_unknown_price_is_not_zero"),
        (AnswersOnce, "test_a_batch_is_answered_in_order_and_whole"),
        (IgnoresN, "test_a_batch_is_answered_in_order_and_whole"),
        (IgnoresMaxTokens, "test_max_tokens_is_kept"),
        (InventsLogprobs, "test_logprobs_and_ids_go_together"),
        (CountsItsCalls, "test_it_keeps_nothing_from_one_call_to_the_next"),
        (SamplesWithoutTheSeed, "test_a_kill_and_a_resume_leave_what_an_undisturbed_play_leaves"),
        (ReturnsText, "test_it_plays_to_the_end"),
    ],
)
def test_the_model_contract_catches(broken: type[Any], check: str) -> None:
    class Held(ModelContract):
        def language_model(self) -> Any:
            return broken()

    assert check in failures(Held, only=check)
