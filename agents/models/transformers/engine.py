"""Weights and tokenizer together: from requests to results, in batches that fit."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from peercycle.agents.models.thinking import split_thoughts
from peercycle.agents.models.transformers import grammar
from peercycle.agents.models.transformers.decoding import Decoder, Row
from peercycle.agents.models.transformers.prompts import prompt_ids
from peercycle.agents.models.transformers.sampling import Choice
from peercycle.agents.models.transformers.settings import TransformersSettings
from peercycle.core.errors import ContextOverflowError, ModelError
from peercycle.core.identity import Identity
from peercycle.core.modelling import Completion, ModelRequest, ModelResult, Usage


@dataclass(frozen=True, slots=True)
class Job:
    """One request, its prompt as tokens, and how much it may answer."""

    request: ModelRequest
    prompt: tuple[int, ...]
    limit: int


class Engine:
    """Computes answers; called from one thread."""

    def __init__(
        self,
        settings: TransformersSettings,
        name: str,
        model: Any,
        tokenizer: Any,
        identity: Identity,
        ending: threading.Event,
    ) -> None:
        self._settings = settings
        self._name = name
        self._model = model
        self._tokenizer = tokenizer
        self._identity = identity
        self._decoder = Decoder(model, tokenizer, ending)
        self._batch = settings.max_batch
        self._grammars = grammar.Grammars(tokenizer, self._decoder.vocabulary, self._decoder.ends)

    @property
    def context(self) -> int:
        """Tokens of prompt and answer together."""
        configured = getattr(self._model.config.get_text_config(), "max_position_embeddings", None)
        return self._settings.max_model_len or configured or 1 << 31

    def worst_case(self, request: ModelRequest) -> Usage:
        """Return the prompt's exact length, and the most that may be answered."""
        prompt = self._prompt(request)
        room = max(0, min(self._asked(request), self.context - len(prompt)))
        return Usage(prompt_tokens=len(prompt), completion_tokens=room * request.n, model_calls=1)

    def answer(self, requests: Sequence[ModelRequest]) -> list[ModelResult]:
        """Answer every request, in order; what cannot be answered is refused before anything is computed."""
        jobs = [self._job(request) for request in requests]
        rows = [[self._row(job, index) for index in range(job.request.n)] for job in jobs]
        seconds = self._run(jobs, rows)
        return [self._result(*each) for each in zip(jobs, rows, seconds, strict=True)]

    def free(self) -> None:
        """Let go of the weights."""
        del self._model, self._decoder
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _asked(self, request: ModelRequest) -> int:
        return request.sampling.max_tokens or self._settings.max_tokens

    def _prompt(self, request: ModelRequest) -> tuple[int, ...]:
        return prompt_ids(self._tokenizer, request, self._settings.chat_template_kwargs)

    def _job(self, request: ModelRequest) -> Job:
        prompt = self._prompt(request)
        if not prompt:
            raise ModelError(f"the prompt of a request to {self._name!r} is empty")
        room = self.context - len(prompt)
        if room < 1 or (request.sampling.max_tokens or 0) > room:
            raise ContextOverflowError(
                f"{len(prompt)} prompt tokens and {self._asked(request)} to be answered do not fit into the "
                f"{self.context} tokens of {self._name!r}"
            )
        return Job(request, prompt, min(self._asked(request), room))

    def _row(self, job: Job, index: int) -> Row:
        request = job.request
        matcher = self._grammars.matcher(request.response_schema) if request.response_schema is not None else None
        choice = Choice.of(request, index, self._model.generation_config)
        return Row(choice, job.limit, request.sampling.stop, request.sampling.ignore_eos, matcher)

    def _run(self, jobs: list[Job], rows: list[list[Row]]) -> list[float]:
        """Decode all rows in batches that fit; return the seconds that each job may call its own."""
        seconds = [0.0] * len(jobs)
        waiting = [(number, row) for number, group in enumerate(rows) for row in group]
        while waiting:
            batch, waiting = waiting[: self._batch], waiting[self._batch :]
            began = time.monotonic()
            try:
                self._decoder.decode([jobs[number].prompt for number, _ in batch], [row for _, row in batch])
            except torch.OutOfMemoryError:
                if len(batch) == 1:
                    raise ModelError(
                        f"a prompt of {len(jobs[batch[0][0]].prompt)} tokens and its answer do not fit into memory"
                    ) from None
                self._batch = max(1, len(batch) // 2)
                waiting = [(number, self._row(jobs[number], row.choice.index)) for number, row in batch] + waiting
                for number, row in waiting:
                    rows[number][row.choice.index] = row
                continue
            share = (time.monotonic() - began) / len(batch)
            for number, _ in batch:
                seconds[number] += share
        return seconds

    def _result(self, job: Job, rows: list[Row], seconds: float) -> ModelResult:
        usage = Usage(
            prompt_tokens=len(job.prompt),
            completion_tokens=sum(len(row.ids) for row in rows),
            model_calls=1,
            engine_seconds=seconds,
        )
        completions = tuple(
            Completion(
                text=text,
                reasoning=reasoning,
                finish_reason=row.finish,
                prompt_token_ids=job.prompt,
                completion_token_ids=tuple(row.ids),
                logprobs=tuple(row.logprobs),
            )
            for row in rows
            for reasoning, text in (split_thoughts(row.text),)
        )
        return ModelResult(
            completions=completions,
            usage=usage,
            model=self._name,
            tokenizer_hash=self._identity.tokenizer,
            template_hash=self._identity.template,
            weights_revision=self._identity.weights,
        )
