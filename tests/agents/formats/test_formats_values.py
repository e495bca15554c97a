"""Scores, decisions and broken outputs: what is not clearly said is missing."""

from __future__ import annotations

import pytest

from peercycle.agents.formats import cycleresearcher, cyclereviewer, deepreviewer
from peercycle.agents.formats.scores import read_decision, read_score


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("10: strong accept", 10),
        ("6: marginally above the acceptance threshold", 6),
        ("1", 1),
        ("8/10", 8),
        ("**5**", 5),
        ("5.67", 5.67),
        ("5,67", 5.67),
        ("5.666666667", 5.666666667),
        ("Rating: 7", 7),
        ("Overall score is 3", 3),
        ("`4`", 4),
        ("(6) weak accept", 6),
        ("**6**: weak accept", 6),
        ("\\textbf{6}: weak accept", 6),
        ("\\textbf{Rating:} 6", 6),
        ("$\\mathbf{6}$", 6),
        ("\\textbf{8}/10", 8),
        ("**8** out of **10**", 8),
        ("8 (8/10)", 8),
        ("{\\bf 6}", 6),
        ("$\\text{6}$", 6),
        ("6 (2 of 3 claims hold)", 6),
    ],
)
def test_a_rating_is_the_number_that_it_begins_with(said: str, value: float) -> None:
    assert read_score("rating", said, 1, 10).value == value


@pytest.mark.parametrize(
    ("said", "low", "high", "fault"),
    [
        ("6/5", 1, 10, "rating is 6 of 5, on another scale than 1 to 10"),
        ("4 out of 5", 1, 10, "rating is 4 of 5, on another scale than 1 to 10"),
        ("4 (out of 5)", 1, 10, "rating is 4 of 5, on another scale than 1 to 10"),
        ("4 (4/5)", 1, 10, "rating is 4 of 5, on another scale than 1 to 10"),
        ("4 points out of 5", 1, 10, "rating is 4 of 5, on another scale than 1 to 10"),
        ("\\textbf{4}/10", 1, 5, "rating is 4 of 10, on another scale than 1 to 5"),
        ("12/10", 1, 10, "rating is 12, outside 1 to 10"),
        ("6/5", 1, 5, "rating is 6, outside 1 to 5"),
    ],
)
def test_a_number_of_another_scale_is_told_and_no_rating(said: str, low: float, high: float, fault: str) -> None:
    scored = read_score("rating", said, low, high)
    assert (scored.value, scored.problem) == (None, fault)


@pytest.mark.parametrize(
    "said",
    [
        "0",
        "11",
        "100",
        "-3",
        "5-6",
        "3 to 5",
        "I like it",
        "999999999999",
        "",
        "N/A",
        "very good 7",
        "٧",
        "1e999",
        "2.5e3",
        "6.5.1",
    ],
)
def test_what_is_no_rating_is_missing_and_never_zero(said: str) -> None:
    assert read_score("rating", said, 1, 10).value is None


