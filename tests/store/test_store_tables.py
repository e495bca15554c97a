"""The tables of `run.sqlite`: a stage that is done again neither loses nor doubles a row."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from typing import Any

from peercycle.core.base import artifact_ref
from peercycle.core.experiments import CollectedFile, Derivation, Execution, Measurement
from peercycle.core.journal import CandidateRow, EffectKey, EffectOutcome
from peercycle.core.modelling import Completion, Message, ModelRequest, ModelResult, Usage
from peercycle.core.reviews import Assessment, Review, Reward
from peercycle.store.directory import read_run
from peercycle.store.schema import TABLES, VIEWS

REF = artifact_ref(b"body")


def test_candidates_are_kept_by_candidate_and_round(new_run: Callable[..., Any]) -> None:
    draft = CandidateRow("c0", 0, "complete", state={"memory": None})
    done = CandidateRow("c0", 0, "complete", REF, REF, REF, REF, 0.5, 6.25, True, None, {"big": "x" * 20_000})
    failed = CandidateRow("c1", 0, "failed", error="StageError: write broke \ud83d")
    later = CandidateRow("c0", 1, "complete", reward=0.0)

    async def main() -> None:
        async with new_run() as run:
            for row in (draft, failed, done, later, later):
                await run.save_candidate(row)
            shown = CandidateRow("c1", 0, "failed", error="StageError: write broke \\ud83d")
            assert await run.candidates() == (done, shown, later)
            assert await read_run(run.path).candidates() == (done, shown, later)

    asyncio.run(main())


def test_completions_keep_what_training_needs(new_run: Callable[..., Any], key_for: Callable[..., EffectKey]) -> None:
    request = ModelRequest(messages=(Message(role="user", content="Write. " * 3000),))
    result = ModelResult(
        completions=(
            Completion(
                text="A paper. " * 2000,
                reasoning="hm",
                finish_reason="stop",
                prompt_token_ids=tuple(range(3000)),
                completion_token_ids=(5, 6),
                logprobs=(-0.1, -2.0),
            ),
            Completion(text="short"),
        ),
        model="scripted",
        tokenizer_hash="t",
        template_hash="h",
        weights_revision="w",
    )

    async def main() -> None:
        async with new_run() as run:
            await run.save_completions(key_for(), "policy", request, result, True)
            await run.save_completions(key_for(), "policy", request, result)
            first, second = await run.rows("completions")
            assert first["text"] == "A paper. " * 2000
            assert first["opening"] == ("A paper. " * 20)[:160]
            assert ModelRequest.model_validate_json(first["request"]) == request
            tokens = json.loads(first["tokens_json"])
            assert tokens["prompt_token_ids"] == list(range(3000))
            assert (tokens["completion_token_ids"], tokens["logprobs"]) == ([5, 6], [-0.1, -2.0])
            assert (first["accepted"], first["role"], first["reasoning"]) == (1, "policy", "hm")
            assert (second["choice"], second["text"], second["tokens_json"]) == (1, "short", None)
            await run.save_completions(key_for(), "policy", request, result, False)
            assert [row["accepted"] for row in await run.rows("completions")] == [0, 0]

    asyncio.run(main())


def test_an_assessment_that_is_said_again_replaces_its_reviews(new_run: Callable[..., Any]) -> None:
    reviews = tuple(Review(reviewer=f"r{n}", rating=float(n), summary="x" * n) for n in (3, 5, 8))

    async def main() -> None:
        async with new_run() as run:
            reward = Reward(value=5.3, components={"mean": 5.3}, n=3)
            first = Assessment(reviews=reviews, decision="reject", problems=("one was cut",))
            await run.save_assessment("c0", 0, "reviewer", first, reward)
            await run.save_assessment("c0", 0, "judge", Assessment(reviews=reviews[:1]), None)
            await run.save_assessment("c0", 0, "reviewer", Assessment(reviews=reviews[1:]), reward)
            rows = [(row["role"], row["number"], row["rating"]) for row in await run.rows("reviews")]
            assert sorted(rows) == [("judge", 0, 3.0), ("reviewer", 0, 5.0), ("reviewer", 1, 8.0)]
            [said, judged] = await run.rows("assessments")
            assert (said["rating"], said["ratings"], said["reviews"], said["reward"]) == (6.5, 2, 2, 5.3)
            assert said["decision"] is None
            assert said["problems_json"] is None
            assert judged["reward"] is None
            restored = [Review.model_validate_json(row["review_json"]) for row in await run.rows("reviews")]
            assert sorted(restored, key=lambda review: review.rating or 0) == list(reviews)
            await run.save_assessment("c9", 0, "reviewer", Assessment(), None)
            assert (await run.rows("assessments"))[-1]["rating"] is None

    asyncio.run(main())


def test_executions_and_measurements_are_kept_by_their_ids(new_run: Callable[..., Any]) -> None:
    execution = Execution(
        id="e1",
        experiment="trend",
        seed=3,
        status="nonzero",
        exit_code=1,
        script=REF,
        files=(CollectedFile(path="a.png", artifact=REF, size=4),),
        error="boom",
    )
    measured = Measurement(id="m1", metric="acc", value=0.5, group="ours", experiment="trend", seed=3, execution="e1")
    mean = Measurement(
        id="m2", metric="acc", value=0.5, experiment="trend", derived=Derivation(statistic="mean", of=("m1",))
    )

    async def main() -> None:
        async with new_run() as run:
            await run.save_executions("c0", "experiment", 1, [execution], [measured], {"e1": (1.5, 20.0)})
            mended = execution.model_copy(update={"status": "ok", "exit_code": 0, "error": None})
            await run.save_executions("c0", "experiment", 1, [mended], [measured, mean], {})
            await run.save_executions("c1", "experiment", 1, [mended], [measured], {"e1": (2.0, None)})
            rows = [(r["candidate"], r["status"], r["seconds"], r["peak_mb"]) for r in await run.rows("executions")]
            assert rows == [("c0", "ok", 1.5, 20.0), ("c1", "ok", 2.0, None)]
            numbers = [(r["candidate"], r["id"], r["arm"], r["statistic"]) for r in await run.rows("measurements")]
            assert numbers == [("c0", "m1", "ours", None), ("c0", "m2", None, "mean"), ("c1", "m1", "ours", None)]

    asyncio.run(main())


def test_the_views_add_up_and_group_failures(new_run: Callable[..., Any], key_for: Callable[..., EffectKey]) -> None:
    async def main() -> None:
        async with new_run() as run:
            for number in range(4):
                used = Usage(prompt_tokens=10, model_calls=1, cost=0.25)
                ticket = await run.begin_effect(key_for(number), number, used)
                if number < 2:
                    await run.settle_effect(
                        ticket, EffectOutcome(error_type="ModelError", error_message="no", usage=used)
                    )
                else:
                    await run.settle_effect(ticket, EffectOutcome(result=1, usage=used))
            [stage] = await run.rows("spending_by_stage")
            assert (stage["effects"], stage["prompt_tokens"], stage["cost"]) == (4, 40, 1.0)
            [error] = await run.rows("errors")
            assert (error["times"], error["error_type"], error["error_message"]) == (2, "ModelError", "no")
            await run.save_candidate(CandidateRow("c0", 0, "complete", rating=5.0))
            await run.save_assessment("c0", 0, "judge", Assessment(reviews=(Review(rating=4.0),)), None)
            [score] = await run.rows("scores")
            assert (score["rating"], score["judge_rating"]) == (5.0, 4.0)

    asyncio.run(main())


def test_every_table_is_documented_and_every_documented_table_exists(new_run: Callable[..., Any]) -> None:
    from peercycle.store import schema

    async def main() -> None:
        async with new_run() as run:
            connection = sqlite3.connect(run.path / "run.sqlite")
            found = dict(connection.execute("SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view')"))
            connection.close()
            assert {name for name, kind in found.items() if kind == "table"} == set(TABLES)
            assert {name for name, kind in found.items() if kind == "view"} == set(VIEWS)
            for name in found:
                assert f"`{name}`" in (schema.__doc__ or "")
                await run.rows(name)

    asyncio.run(main())


def test_no_key_is_needed_to_order_rows_by_age(
    new_run: Callable[..., Any], key_for: Callable[..., EffectKey]
) -> None:
    async def main() -> None:
        async with new_run() as run:
            for number in (5, 3, 9):
                await run.begin_effect(key_for(number), number, Usage())
            assert [row["request"] for row in await run.rows("effects")] == ["5", "3", "9"]

    asyncio.run(main())
