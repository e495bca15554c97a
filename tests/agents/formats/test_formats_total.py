"""Any text parses: beginnings, cuts, mutations, ten megabytes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from tests.agents.formats.grammar_papers import paper
from tests.agents.formats.grammar_reviews import cyclereviewer, deepreviewer
from tests.timing import cpu_seconds

from peercycle.agents.formats import cycleresearcher
from peercycle.agents.formats import cyclereviewer as cyclereviews
from peercycle.agents.formats import deepreviewer as deepreviews

PARSERS: dict[str, Callable[[str], object]] = {
    "cycleresearcher": cycleresearcher.parse,
    "cyclereviewer": cyclereviews.parse,
    "deepreviewer": deepreviews.parse,
}
ODD = (
    "\\boxed_review{",
    "\\boxed_",
    "}",
    "{",
    "```",
    "```json\n",
    "```latex\n",
    "## Rating\n",
    "### ",
    "##",
    "**********",
    "\\",
    "\\u12",
    '"',
    "[",
    "]",
    "\n}",
    "\n\n",
    "\0",
    "\ud800",
    "\u202e",
    "10:",
    "## Meta Review\n",
    "## Motivation\n",
    "\\title{",
    "}}}",
    "[[[[[",
    "1e999",
    "NaN",
    "\r\n",
    "## Experimental_results\n",
)


def outputs(seed: int) -> dict[str, str]:
    """Return an output for each parser."""
    rng = random.Random(seed)
    return {
        "cycleresearcher": paper(rng).text,
        "cyclereviewer": cyclereviewer(rng).text,
        "deepreviewer": deepreviewer(rng, rng.choice(["fast", "standard", "questions"])).text,
    }


def mutated(text: str, rng: random.Random) -> str:
    """Return the text with something cut, doubled, moved or put in, once or a few times."""
    for _ in range(rng.randint(1, 4)):
        a, b = sorted(rng.randint(0, len(text)) for _ in range(2))
        b = min(b, a + 400)
        text = rng.choice(
            (
                text[:a] + text[b:],
                text[:a] + text[a:b] * 2 + text[b:],
                text[:a] + rng.choice(ODD) * rng.choice((1, 1, 40)) + text[a:],
                text[:a] + text[a:b][::-1] + text[b:],
                text[a:],
                text[:a],
            )
        )
    return text


def mutations(name: str, count: int, seed: int) -> Iterator[str]:
    """Yield mutated outputs for a parser."""
    rng = random.Random(seed)
    for number in range(count):
        yield mutated(outputs(number % 40)[name], rng)


@pytest.mark.parametrize("name", PARSERS)
def test_every_beginning_of_an_output_parses(name: str) -> None:
    text = outputs(3)[name]
    for end in range(min(len(text), 4000) + 1):
        PARSERS[name](text[:end])


@pytest.mark.parametrize("name", PARSERS)
def test_random_cuts_and_block_boundaries_parse(name: str) -> None:
    rng = random.Random(11)
    text = "\n\n".join(outputs(seed)[name] for seed in range(4))
    ends = [rng.randrange(len(text)) for _ in range(500)]
    ends += [
        at + shift for at in range(len(text)) if text.startswith(("```", "\n#", "\\boxed"), at) for shift in (0, 1, 3)
    ]
    for end in ends[:1200]:
        PARSERS[name](text[:end])


@pytest.mark.parametrize("name", PARSERS)
def test_mutated_outputs_parse(name: str) -> None:
    for text in mutations(name, 667, seed=5):
        PARSERS[name](text)


@pytest.mark.prove(rank=95)
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", PARSERS)
def test_a_hundred_thousand_mutated_outputs_parse(name: str) -> None:
    for text in mutations(name, 33_334, seed=6):
        PARSERS[name](text)


UNITS = (
    "a",
    "#",
    "```",
    "```\n",
    " ",
    "\n",
    "## Summary\n",
    "## Reviewer\n### Rating\n5\n",
    "## Meta Review\n### Summary\n",
    "{",
    "}",
    "\\",
    '"',
    '\\"',
    "- a\n",
    "\\boxed_review{",
    "1. ",
    "Validity: Valid\n",
    "\\title{",
    "```latex\n",
    '["a",',
    "## Experimental Setup\n",
    "*",
    "**********\n",
    "#### comment \n",
    "Weakness Statement ",
    "漢字\n",
    "decision: accept ",
)
HEADS = (
    "",
    '## Experimental Setup\n```json\n["',
    "\\boxed_simreviewers{\n## Reviewer 1\n### Weaknesses\n",
    "## Summary",
    "\\boxed_verification{ Weakness Statement",
    "\\boxed_questions{",
    "\\title",
    "```json\n[",
)


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize("head", HEADS)
def test_time_grows_with_length_and_not_with_its_square(name: str, head: str) -> None:
    """Eight times the text takes at most about eight times as long; a square would take 64 times."""
    for unit in UNITS:
        small, large = (head + unit * (size // len(unit)) + "x" for size in (40_000, 320_000))
        if _seconds(PARSERS[name], large) < 0.15:
            continue
        few, many = (cpu_seconds(partial(PARSERS[name], text)) for text in (small, large))
        assert many < 30 * max(few, 0.005), (unit, few, many)


@pytest.mark.prove(rank=95)
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", PARSERS)
def test_ten_megabytes_parse_within_two_seconds(name: str) -> None:
    for number, unit in enumerate(UNITS):
        for head in {HEADS[0], HEADS[1 + number % 7], HEADS[1 + (number + 3) % 7]}:
            text = head + unit * (10_000_000 // len(unit)) + "x"
            assert _seconds(PARSERS[name], text) < 2, (head, unit)


def _seconds(parse: Callable[[str], object], text: str) -> float:
    began = time.process_time()
    parse(text)
    return time.process_time() - began
