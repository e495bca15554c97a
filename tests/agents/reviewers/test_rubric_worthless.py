"""Text that a reader would call worthless earns nothing, and the form of the source does not matter."""

from __future__ import annotations

import re

import pytest

from peercycle.agents.reviewers.rubric.placement import told_together
from peercycle.agents.reviewers.rubric.prose import is_number_list
from peercycle.agents.reviewers.rubric.quantities import counts
from peercycle.agents.reviewers.rubric.reviewer import make_checks
from peercycle.agents.reviewers.rubric.settings import RubricSettings
from peercycle.agents.reviewers.rubric.units import flat, unit_pattern
from peercycle.agents.reviewers.rubric.unwrapped import one_line
from peercycle.core.latex_scan import scan_latex
from peercycle.core.reviews import Submission


def _faults(text: str, check: str) -> list[str]:
    findings = {f.check: f for _, f in make_checks(Submission(text=text), RubricSettings())}
    return [fault.text for fault in findings[check].faults]


@pytest.mark.parametrize(
    ("unit", "written"),
    [
        ("m3/m3", "0.02 m³/m³"),
        ("m3/m3", "0.02 m^3/m^3"),
        ("words/min", "8.0 words per minute"),
        ("1/day", "5.9 messages a day"),
        ("ms", "59 milliseconds"),
        ("seconds", "3 s"),
    ],
)
def test_a_unit_is_known_in_the_spellings_of_authors(unit: str, written: str) -> None:
    assert re.search(unit_pattern(unit), flat(written))
    assert not re.search(rf"\d\s?(?:{unit_pattern(unit)})", flat("8.0 of them"))


def test_line_breaks_and_comments_leave_the_same_text() -> None:
    assert one_line("One two\nthree % four\n  five.\n\n\nSix\r\nseven.").split("\n\n") == [
        "One two three five.",
        "Six seven.",
    ]


def test_a_list_of_numbers_shows_nothing_together_and_a_sentence_does() -> None:
    listed = ", ".join(f"value \\measured{{m{n}}}{{0.{n}}}" for n in range(8))
    told = "Drip reached \\measured{a}{0.7}, and its interval runs from \\measured{b}{0.6} to \\measured{c}{0.8}."
    assert told_together(scan_latex(f"{told}\n\n{listed}")) == (frozenset("abc"),)
    assert is_number_list(re.sub(r"\\measured\{m\d\}", "", listed))


def test_bindings_to_nothing_are_faults_unless_an_export_defines_the_command() -> None:
    body = "\\section{Results} The error fell to \\measured{x}{0.1}."
    assert _faults(body, "numbers-match-measurements")
    assert not _faults(f"\\newcommand{{\\measured}}[2]{{#2}} {body}", "numbers-match-measurements")


def test_a_p_value_needs_a_test_that_the_paper_names() -> None:
    said = "\\section{Results} The difference is significant ($p < 0.001$). Keys are a permutation."
    assert _faults(said, "significance-has-a-test")
    assert not _faults(f"{said} We used a permutation test.", "significance-has-a-test")


@pytest.mark.parametrize("small", ["1.2e-8", r"3.2 \times 10^{-5}"])
def test_a_p_value_is_read_with_its_power_of_ten(small: str) -> None:
    said = f"\\section{{Results}} The difference is significant ($p = {small}$) by a permutation test."
    assert not _faults(said, "significance-has-a-test")


def test_a_number_under_the_name_of_another_row_is_a_fault() -> None:
    table = "\\begin{tabular}{lr} Humidity & Light \\\\ 10 & 52.4 \\\\ 40 & 64.2 \\\\ \\end{tabular}"
    right = f"\\section{{Results}} Light was 52.4 at low and 64.2 at high humidity.\n\n{table}"
    assert not _faults(right, "numbers-stand-by-their-names")
    wrong = right.replace("low", "\0").replace("high", "low").replace("\0", "high")
    assert _faults(wrong, "numbers-stand-by-their-names")


def test_a_conclusion_before_the_results_is_a_fault() -> None:
    parts = ["\\section{Introduction} We ask.", "\\section{Results} It was 3.5.", "\\section{Conclusion} It is so."]
    in_order = _faults("\n\n".join(parts), "parts-are-there")
    assert len(_faults("\n\n".join(reversed(parts)), "parts-are-there")) > len(in_order)


def test_an_abstract_of_one_line_is_an_abstract_and_said_to_be_short() -> None:
    faults = [str(fault) for fault in _faults("# A paper\n\n## Abstract\nWe do things.\n", "parts-are-there")]
    assert any("the abstract has no more than 3 words" in fault for fault in faults)
    assert not any("serves as abstract" in fault for fault in faults)


def test_a_count_belongs_to_the_number_next_to_it() -> None:
    assert counts("recall at ten over five seeds") == ((5, "seed"),)
