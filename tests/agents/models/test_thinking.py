"""Thoughts that a model writes before its answer are kept apart from it."""

from __future__ import annotations

import random
import time

import pytest
from tests.agents.formats.grammar_papers import paper
from tests.agents.formats.grammar_reviews import cyclereviewer, deepreviewer

from peercycle.agents.models.thinking import split_thoughts
from peercycle.agents.structured.faults import fault_of
from peercycle.core.modelling import Completion


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        ('<think>\nPerhaps {"a": 1}?\n</think>\n\n{"a": 2}', 'Perhaps {"a": 1}?', '{"a": 2}'),
        ('\n <Thinking>{"a": 1}</THINKING>{"a": 2}', '{"a": 1}', '{"a": 2}'),
        ("<reasoning>One.</reasoning><think>Two.</think> Yes.", "One.\n\nTwo.", "Yes."),
        # A template may have begun the thoughts.
        ('Perhaps {"a": 1}?\n</think>\n\n{"a": 2}', 'Perhaps {"a": 1}?', '{"a": 2}'),
        ("Perhaps.</think>\nYes.", "Perhaps.", "Yes."),
        # Nothing closes what was cut off.
        ('<think>Perhaps {"a": 1', 'Perhaps {"a": 1', ""),
        ("<think>\n\n</think>\n\nYes.", None, "Yes."),
        # What speaks of such tags has no thoughts in front.
        ("Yes.", None, "Yes."),
        ('{"a": "up to </think> it thinks"}', None, '{"a": "up to </think> it thinks"}'),
        ("Models write\n<think>\nso\n</think>\nfirst.", None, "Models write\n<think>\nso\n</think>\nfirst."),
        ("<thinker>no</thinker>", None, "<thinker>no</thinker>"),
        ("", None, ""),
    ],
)
def test_thoughts_in_front_are_parted_from_the_answer(text: str, thought: str | None, answer: str) -> None:
    assert split_thoughts(text) == (thought, answer)


def test_what_a_server_told_apart_stands_before_what_the_text_thinks() -> None:
    assert split_thoughts("<think>B</think>C", "A") == ("A\n\nB", "C")
    assert split_thoughts("C", "A") == ("A", "C")
    assert split_thoughts("C", "") == (None, "C")
    answer = "A survey.\nEach thought ends with </think>\nThe answer follows."
    assert split_thoughts(answer, "A") == ("A", answer)


def test_what_the_published_models_write_is_left_as_it_is() -> None:
    rng = random.Random(3)
    for mode in ("fast", "standard", "questions"):
        text = deepreviewer(rng, mode).text
        assert split_thoughts(text) == (None, text)
    for text in (cyclereviewer(rng).text, paper(rng).text):
        assert split_thoughts(text) == (None, text)


def test_thoughts_without_an_answer_are_told_as_such() -> None:
    thought, text = split_thoughts("<think>Perhaps")
    said = Completion(text=text, reasoning=thought, finish_reason="stop")
    assert fault_of(said, None) == "the answer ended within its reasoning; think less"
    assert fault_of(said.model_copy(update={"reasoning": None}), None) == "the answer is empty"


@pytest.mark.parametrize("piece", ["<think>", "</think>", "</think>x ", "<think></think>", " \t", "\n </think", "<"])
def test_it_takes_time_in_proportion_to_the_text(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    began = time.process_time()
    split_thoughts(text)
    assert time.process_time() - began < 2
