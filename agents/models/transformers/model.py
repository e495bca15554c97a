"""The model in this process, as the cycle sees it: one thread computes, whoever waits is answered together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from peercycle.agents.models.transformers.settings import TransformersSettings
from peercycle.core.errors import UsageError
from peercycle.core.modelling import ModelRequest, ModelResult, Usage

if TYPE_CHECKING:
    from peercycle.agents.models.transformers.engine import Engine

P = ParamSpec("P")
T = TypeVar("T")


class TransformersModel:
    """Answers batches with weights in this process. Enter it before use: that loads them, in a thread.

    Torch is imported on entering, not before. Concurrent calls wait for one another: the driver joins what arrives
    meanwhile into the next call.
    """

    coalesces = True

    def __init__(self, settings: TransformersSettings) -> None:
        self._settings = settings
        self._engine: Engine | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._ending = threading.Event()

    async def __aenter__(self) -> TransformersModel:
        """Load the weights. Raises `ModelUnavailableError` where they or the libraries cannot be had."""
        from peercycle.agents.models.transformers.loading import load

        self._ending = threading.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="peercycle-transformers")
        try:
            self._engine = await self._compute(load, self._settings, self._ending)
        except BaseException:
            self._thread.shutdown(wait=False)
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        """End what is being computed, and free the memory."""
        self._ending.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.shutdown, True)
        if self._engine is not None:
            self._engine.free()
        self._engine = None

    async def generate(self, requests: Sequence[ModelRequest]) -> Sequence[ModelResult]:
        """Answer every request, in order, in batches. Raises `ModelError` before anything is computed."""
        return await self._compute(self._entered().answer, requests)

    def worst_case(self, request: ModelRequest) -> Usage:
        """Return the prompt's exact length, and the most that may be answered."""
        return self._entered().worst_case(request)

    def _entered(self) -> Engine:
        if self._engine is None:
            raise UsageError("the transformers model is used before it was entered; write `async with model:`")
        return self._engine

    async def _compute(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(function, *args, **kwargs))
