"""What nothing stands behind is told to its author, and at last taken out; prompts are planned to fit."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.agents.schema_model import SchemaModel

from peercycle.agents.policies.prompted.evidence import faults_of, mended, one_line
from peercycle.agents.policies.prompted.experimenting import program_of
from peercycle.agents.policies.prompted.material import show_works
from peercycle.agents.policies.prompted.policy import PromptedPolicy
from peercycle.agents.policies.prompted.settings import PromptedSettings
from peercycle.agents.structured.asking import BadAnswerError
from peercycle.core.contracts import Work
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.writing import ResearchTask
from peercycle.plugins.testing import samples
from peercycle.plugins.testing.context import Bench, Services

KEYS = ("work00", "work01")
RESULTS = samples.paper().results
BOUND = "The mean overlap was \\measured{overlap.mean}{0.75}."


def test_a_text_that_keeps_to_the_evidence_has_no_fault_and_stays_as_it_is() -> None:
    body = f"As in~\\cite{{work00,work01}}, rankings differ. {BOUND}"
    assert faults_of(body, "results", KEYS, RESULTS) == []
    assert mended(body, "results", KEYS, RESULTS).text == body


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ("So it is~\\cite{nobody}.", "So it is."),
        ("So it is~\\cite{work00,nobody}.", "So it is~\\cite{work00}."),
        ("So \\citep[see][p.~3]{nobody} it is.", "So it is."),
        ("\\citet{work01} say so \\cite{a, b}.", "\\citet{work01} say so."),
    ],
)
def test_a_work_that_does_not_exist_is_a_fault_and_its_citation_is_dropped(body: str, left: str) -> None:
    assert "which the bibliography does not have" in faults_of(body, "method", KEYS, None)[0]
    done = mended(body, "method", KEYS, None)
    assert done.text == left
    assert done.reports
    assert faults_of(done.text, "method", KEYS, None) == []


def test_a_wrong_rounding_is_put_right() -> None:
    done = mended(BOUND.replace("0.75", "0.91"), "results", KEYS, RESULTS)
    assert done.text == BOUND
    assert "no right rounding" in done.reports[0]


@pytest.mark.parametrize("lie", ["It rose to 0.93 in the end.", "It rose to \\measured{invented}{0.93} in the end."])
def test_a_sentence_whose_number_nothing_stands_behind_is_dropped(lie: str) -> None:
    body = f"{BOUND} {lie} Nothing else was seen, and there is more to say of why that may be so."
    assert faults_of(body, "results", KEYS, RESULTS)
    done = mended(body, "results", KEYS, RESULTS)
    assert "0.93" not in done.text
    assert BOUND in done.text
    assert "Nothing else was seen" in done.text


def test_a_heading_has_no_citation_and_one_line() -> None:
    assert one_line("On\n ranking~\\cite{work00}") == "On ranking"


def test_works_are_left_out_whole_and_counted() -> None:
    works = [Reference(key=f"k{n}", title="A title of some length", abstract="word " * 100) for n in range(50)]
    shown = show_works(works, 2000)
    assert len(shown.text) <= 2000
    assert shown.left_out == 50 - len(shown.keys) > 0
    assert all(f"[{key}] A title of some length" in shown.text for key in shown.keys)
    assert shown.text.count("word ") % 99 == 0, "an abstract was cut"


@pytest.mark.parametrize("context", [4000, 16_000])
def test_every_prompt_of_a_draft_fits_into_the_window(tmp_path: Path, context: int) -> None:
    works = tuple(
        Reference(key=f"key{n}", title=f"A work on ranking, number {n}", abstract="It ranks. " * 60)
        for n in range(300)
    )
    settings = PromptedSettings(
        context_tokens=context, answer_tokens=1000, section_characters=2000, text_characters=200, sections=5
    )
    model = SchemaModel()
    bench = Bench(tmp_path, Services(model=model))
    policy = PromptedPolicy(settings)

    async def draft() -> None:
        bibliography = Bibliography(entries=works)
        work = Work(task=ResearchTask(topic="ranking", bibliography=bibliography), bibliography=bibliography)
        work = replace(work, outline=(await policy.outline(work, bench.context("outline"))).value)
        work = replace(work, manuscript=(await policy.write(work, bench.context("write"))).value)
        work = replace(work, plan=(await policy.plan(work, bench.context("plan"))).value)
        await policy.conclude(work, bench.context("conclude"))

    asyncio.run(draft())
    first = [request for request in model.asked if len(request.messages) == 2]
    longest = max(sum(len(message.content) for message in request.messages) for request in first)
    assert longest <= settings.prompt_characters
    assert any("do not fit into the prompt" in line for line in bench.logged)


@pytest.mark.parametrize(
    "said", ["", "I cannot write code.", "```python\nif True\n```", "x = 1", "print(1)" + "#" * 500]
)
def test_what_is_no_program_is_refused(said: str) -> None:
    with pytest.raises(BadAnswerError):
        program_of(said, 400)


def test_the_longest_block_is_the_program() -> None:
    said: Any = "First:\n```bash\npip install x\n```\nthen\n```python\nimport json\nprint(json.dumps({}))\n```\nDone."
    assert program_of(said, 400) == "import json\nprint(json.dumps({}))\n"
