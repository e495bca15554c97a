"""Titles and sentences as plain text: what LaTeX prints, without LaTeX."""

from __future__ import annotations

import time

import pytest

from peercycle.export.text import plain

PRINTED = {
    r"Notes on \textbackslash{}input and ``quoted'' \& 95\% done": "Notes on \\input and “quoted” & 95% done",
    r"Poincar\'e, {\"u}ber, na\"{\i}ve, \c{c}a va, Erd\H{o}s, \o re": "Poincaré, über, naïve, ça va, Erdős, øre",
    r"$O(n^2)$ for $\alpha_{10}$ and $x^{ab}$": "O(n²) for α₁₀ and x^ab",
    r"It costs $5 and $10, or \$3": "It costs $5 and $10, or $3",
    r"By \citet{a,b}, \measured{x.y}{0.913} in Table~\ref{tab:x} -- it's \emph{so}": (
        "By [a, b], 0.913 in Table [tab:x] – it’s so"
    ),
    r"\citep[see][p.~3]{key} \cite*{other}": "[key] [other]",
    r"\input{/etc/passwd}\textbf{A} title\\ on two lines\footnote{Not all}": "A title on two lines (Not all)",
    r"$\frac{1}{2}$ of \LaTeX{}, 5{,}000 km": "1/2 of LaTeX, 5,000 km",
    "Plain text of 2021": "Plain text of 2021",
    r"\unheard{of} $\mathbb{R}$": "\\unheard of R",
    "": "",
}


@pytest.mark.parametrize("source", PRINTED)
def test_latex_is_shown_as_it_prints(source: str) -> None:
    assert plain(source) == PRINTED[source]


@pytest.mark.parametrize("broken", ["{", "}", "$", "\\", "\\c", "\\'", "^", "\\frac", "\\begin", "\\footnote{a"])
def test_broken_latex_ends_in_one_line_without_an_error(broken: str) -> None:
    assert "\n" not in plain(f"before\n{broken}")
    assert plain(f"before {broken}").startswith("before")


def test_a_hostile_title_takes_no_time() -> None:
    began = time.process_time()
    for piece in ("\\measured{", "{", "\\footnote{", "$x", "\\frac", "\\cite[", "^{", "\\'"):
        assert len(plain(piece * 50_000)) <= 24_000
    assert time.process_time() - began < 20
