"""The model that answers from an earlier run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from peercycle.agents.models.replay import ReplayModel, ReplayModelSettings
from peercycle.agents.models.scripted import ScriptedAnswer, ScriptedModel, ScriptedModelSettings
from peercycle.core.base import JSON, artifact_ref, canonical_json, sha256_hex
from peercycle.core.contracts import LanguageModel
from peercycle.core.errors import ModelError, UsageError
from peercycle.core.journal import EffectKey, EffectOutcome, EffectTicket
from peercycle.core.modelling import Completion, Message, ModelRequest, ModelResult, Usage
from peercycle.core.runs import RunOptions, RunRecord
from peercycle.core.writing import ResearchTask
from peercycle.plugins.testing import ModelContract
from peercycle.store.directory import create_run


def request(text: str, seed: int | None = None) -> ModelRequest:
    return ModelRequest(messages=(Message(role="user", content=text),), seed=seed)


def result(text: str) -> ModelResult:
    return ModelResult(completions=(Completion(text=text),), usage=Usage(prompt_tokens=7, cost=0.5), model="real")


async def record(path: Path, exchanges: Sequence[tuple[ModelRequest, EffectOutcome]]) -> Path:
    """A run whose model was asked these things."""
    task = ResearchTask(topic="replays")
    run = await create_run(
        path,
        RunRecord(
            run_id="r1",
            created_at=0.0,
            peercycle_version="0",
            options=RunOptions(),
            task=artifact_ref(canonical_json(task)),
            fingerprint={},
        ),
        task,
        in_loop=False,
    )
    for number, (asked, outcome) in enumerate(exchanges):
        whole: JSON = {"role": "default", "model": "real", "request": asked.model_dump(mode="json")}
        key = EffectKey("c0", "write", 1, "model", sha256_hex(canonical_json(whole)), number)
        ticket = await run.begin_effect(key, whole, Usage())
        assert isinstance(ticket, EffectTicket)
        await run.settle_effect(ticket, outcome)
    await run.close()
    return path / "r1"


async def recorded(path: Path) -> Path:
    """A run whose model was asked twice the same, once something long, and refused once."""
    return await record(
        path,
        [
            (request("same"), EffectOutcome(result("first").model_dump(mode="json"))),
            (request("same"), EffectOutcome(result("second").model_dump(mode="json"))),
            (request("long " * 3000, seed=3), EffectOutcome(result("word " * 3000).model_dump(mode="json"))),
            (request("bad"), EffectOutcome(error_type="ModelError", error_message="refused: too long")),
        ],
    )


class TestReplay(ModelContract):
    """The contract, on a run that holds each of its answers as often as it is asked for."""

    run: Path

    @pytest.fixture(autouse=True)
    def _run(self, tmp_path: Path) -> None:
        scripted = ScriptedModel(ScriptedModelSettings(answers=(ScriptedAnswer(when="", text=("By NDCG.", "MRR.")),)))

        async def main() -> Path:
            answers = await scripted.generate(self.requests())
            said = [EffectOutcome(answer.model_dump(mode="json")) for answer in answers]
            return await record(
                tmp_path, [pair for pair in zip(self.requests(), said, strict=True) for _ in range(9)]
            )

        type(self).run = asyncio.run(main())

    def language_model(self) -> LanguageModel:
        return ReplayModel(ReplayModelSettings(run=str(self.run)))

    def test_usage_is_counted_and_within_the_worst_case(self) -> None:
        """What is replayed was paid for when it was first asked: it is a call, and no tokens."""
        for _, answer in self._answers():
            assert answer["result"]["usage"]["prompt_tokens"] == answer["worst"]["prompt_tokens"] == 0
            assert answer["result"]["usage"]["model_calls"] == answer["worst"]["model_calls"] == 1


def test_the_same_requests_get_the_same_answers(tmp_path: Path) -> None:
    async def main() -> None:
        path = await recorded(tmp_path)
        for place in (path, path / "run.sqlite"):
            model = ReplayModel(ReplayModelSettings(run=str(place)))
            answers = await model.generate([request("long " * 3000, seed=3), request("same"), request("same")])
            assert [answer.text for answer in answers] == ["word " * 3000, "first", "second"]
            assert answers[0].model == "real"
            assert answers[0].usage == Usage(model_calls=1)

    asyncio.run(main())


def test_what_the_run_does_not_hold_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        model = ReplayModel(ReplayModelSettings(run=str(await recorded(tmp_path))))
        with pytest.raises(ModelError, match="holds no answer to this request: 'new'"):
            await model.generate([request("new")])
        with pytest.raises(ModelError, match="holds no answer to this request"):
            await model.generate([request("same", seed=5)])
        await model.generate([request("same"), request("same")])
        with pytest.raises(ModelError, match="answers this request 2 times only: 'same'"):
            await model.generate([request("same")])
        with pytest.raises(ModelError, match="refused: too long"):
            await model.generate([request("bad")])

    asyncio.run(main())


def test_a_path_that_is_no_run_is_a_usage_error(tmp_path: Path) -> None:
    model = ReplayModel(ReplayModelSettings(run=str(tmp_path / "none")))
    with pytest.raises(UsageError, match="no run directory"):
        asyncio.run(model.generate([request("x")]))
