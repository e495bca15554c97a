"""A model, a trainer and a reviewer that need no torch: a loop of them takes seconds, and all of it is real but them.

The weights are one number, the chance that a listed work is cited, and what they were trained on.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from peercycle import hookimpl
from peercycle.agents.models import bytes_tokenizer as tokenizer
from peercycle.core.base import Word, canonical_json, sha256_hex
from peercycle.core.contracts import StageContext
from peercycle.core.errors import ModelError
from peercycle.core.identity import weights_hash
from peercycle.core.modelling import Completion, ModelRequest, ModelResult, Usage
from peercycle.core.reviews import Assessment, Decision, Review, Scale, Submission
from peercycle.core.training import PolicyCheckpoint, PreferencePair

WEIGHTS = "model.safetensors"


def write_weights(folder: Path, chance: float, history: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).write_bytes(canonical_json({"chance": chance, "history": history}))
    (folder / "tokenizer.json").write_text('{"model": "bytes"}')


class ToyModelSettings(Word):
    model: str
    delay_s: float = 0.0
    revision: str | None = None
    """What it says that it serves; None is the truth."""
    log: str | None = None
    """Where each start is written down."""
    deaf: bool = False
    """A reload changes nothing."""
    broken_every: int = 0
    """Every so manieth seed, counted by the seed itself, is refused."""
    answered: int | None = None
    """After so many requests of a process every one is refused."""


class ToyModel:
    asked = 0
    """By all runs of a process."""

    def __init__(self, settings: ToyModelSettings) -> None:
        self.settings = settings
        self.folder = Path(settings.model)

    async def __aenter__(self) -> ToyModel:
        if self.settings.log:
            with Path(self.settings.log).open("a") as log:
                log.write("started\n")
        return self

    async def __aexit__(self, *exc: object) -> None:
        return

    async def reload_weights(self, folder: Path) -> None:
        if not self.settings.deaf:
            self.folder = folder

    async def generate(self, requests: Sequence[ModelRequest]) -> list[ModelResult]:
        await asyncio.sleep(self.settings.delay_s)
        chance = json.loads((self.folder / WEIGHTS).read_bytes())["chance"]
        return [self._one(request, chance) for request in requests]

    def worst_case(self, request: ModelRequest) -> Usage:
        return Usage(model_calls=1)

    def _one(self, request: ModelRequest, chance: float) -> ModelResult:
        rng = random.Random(request.seed)
        ToyModel.asked += 1
        if self.settings.answered is not None and ToyModel.asked > self.settings.answered:
            raise ModelError("no more today")
        if self.settings.broken_every and rng.randrange(self.settings.broken_every) == 0:
            raise ModelError("this seed is refused")
        listed = request.messages[-1].content.split()[1:]
        text = "".join(f"\\cite{{{key}}}" for key in listed if rng.random() < chance) or "\\cite{none}"
        ids, prompt = tokenizer.encode(text), tokenizer.prompt_ids(request)
        completion = Completion(text=text, finish_reason="stop", prompt_token_ids=prompt, completion_token_ids=ids)
        return ModelResult(
            completions=(completion,),
            usage=Usage(prompt_tokens=len(prompt), completion_tokens=len(ids), model_calls=1),
            weights_revision=self.settings.revision or weights_hash(self.folder),
        )


class ToyTrainerSettings(Word):
    seed: int = 0
    step: float = 0.1
    seconds: float = 0.0
    fail: bool = False


class ToyTrainer:
    """Raises the chance by a step, in two steps with a pause between, and leaves half a file while it works."""

    def __init__(self, settings: ToyTrainerSettings) -> None:
        self.settings = settings

    def train(
        self,
        pairs: Iterable[PreferencePair],
        base: str,
        out: Path,
        settings: ToyTrainerSettings,
        on_metric: Callable[[str, float, int], None],
    ) -> PolicyCheckpoint:
        if settings.fail:
            raise RuntimeError("the loss is not finite")
        start = json.loads((Path(base) / WEIGHTS).read_bytes())
        read = [canonical_json([pair.chosen.segments[0], pair.rejected.segments[0]]) for pair in pairs]
        (out / WEIGHTS).write_bytes(b"half a file")
        for step in (1, 2):
            time.sleep(settings.seconds / 2)
            on_metric("loss", 1 / step, step)
        history = sha256_hex(b"".join([start["history"].encode(), str(settings.seed).encode(), *read]))
        write_weights(out, min(1.0, start["chance"] + settings.step), history)
        return PolicyCheckpoint(
            name="toy",
            policy="direct",
            base_model=base,
            weights=WEIGHTS,
            weights_sha256=sha256_hex((out / WEIGHTS).read_bytes()),
        )


class ToyReviewer:
    """Rates the share of listed works that are cited; `toy-judge` takes a little off for each citation too many."""

    def __init__(self, foreign: float) -> None:
        self.foreign = foreign

    async def review(self, submission: Submission, ctx: StageContext) -> Assessment:
        body = submission.manuscript.sections[0].body if submission.manuscript else ""
        cited = set(body.replace("\\cite{", " ").replace("}", " ").split())
        listed = submission.bibliography.keys
        rating = len(cited & listed) / len(listed) - self.foreign * len(cited - listed)
        decision: Decision = "accept" if rating >= 0.5 else "reject"
        reviews = (Review(rating=rating, scale=Scale(low=0, high=1)),)
        return Assessment(reviews=reviews, decision=decision, machine_made="counted")


@hookimpl
def register_models(register: Any) -> None:
    register("toy", ToyModel, ToyModelSettings)


@hookimpl
def register_trainers(register: Any) -> None:
    register("toy", ToyTrainer, ToyTrainerSettings)


@hookimpl
def register_reviewers(register: Any) -> None:
    register("toy", lambda _: ToyReviewer(0.0))
    register("toy-judge", lambda _: ToyReviewer(0.05))
