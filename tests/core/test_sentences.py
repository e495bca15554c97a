"""Sentences of papers: what is quoted or cited whole ends none."""

from __future__ import annotations

import pytest

from peercycle.core.citations import check_citations
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.sentences import sentence_spans
from peercycle.core.writing import Manuscript, Section

TITLE = "Is DPO Superior to PPO for LLM Alignment? A Comprehensive Study"


@pytest.mark.parametrize(
    "text",
    [
        f"The paper ``{TITLE}'' asks which is better.",
        f"The paper “{TITLE}” asks which is better.",
        f'The paper "{TITLE}" asks which is better.',
        "One asks ``Is DPO better?'' \\citep{xu2024} and means it.",
        "One asks “Is DPO better?” ⟨c⟩.",
        "Others differ \\citep[see p. 3, and Fig. 2. Also 4]{one, two} in this.",
    ],
)
def test_a_quoted_title_or_a_citation_is_not_cut(text: str) -> None:
    assert [text[s.start : s.end] for s in sentence_spans(text)] == [text]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("He said ``It works.'' Then he left.", 2),
        ("It works. \\citet{k} shows that it does.", 2),
        ("Is it so? We ask.", 2),
        ("An open “quotation that ends nowhere. And more. And more.", 3),
        ('A 5" pipe. Another 5" pipe. A third.', 3),
        ("First “part.\n\nSecond” part.", 2),
    ],
)
def test_other_sentences_end_as_before(text: str, number: int) -> None:
    assert len(sentence_spans(text)) == number


def test_a_long_citing_sentence_is_not_cut_inside_a_key() -> None:
    for filler in range(370, 400):
        body = (
            f"{'x' * 9} {'word ' * (filler // 5)}{'y' * (filler % 5)} \\citep{{a-rather-long-key, k}} holds it all."
        )
        manuscript = Manuscript(title="T", abstract="", sections=(Section(heading="H", body=body),))
        (_, check) = check_citations(manuscript, Bibliography(entries=(Reference(key="k", title="T"),)))
        said = check.sentence or ""
        assert said.count("{") == said.count("}"), said
        assert len(said) <= 402