@pytest.mark.parametrize(
    ("said", "decision"),
    [
        ("Accept", "accept"),
        ("ACCEPT (oral)", "accept"),
        ("Not accepted", "reject"),
        ("The paper cannot be accepted.", "reject"),
        ("This should not yet be accepted", "reject"),
        ("Unacceptable", "reject"),
        ("Reject", "reject"),
        ("I recommend rejection", "reject"),
        ("Below the acceptance threshold", "reject"),
        ("Accept rather than reject", "accept"),
        ("Reject, not accept", "reject"),
        ("Decision pending", None),
        ("Accept or reject?", None),
        ("not rejected", None),
        ("I do not recommend rejection.", None),
        ("I see no reason to reject this paper", None),
        ("I do not recommend acceptance", "reject"),
        ("I would **not** suggest accepting it", "reject"),
        ("I don't think that this paper should be accepted", "reject"),
        ("I am not in favour of acceptance.", "reject"),
        ("Acceptance is not warranted", "reject"),
        ("Acceptance of this paper cannot be recommended", "reject"),
        ("Rejection is not warranted.", None),
        ("The gains are not large, but accept", "accept"),
        ("Recommend acceptance", "accept"),
        ("Acceptance can't be recommended", "reject"),
        ("Acceptance won't be recommended", "reject"),
        ("Acceptance is therefore not recommended", "reject"),
        ("Acceptance is not currently warranted", "reject"),
        ("Acceptance does not seem warranted", "reject"),
        ("Acceptance is hardly justified", "reject"),
        ("Acceptance was never recommended", "reject"),
        ("Acceptance of this work isn't possible without new experiments", "reject"),
        ("We cannot in good conscience recommend acceptance", "reject"),
        ("I cannot, in good conscience, recommend acceptance", "reject"),
        ("Without stronger baselines this paper should not be accepted", "reject"),
        ("A paper that does not compare should not be accepted", "reject"),
        ("The paper has no theory and cannot be accepted", "reject"),
        ("Neither I nor my colleague recommend acceptance", "reject"),
        ("I doubt that this should be accepted", "reject"),
        ("I oppose acceptance", "reject"),
        ("I see no reason not to accept this paper", "accept"),
        ("I would not argue against acceptance", "accept"),
        ("I have no objection to acceptance", "accept"),
        ("No doubt an accept", "accept"),
        ("I recommend acceptance because the flaws are not severe", "accept"),
        ("I recommend acceptance as the flaws are not severe", "accept"),
        ("I recommend acceptance not rejection", "accept"),
        ("Accept with no reservations", "accept"),
        ("It should not only be accepted but highlighted", "accept"),
        ("Rejection can't be recommended", None),
        ("", None),
    ],
)
def test_a_decision_is_what_the_words_say_and_not_which_words_occur(said: str, decision: str | None) -> None:
    assert read_decision(said)[0] == decision


def test_a_review_without_a_rating_has_none_and_the_average_leaves_it_out() -> None:
    read = cyclereviewer.parse("## Summary\nA.\n## Rating\n8\n**********\n## Summary\nB.\n## Soundness\n3 good\n")
    assert [review.rating for review in read.reviews] == [8, None]
    assert (read.average("rating").value, read.average("rating").n) == (8, 1)
    assert "there is no decision" in read.problems


@pytest.mark.parametrize(
    "text", ["", "   \n", "I'm sorry, I cannot help with that.", "对不起，我不能。", "a" * 200_000, "\ud800\udfff\0"]
)
def test_an_answer_that_is_no_review_is_a_problem_and_no_review(text: str) -> None:
    for read in (cyclereviewer.parse(text), deepreviewer.parse(text)):
        assert read.reviews == ()
        assert read.problems
    assert cycleresearcher.parse(text).problems


def test_a_second_paper_in_one_answer_is_left_out_and_told() -> None:
    one = "## Motivation\n\nWhy.\n\n## Main Idea\n\nWhat.\n\n```latex\n\\title{A}\n\\section{B}\ntext\n```\n"
    read = cycleresearcher.parse(one + one.replace("{A}", "{Z}"))
    assert read.title == "A"
    assert "{Z}" not in read.latex
    assert any("second paper" in problem for problem in read.problems)


def test_json_that_is_none_is_kept_as_written() -> None:
    read = cycleresearcher.parse("## Motivation\n\nWhy.\n\n## Experimental Setup\n\nWe shall run things.\n")
    assert read.experimental_setup == "We shall run things."
    assert any("no JSON" in problem for problem in read.problems)


def test_a_review_written_without_headings_marks_is_read_by_its_names() -> None:
    read = cyclereviewer.parse("Summary: It ranks.\nRating: 6\nConfidence: 4\nDecision: Reject\n")
    (review,) = read.reviews
    assert (review.summary, review.rating, review.confidence, read.decision) == ("It ranks.", 6, 4, "reject")
