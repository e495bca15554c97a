"""A model as a stage sees it: every request an effect of its own, concurrent ones answered together."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from peercycle.core.base import JSON
from peercycle.core.contracts import LanguageModel
from peercycle.core.errors import ModelError, PolicyError
from peercycle.core.journal import EffectKey, RunStore
from peercycle.core.modelling import ModelRequest, ModelResult, Usage
from peercycle.core.outlasting import together
from peercycle.core.runs import ModelChoice
from peercycle.graphs.effects import Answer, Effects, id_at

HOW_TO_NAME = "name one with --model BACKEND/MODEL, such as openai/NAME (docs/models.md)"
"""Advice for a role without a model, in words that fit every command which takes one."""

COALESCE_S = 0.003
"""Requests that arrive within this time of the first go to an engine in this process in one call."""

HOLD_SHARE, HOLD_LEAST_S = 0.1, 0.01
"""What an engine waits, as a share of its last call and in seconds, for those it answered to ask again.

Without it two halves of the candidates that once fell out of step would be asked for in turns for ever, each while the
other is computed.
"""

Waiting = tuple[ModelRequest, asyncio.Future[ModelResult]]


@dataclass(slots=True)
class Coalescer:
    """Joins concurrent requests of all candidates and runs in this process into one call of the engine.

    What arrives while the engine computes goes into its next call together. A model that does not say
    `coalesces = True`, such as a server that batches by itself, is asked at once, for each request alone.
    """

    model: LanguageModel
    _waiting: list[Waiting] = field(default_factory=list)
    _working: asyncio.Task[None] | None = None
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    async def generate(self, request: ModelRequest) -> ModelResult:
        """Return the answer to one request."""
        if not getattr(self.model, "coalesces", False):
            (result,) = await self.model.generate([request])
            return result
        future: asyncio.Future[ModelResult] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        self._came.set()
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        try:
            await self._gather(math.inf, COALESCE_S)
            while self._waiting:
                batch, self._waiting = self._waiting, []
                began = time.monotonic()
                await self._answer([each for each in batch if not each[1].done()])
                hold = max(HOLD_LEAST_S, HOLD_SHARE * (time.monotonic() - began))
                await self._gather(len(self._waiting) + len(batch), hold)
        finally:
            self._working = None

    async def _gather(self, enough: float, most_s: float) -> None:
        """Wait until `enough` requests are here, `most_s` seconds at most."""
        try:
            async with asyncio.timeout(most_s):
                while len(self._waiting) < enough:
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            pass

    async def _answer(self, batch: list[Waiting]) -> None:
        if not batch:
            return
        try:
            results = await self.model.generate([request for request, _ in batch])
            if len(results) != len(batch):
                raise PolicyError(f"a model gave {len(results)} results for {len(batch)} requests")
        except ModelError as error:
            if len(batch) == 1:
                _fail(batch, error)
                return
            # One bad request must not cost its neighbours their answers.
            for single in batch:
                await self._answer([single])
        except asyncio.CancelledError:
            for _, future in batch:
                future.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            _fail(batch, error)
        else:
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(result)


def _fail(batch: list[Waiting], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)


@dataclass(frozen=True, slots=True)
class JournalledModel:
    """`LanguageModel` with a journal: what was answered before a crash is not asked again."""

    role: str
    choice: ModelChoice
    model: LanguageModel
    engine: Coalescer
    effects: Effects
    store: RunStore
    answered: dict[str, EffectKey] = field(default_factory=dict)
    """Where each answer is journalled, by its `call_id`."""

    def worst_case(self, request: ModelRequest) -> Usage:
        """Return the most that answering may use, priced where a price is configured."""
        return self._priced(self.model.worst_case(request)).model_copy(update={"model_calls": 1})

    async def generate(self, requests: Sequence[ModelRequest]) -> Sequence[ModelResult]:
        """Answer every request, in order; each is its own effect."""
        return await together(self._one(request) for request in requests)

    async def _one(self, request: ModelRequest) -> ModelResult:
        asked: JSON = {"role": self.role, "model": self.choice.name, "request": request.model_dump(mode="json")}
        key = self.effects.key("model", asked)

        async def call() -> Answer:
            result = await self.engine.generate(request)
            usage = self._priced(result.usage).model_copy(update={"model_calls": 1})
            return result.model_copy(update={"usage": usage}).model_dump(mode="json"), usage

        outcome = await self.effects.perform(key, asked, self.worst_case(request), call)
        result = ModelResult.model_validate(outcome.result)
        await self.store.save_completions(key, self.role, request, result)
        call_id = id_at(key, "m")
        self.answered[call_id] = key
        return result.model_copy(update={"call_id": call_id})

    def _priced(self, usage: Usage) -> Usage:
        prices = self.choice.prompt_price, self.choice.completion_price
        if usage.cost is not None or prices[0] is None or prices[1] is None:
            return usage
        cost = (usage.prompt_tokens * prices[0] + usage.completion_tokens * prices[1]) / 1e6
        return usage.model_copy(update={"cost": cost})
