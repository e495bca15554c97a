"""The contract of language models."""

from __future__ import annotations

from typing import Any

from peercycle.core.base import JSON
from peercycle.core.contracts import LanguageModel
from peercycle.core.modelling import Message, ModelRequest, ModelResult, Sampling
from peercycle.plugins.testing.context import Bench
from peercycle.plugins.testing.contract import ReplayContract, Take


class ModelContract(ReplayContract):
    """A model, asked through the journal as a policy asks it.

        class TestMine(ModelContract):
            def language_model(self):
                return Mine(MineSettings())

    The answers themselves are the model's own affair: a play is compared with its replay, and two plays with the
    journal of one. `deterministic = False` leaves out the checks that compare two plays without a journal.
    """

    deterministic: bool = True

    def language_model(self) -> LanguageModel:
        """Return a fresh model."""
        raise NotImplementedError

    def requests(self) -> list[ModelRequest]:
        """Return what to ask, in this order."""
        question = Message(role="user", content="Name a measure of ranking quality.")
        system = Message(role="system", content="Answer in one sentence.")
        return [
            ModelRequest(messages=(question,), seed=1),
            ModelRequest(messages=(system, question), n=2, seed=2),
            ModelRequest(messages=(question,), seed=3, sampling=Sampling(max_tokens=4, temperature=0.5)),
        ]

    def subject(self) -> LanguageModel:
        """Return a fresh model."""
        return self.language_model()

    async def play(self, take: Take, bench: Bench) -> JSON:
        """Ask everything, one request an effect."""
        said: list[JSON] = []
        for number, request in enumerate(self.requests()):
            model = await take()
            ctx = bench.context("write", candidate=f"c{number}")

            async def call(model: LanguageModel = model, request: ModelRequest = request) -> JSON:
                return await _asked(model, request)

            said.append(await ctx.effect("model", request.model_dump(mode="json"), call))
        return said

    def test_a_kill_and_a_resume_leave_what_an_undisturbed_play_leaves(self) -> None:
        """Only a model that answers alike can leave the same; a sampled one keeps the journalled part."""
        if self.deterministic:
            super().test_a_kill_and_a_resume_leave_what_an_undisturbed_play_leaves()

    def test_it_keeps_nothing_from_one_run_to_the_next(self) -> None:
        """As for every component, where two plays can be compared."""
        if self.deterministic:
            super().test_it_keeps_nothing_from_one_run_to_the_next()

    def test_it_keeps_nothing_from_one_call_to_the_next(self) -> None:
        """As for every component, where two plays can be compared."""
        if self.deterministic:
            super().test_it_keeps_nothing_from_one_call_to_the_next()

    def test_a_batch_is_answered_in_order_and_whole(self) -> None:
        """Each request of a batch has one result, and each result as many completions as were asked for."""
        for request, answer in self._answers():
            assert answer["results"] == 1, f"one request has {answer['results']} results"
            found = len(answer["result"]["completions"])
            assert found == request.n, f"{found} completions, and {request.n} were asked for"
            assert answer["in_batch"], "a batch of two was not answered by two results, in order"

    def test_usage_is_counted_and_within_the_worst_case(self) -> None:
        """The budget reserves the worst case: no answer may use more of it."""
        for _, answer in self._answers():
            used, worst = answer["result"]["usage"], answer["worst"]
            assert used["prompt_tokens"] and used["completion_tokens"], f"tokens were not counted: {used}"
            assert used["model_calls"] == 1, f"one request is {used['model_calls']} calls"
            for name in ("prompt_tokens", "completion_tokens", "model_calls"):
                assert used[name] <= worst[name], f"{name}: {used[name]} used, {worst[name]} reserved"

    def test_an_unknown_price_is_not_zero(self) -> None:
        """A cost is a price times tokens, or None."""
        for _, answer in self._answers():
            cost = answer["result"]["usage"]["cost"]
            assert cost is None or cost > 0, "a cost of 0 claims that the answer was free"

    def test_max_tokens_is_kept(self) -> None:
        """An answer that was cut says `length`, and uses no more than was allowed for each completion."""
        for request, answer in self._answers():
            most = request.sampling.max_tokens
            used = answer["result"]["usage"]["completion_tokens"]
            assert most is None or used <= most * request.n, f"{used} tokens, at most {most} each were allowed"

    def test_logprobs_and_ids_go_together(self) -> None:
        """One log-probability per completion token, none above 0."""
        for _, answer in self._answers():
            for completion in answer["result"]["completions"]:
                ids, logprobs = completion["completion_token_ids"], completion["logprobs"]
                assert logprobs is None or (ids is not None and len(ids) == len(logprobs)), "ids and logprobs differ"
                assert logprobs is None or max(logprobs, default=0.0) <= 0, "a log-probability is above 0"

    def _answers(self) -> list[tuple[ModelRequest, dict[str, Any]]]:
        said = self.said()
        assert isinstance(said, list)
        return [(r, answer) for r, answer in zip(self.requests(), said, strict=True) if isinstance(answer, dict)]


async def _asked(model: LanguageModel, request: ModelRequest) -> JSON:
    worst = model.worst_case(request)
    results = await model.generate([request])
    batch = await model.generate([request, request])
    assert all(isinstance(result, ModelResult) for result in (*results, *batch)), "results are no ModelResult"
    return {
        "results": len(results),
        # How long an engine took is no part of what it said.
        "result": results[0].model_dump(mode="json", exclude={"usage": {"engine_seconds"}}),
        "in_batch": len(batch) == 2,
        "worst": worst.model_dump(mode="json"),
    }
