"""Reviewers that ask a model: a panel that shares its paper, a check that can say "invalid", the published modes."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tests.agents.protocol_model import ProtocolModel

from peercycle.agents.models import bytes_tokenizer as tokenizer
from peercycle.agents.reviewers.cyclereviewer import CycleReviewer, CycleReviewerSettings
from peercycle.agents.reviewers.deepreviewer import DeepReviewer, DeepReviewerSettings
from peercycle.agents.reviewers.prompted.reviewer import PromptedReviewer
from peercycle.agents.reviewers.prompted.settings import PromptedReviewerSettings
from peercycle.core.modelling import Completion, ModelRequest, ModelResult, Usage
from peercycle.core.reviews import Assessment, Submission
from peercycle.plugins.testing import samples
from peercycle.plugins.testing.context import Bench, Services

TRUE = "Only one collection was used, as the Limitations say."
FALSE = "The paper never says how many seeds were drawn."


class Careful:
    """Lists a true and a planted false weakness, and finds the false one out when it is asked to check."""

    def __init__(self) -> None:
        self.asked: list[ModelRequest] = []

    async def generate(self, requests: Sequence[ModelRequest]) -> Sequence[ModelResult]:
        self.asked += requests
        return [
            ModelResult(completions=(Completion(text=json.dumps(_said(r)), finish_reason="stop"),)) for r in requests
        ]

    def worst_case(self, request: ModelRequest) -> Usage:
        return Usage(model_calls=1)


def _said(request: ModelRequest) -> Any:
    asked = request.messages[-1].content
    if "Check each against the paper" in asked:
        listed = re.findall(r"\[(r\d+\.w\d+)\] (.*)", asked)
        return {
            "verdicts": [
                {"id": i, "validity": "invalid" if said == FALSE else "valid", "evidence": "Method: two seeds."}
                for i, said in listed
            ]
        }
    if "Weigh the reviews" in asked:
        invalid = "A check against the paper" in asked and FALSE in asked.split("A check against the paper")[1]
        return {"meta_review": f"One weakness stands; invalid told: {invalid}.", "decision": "reject"}
    return {
        "summary": "Two rankings are compared.",
        "strengths": ["It is short."],
        "weaknesses": [{"text": TRUE, "asks": "evidence"}, {"text": FALSE, "asks": "text"}],
        "questions": ["Why two?"],
        "soundness": 3, "presentation": 3, "contribution": 2, "rating": 6, "confidence": 4, "decision": "reject",
    }  # fmt: skip


def review(tmp_path: Path, reviewer: Any, model: Any, stage: str = "review") -> tuple[Assessment, Bench]:
    bench = Bench(tmp_path, Services(model=model, works=samples.references()))
    return asyncio.run(reviewer.review(samples.submission(), bench.context(stage))), bench


def test_a_weakness_that_the_paper_contradicts_is_found_invalid_and_left_out(tmp_path: Path) -> None:
    read, _ = review(tmp_path, PromptedReviewer(PromptedReviewerSettings(reviewers=2)), Careful())
    assert [r.weaknesses for r in read.reviews] == [(TRUE,), (TRUE,)]
    assert all(FALSE not in point.text for point in read.points)
    assert [p.asks for p in read.reviews[0].points] == ["evidence", "text"]
    assert read.verification is not None
    assert read.verification.count("invalid: ") == 2
    assert read.meta_review == "One weakness stands; invalid told: True."
    assert (read.decision, read.rating) == ("reject", 6)


def test_without_the_check_the_planted_weakness_stays(tmp_path: Path) -> None:
    settings = PromptedReviewerSettings(reviewers=1, verification=False)
    read, _ = review(tmp_path, PromptedReviewer(settings), Careful())
    assert read.reviews[0].weaknesses == (TRUE, FALSE)
    assert read.verification is None


def test_the_paper_comes_first_and_what_differs_after_it(tmp_path: Path) -> None:
    """An engine with a prefix cache reads the paper once: the prompts of all reviewers begin alike."""
    model = Careful()
    read, _ = review(tmp_path, PromptedReviewer(PromptedReviewerSettings(reviewers=4)), model)
    prompts = [tokenizer.decode(tokenizer.prompt_ids(request)) for request in model.asked]
    shared = min(prompts, key=len)
    while not all(prompt.startswith(shared) for prompt in prompts):
        shared = shared[:-1]
    assert "Two seeds are few" in shared, "the end of the paper is not in the shared part"
    dispositions: list[Any] = [review.extra["prompted"] for review in read.reviews]
    assert len({json.dumps(d) for d in dispositions}) == 4
    assert all(d["disposition"] in prompt for d, prompt in zip(dispositions, prompts, strict=False))


def test_no_two_reviewers_of_the_largest_panel_share_a_disposition(tmp_path: Path) -> None:
    read, _ = review(tmp_path, PromptedReviewer(PromptedReviewerSettings(reviewers=12)), Careful())
    assert len({json.dumps(review.extra["prompted"]) for review in read.reviews}) == 12


@pytest.mark.parametrize("given", [("You are strict.",), ("You are strict.", "You are strict.")])
def test_a_panel_with_fewer_dispositions_than_reviewers_is_refused(given: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="2 reviewers need as many dispositions, no two alike; 1 differ"):
        PromptedReviewerSettings(reviewers=2, dispositions=given)


def test_a_reviewer_that_judges_the_finished_paper_asks_the_judges_model(tmp_path: Path) -> None:
    read, _ = review(tmp_path, PromptedReviewer(PromptedReviewerSettings(reviewers=1)), Careful(), stage="finish")
    assert read.notes["model_role"] == "judge"


@pytest.mark.parametrize("form", ["8b", "123b"])
def test_cyclereviewers_answer_is_the_whole_panel(tmp_path: Path, form: Any) -> None:
    read, _ = review(tmp_path, CycleReviewer(CycleReviewerSettings(form=form)), ProtocolModel())
    assert read.reviews
    assert read.rating is not None
    assert read.decision in {"accept", "reject"}
    assert read.meta_review
    assert "no peer review" in read.machine_made


@pytest.mark.parametrize("mode", ["fast", "standard", "best"])
def test_deepreviewer_speaks_each_of_its_modes(tmp_path: Path, mode: Any) -> None:
    model = ProtocolModel()
    read, bench = review(tmp_path, DeepReviewer(DeepReviewerSettings(mode=mode)), model)
    assert read.rating is not None
    assert (read.verification is not None) == (mode != "fast")
    searches = [key for key in bench.times_done() if '"kind":"search"' in key]
    if mode == "best":
        assert len(read.questions) == len(searches) == 3
        last = model.asked[-1].messages
        assert [m.role for m in last] == ["system", "user", "assistant", "user"]
        assert last[-1].content.startswith("## Question 1\n\nHow does method 0 behave?")
        assert last[-1].content.count("### Passage") == 3
        assert read.notes["analysis"]
    else:
        assert not searches


class Answers:
    """Gives one answer to whatever is asked."""

    def __init__(self, text: str) -> None:
        self.text = text

    async def generate(self, requests: Sequence[ModelRequest]) -> Sequence[ModelResult]:
        return [ModelResult(completions=(Completion(text=self.text, finish_reason="stop"),)) for _ in requests]

    def worst_case(self, request: ModelRequest) -> Usage:
        return Usage(model_calls=1)


@pytest.mark.parametrize("reviewer", [CycleReviewer(CycleReviewerSettings()), DeepReviewer(DeepReviewerSettings())])
def test_what_was_taken_without_a_rating_says_so(tmp_path: Path, reviewer: Any) -> None:
    unrated = "\\boxed_review{\n## Summary\nTwo rankings.\n\n## Decision\nReject\n}"
    read, _ = review(tmp_path, reviewer, Answers(unrated))
    assert read.rating is None
    assert "no review has a rating" in read.problems


class Hasty(Careful):
    """Checks the first weakness only, however often it is asked."""

    async def generate(self, requests: Sequence[ModelRequest]) -> Sequence[ModelResult]:
        return [
            ModelResult(completions=(Completion(text=json.dumps(_hasty(r)), finish_reason="stop"),)) for r in requests
        ]


def _hasty(request: ModelRequest) -> Any:
    said = _said(request.model_copy(update={"messages": request.messages[:2]}))
    return {"verdicts": said["verdicts"][:1]} if "verdicts" in said else said


def test_a_weakness_that_was_not_checked_is_told(tmp_path: Path) -> None:
    read, _ = review(tmp_path, PromptedReviewer(PromptedReviewerSettings(reviewers=1)), Hasty())
    assert "there is no verdict on r1.w2" in read.problems


def test_a_paper_without_text_is_a_problem_and_asks_nobody(tmp_path: Path) -> None:
    model = Careful()
    bench = Bench(tmp_path, Services(model=model))
    for reviewer in (PromptedReviewer(PromptedReviewerSettings()), CycleReviewer(CycleReviewerSettings())):
        read = asyncio.run(reviewer.review(Submission(text="  "), bench.context("review")))
        assert read.problems == ("there is no text to review",)
    assert not model.asked
