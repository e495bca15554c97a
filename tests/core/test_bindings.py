"""What the check stage holds a manuscript to."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.timing import cpu_seconds

from peercycle.core.bindings import (
    check_citations,
    check_manuscript,
    check_numbers,
    citation_keys,
    is_right_rounding,
    measured_uses,
)
from peercycle.core.derivations import derived_value, student_t_975
from peercycle.core.experiments import Derivation, ExperimentResults, Measurement, Statistic
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.remembering import forget
from peercycle.core.writing import Manuscript, Section, SectionRole


def _m(name: str, value: float, **more: object) -> Measurement:
    return Measurement.model_validate({"id": name, "metric": "m", "value": value, "experiment": "e", **more})


RESULTS = ExperimentResults(
    measurements=(
        _m("acc", 0.91273),
        _m("acc.pct", 91.273, unit="%"),
        _m("p", 0.0004),
        _m("n", 1234.0),
        _m("sim", 0.5551, provenance="simulated"),
        *(_m(f"s{i}", v, seed=i) for i, v in enumerate((0.81, 0.84, 0.86, 0.79, 0.85))),
        _m("mean", 0.83, derived=Derivation(statistic="mean", of=("s0", "s1", "s2", "s3", "s4"))),
        _m("bad", 0.93, derived=Derivation(statistic="mean", of=("s0", "s1", "s2", "s3", "s4"))),
        _m("lost", 0.5, derived=Derivation(statistic="mean", of=("s0", "gone"))),
    )
)


def _paper(body: str, role: SectionRole = "results", abstract: str = "") -> Manuscript:
    return Manuscript(title="T", abstract=abstract, sections=(Section(heading="S", body=body, role=role),))


def _statuses(body: str, role: SectionRole = "results") -> list[tuple[str, str]]:
    return [(c.shown, c.status) for c in check_numbers(_paper(body, role), RESULTS)]


def test_bindings_are_found_with_nested_braces_blanks_and_in_mathematics() -> None:
    text = "a \\measured{a}{0.9} $\\measured {b:c} { \\mathbf{0.1} }$ \\measured{d\\_e}{1{,}234} \\\\measured{no}{1}"
    assert [(u.id, u.shown) for u in measured_uses(text)] == [
        ("a", "0.9"),
        ("b:c", "\\mathbf{0.1}"),
        ("d_e", "1{,}234"),
    ]
    first = measured_uses(text)[0]
    assert text[first.start : first.end] == "\\measured{a}{0.9}"


def test_bindings_in_comments_verbatim_and_dead_branches_are_none() -> None:
    text = (
        "% \\measured{a}{1}\n\\%\\measured{b}{2} \\begin{verbatim}\\measured{c}{3}\\end{verbatim}"
        "\\verb|\\measured{d}{4}| \\iffalse \\measured{e}{5} \\fi \\end{document} \\measured{f}{6}"
    )
    assert [u.id for u in measured_uses(text)] == ["b"]


@pytest.mark.parametrize(
    ("shown", "value"),
    [
        ("0.913", 0.91273),
        ("-1.2", -1.2499),
        ("$-1.2$", -1.15),
        ("−1.2", -1.2),
        ("91.3\\%", 0.91273),
        ("91.3\\,\\%", 0.913),
        ("1{,}234", 1234.4),
        ("1,234", 1234.0),
        ("1\\,234", 1233.6),
        ("1,234,567.8", 1234567.81),
        ("0{,}913", 0.9131),
        ("3.2\\times 10^{-5}", 3.15e-5),
        ("$3.2\\,\\cdot\\,10^{-5}$", 3.21e-5),
        ("1e-5", 1.2e-5),
        ("1.0E+3", 1000.0),
        ("< 0.001", 0.0004),
        ("$<0.001$", 0.0),
        ("\\leq 0.05", 0.05),
        ("\\mathbf{0.913}", 0.913),
        ("\\textbf{0.91}", 0.913),
        ("0.12", 0.125),
        ("0.13", 0.125),
        ("2.68", 2.675),
        ("2.67", 2.675),
        ("0.00", -0.001),
        (".913", 0.913),
        ("+0.5", 0.52),
        ("\\num{0.913}", 0.913),
        ("12.3 ms", 12.31),
        ("seven", 7.0),
        ("\\approx 0.9", 0.913),
    ],
)
def test_a_right_rounding_is_recognised(shown: str, value: float) -> None:
    assert is_right_rounding(shown, value)


@pytest.mark.parametrize(
    ("shown", "value"),
    [
        ("0.914", 0.91273),
        ("0.912", 0.91273),
        ("1.2", -1.2),
        ("-0.00", 0.001),
        ("91.3", 0.91273),
        ("91.3\\%", 91.273),
        ("1,234", 1.234),
        ("3.2\\times 10^{5}", 3.2e-5),
        ("1e-5", 1.6e-5),
        ("< 0.001", 0.002),
        ("< 1000", 3.0),
        ("> 0.05", 0.01),
        ("0.9 \\pm 0.1", 0.9),
        ("0.90--0.95", 0.9),
        ("", 0.0),
        ("ten to twelve", 10.0),
        ("0.9", float("nan")),
        ("0.9", float("inf")),
        ("1e99999999999", 1.0),
        ("1" * 5000, 1.0),
    ],
)
def test_a_wrong_rounding_is_refused(shown: str, value: float) -> None:
    assert not is_right_rounding(shown, value)


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12), st.integers(0, 8))
def test_what_python_rounds_is_a_right_rounding(value: float, digits: int) -> None:
    assert is_right_rounding(f"{value:.{digits}f}", value if round(value, digits) else abs(value) * 0)
    assert is_right_rounding(f"{value:.{digits}e}", value)


@given(st.floats(min_value=0.001, max_value=1e6), st.integers(1, 5))
def test_a_changed_last_digit_is_a_wrong_rounding(value: float, digits: int) -> None:
    moved = f"{round(value, digits) + 2 * 10**-digits:.{digits}f}"
    assert not is_right_rounding(moved, value)


def test_citation_commands_of_natbib_and_biblatex_are_read() -> None:
    text = (
        "\\cite{a} \\citep[see][p.~3]{b, c} \\citet*{d}\\Citet{e} \\parencite[12]{f}\\textcite{g} \\autocite{h}"
        " \\citeauthor{i} \\footcite{j} \\cites[1]{k}[see][2]{l} \\citealp{a}\n% \\cite{no}\n\\nocite{*}\\nocite{no}"
        "\\begin{verbatim}\\cite{no}\\end{verbatim} \\verb+\\cite{no}+ \\supercite{m} \\cite{} \\citep{ n ,\n o }"
    )
    assert "".join(citation_keys(text)) == "abcdefghijklmno"


def test_numbers_are_bound_by_value_or_unbound() -> None:
    text = (
        "We reach \\measured{acc}{0.913}, that is \\measured{acc}{91.3}\\%, or \\measured{acc.pct}{91.3\\%}; "
        "an unbound 0.9127 and 0.777; wrong \\measured{acc}{0.92}, unknown \\measured{nope}{0.1}, "
        "simulated \\measured{sim}{0.56}, $p<\\measured{p}{0.001}$."
    )
    assert _statuses(text) == [
        ("0.913", "bound"),
        ("91.3", "bound"),
        ("91.3\\%", "bound"),
        ("0.9127", "by_value"),
        ("0.777", "unbound"),
        ("0.92", "wrong_rounding"),
        ("0.1", "unknown_id"),
        ("0.56", "simulated"),
        ("0.001", "bound"),
    ]


def test_numbers_that_are_no_results_are_not_listed() -> None:
    text = (
        "In 2021 \\citep[p.~12]{a3} (Section 3, Figures 2 and 3, Table~\\ref{t1}, Eqs.~(4)--(5)) on 5 May 2020\n"
        "\\label{x12} \\includegraphics[width=0.8\\textwidth]{f1.png} \\vspace{3pt} BM25, F1, top-5, ResNet-50,\n"
        "$x_{12}$, $10^{3}$, $\\alpha = 0.05$, version 2.1, Python 3.11, v1.2.3, a 95\\% confidence interval,\n"
        "10 random seeds, 5-fold, H2O, 3rd, 2D, three methods, https://a.org/2020.12345, doi:10.1145/12.34\n"
        "(1) first\n1. second\n\\begin{enumerate}\\item[2.] x\\end{enumerate} \\textcolor[rgb]{0.1,0.2,0.3}{red}\n"
        "\\cline{2-3} \\multicolumn{3}{c}{x} \\hspace{-1.5em} 0.5\\linewidth \\end{document} 0.123"
    )
    assert _statuses(text) == []


def test_results_in_prose_and_tables_are_listed() -> None:
    text = "It rose by 3.2\\% in May to 352 mm and $-0.45$, in 7 of 12 topics, 1{,}050 times; $r=0.31$; 2.1x."
    assert [s for s, _ in _statuses(text)] == ["3.2\\%", "352", "-0.45", "7", "12", "1{,}050", "0.31", "2.1"]
    table = "\\begin{tabular}{lr}a & 0.51 \\\\ b & 12 \\\\ \\end{tabular} and 0.52"
    assert [s for s, _ in _statuses(table, "method")] == ["0.51", "12"]


def test_an_integer_or_a_single_digit_is_not_bound_by_chance() -> None:
    assert _statuses("0.9 and 1 and 1234 and 1,234") == [
        ("0.9", "unbound"),
        ("1", "unbound"),
        ("1234", "by_value"),
        ("1,234", "by_value"),
    ]


def test_a_number_that_the_task_states_is_no_result() -> None:
    paper = _paper("With a dose of 0.35 we saw 0.42.")
    assert [c.shown for c in check_numbers(paper, RESULTS, "The dose is 0.35.")] == ["0.42"]


def test_a_percent_table_may_show_hundredths() -> None:
    table = (
        "\\begin{tabular}{lr}method & acc (\\%) \\\\ a & \\measured{acc}{91.3} \\end{tabular} \\measured{acc}{91.3}"
    )
    assert [s for _, s in _statuses(table)] == ["bound", "wrong_rounding"]


def test_derived_measurements_are_recomputed() -> None:
    checks = check_numbers(
        _paper("\\measured{mean}{0.83} \\measured{bad}{0.93} \\measured{lost}{0.5} \\measured{bad}{0.83}"), RESULTS
    )
    assert [c.status for c in checks] == ["bound", "wrong_rounding", "bound", "bound"]
    assert "recorded as 0.93, but the mean of its 5 parts is 0.83" in checks[1].detail
    assert "'gone'" in checks[2].detail
    assert "0.93" in checks[3].detail


def test_what_is_derived_from_simulated_numbers_is_simulated() -> None:
    results = ExperimentResults(
        measurements=(
            _m("a", 1.5, provenance="simulated"),
            _m("b", 1.5, derived=Derivation(statistic="mean", of=("a",))),
        )
    )
    (check,) = check_numbers(_paper("\\measured{b}{1.5}"), results)
    assert check.status == "simulated"


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [
        ("mean", 0.83),
        ("sd", 0.029154759),
        ("min", 0.79),
        ("max", 0.86),
        ("median", 0.84),
        ("n", 5.0),
        ("ci95_low", 0.7937995),
        ("ci95_high", 0.8662005),
    ],
)
def test_each_statistic_follows_its_definition(statistic: Statistic, expected: float) -> None:
    assert derived_value(statistic, (0.81, 0.84, 0.86, 0.79, 0.85)) == pytest.approx(expected, abs=1e-6)
    assert derived_value("sd", (1.0,)) is None
    assert derived_value("ci95_low", (1.0,)) is None
    assert derived_value(statistic, ()) is None


@pytest.mark.parametrize(
    ("df", "quantile"),
    [(1, 12.7062047), (2, 4.3026527), (4, 2.7764451), (29, 2.0452296), (200, 1.9718962), (1000, 1.9623391)],
)
def test_students_t_agrees_with_the_tables(df: int, quantile: float) -> None:
    assert student_t_975(df) == pytest.approx(quantile, abs=1e-6)


def test_citations_are_compared_with_the_bibliography() -> None:
    bibliography = Bibliography(
        entries=(
            Reference(key="a", abstract="We grow maize. Drought lowers the yield of maize by half. Rain came."),
            Reference(key="b", recovered=True),
            Reference(key="unused"),
        )
    )
    paper = _paper("Rain helps. Drought is known to lower maize yield \\citep{a, b}. See Smith et al. \\cite{gone}.")
    first, second, third = check_citations(paper, bibliography)
    assert (first.key, first.status, first.support) == (
        "a",
        "in_bibliography",
        "Drought lowers the yield of maize by half.",
    )
    assert first.sentence == "Drought is known to lower maize yield \\citep{a, b}."
    assert (second.support, "recovered" in second.detail) == (None, True)
    assert (third.key, third.status, third.sentence) == ("gone", "missing", "See Smith et al. \\cite{gone}.")
    report = check_manuscript(paper, RESULTS, bibliography)
    assert report.uncited == ("unused",)
    assert report.faults == ("citation 'gone': missing no entry of the bibliography has this key",)


def test_no_results_leave_bindings_unknown() -> None:
    assert [c.status for c in check_numbers(_paper("\\measured{acc}{0.913}"), None)] == ["unknown_id"]


_SCRAPS = st.sampled_from(
    [
        "\\measured",
        "{",
        "}",
        "[",
        "]",
        "\\cite",
        "%",
        "\n",
        "\\begin{verbatim}",
        "\\end{tabular}",
        "0.5",
        "\\",
        "$",
        "-",
        "\\begin{tabular}",
        "1e-5",
        "\\verb|",
        "\\times 10^{",
        ",",
        "\\%",
        "\\iffalse",
        "\\fi",
        "é",
        "\x00",
        ". A",
        "&",
    ]
)


@settings(max_examples=300)
@given(st.lists(st.one_of(_SCRAPS, st.text(max_size=8)), max_size=40).map("".join))
def test_any_string_is_checked_without_an_error(text: str) -> None:
    paper = Manuscript(title=text, abstract=text, sections=(Section(heading="h", body=text, role="results"),))
    check_manuscript(paper, RESULTS, Bibliography(entries=(Reference(key="a", abstract=text),)), text)
    is_right_rounding(text, 0.5)


@pytest.mark.parametrize(
    "unit",
    [
        "\\begin{verbatim}",
        "\\iffalse ",
        "{",
        "[",
        "\\cite{",
        "\\cite[",
        "\\measured{a}",
        "0.5 ",
        "1,000",
        "1",
        "\\verb|",
        "\\url{",
        " ",
        "\n\n",
        "\\begin{tabular}",
        "\\begin{tabular}{l}\\end{tabular}",
        "a. ",
        "}",
        "\\cite{a}",
        "\\measured{acc}{0.9}",
        "\\cite{a,b}. ",
        "-",
        "0.5\\times ",
        "1{,}",
        "\\citep[",
        "10^{",
    ],
)
def test_time_grows_with_the_length_and_not_faster(unit: str) -> None:
    def seconds(size: int) -> float:
        paper = _paper(unit * (size // len(unit)))
        bibliography = Bibliography(entries=(Reference(key="a", abstract="A b c."),))
        return cpu_seconds(lambda: check_manuscript(paper, RESULTS, bibliography), before=forget)

    assert seconds(40_000) <= 12 * max(seconds(10_000), 0.004)


def test_checking_keeps_pace_with_many_measurements() -> None:
    rng = random.Random(0)
    results = ExperimentResults(measurements=tuple(_m(f"m{i}", rng.random()) for i in range(20_000)))
    body = " ".join(f"{rng.random():.2f}" for _ in range(5_000))
    begin = time.process_time()
    checks = check_numbers(_paper(body), results)
    assert len(checks) == 5_000
    assert time.process_time() - begin < 20
