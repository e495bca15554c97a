"""What is written compiles, is stable, and reads back as the same words."""

from __future__ import annotations

import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from peercycle.agents.literature.bibtex import read, write
from peercycle.core.literature import Bibliography, Reference

WORDS = {"key", "entry_type", "title", "authors", "year", "venue", "abstract", "url", "ids"}

AWKWARD = (
    "100% of R&D costs $5, not $10 #1_a ^ ~ {x} \\input{/etc/passwd}",
    "Żółć, Ångström, Đặng, ﬁ and 中文 — “so” ‘it’ goes… – α→β ≤ ∞ €",
    "On $O(n^2)$ bounds for $\\mathbb{R}^d$ and $\\ell_1$",
    "A--B ---C ``q'' '' ` - – —– x",
    "$x^2^3$ and $\\frac$ and $\\left( y$ and $a_{b$ and $ c $ and $\\undefined z$",
    "trailing backslash \\",
    "}{ unbalanced }{ {",
    "say \"hi\" 'there' <b>|</b> @article{x, title={y}}",
    "ǖ ẹ́ ĳ İ ı ȷ́ ẞ ß ǿ ð þ ŋ",
)


def _awkward() -> Bibliography:
    entries = [
        Reference(
            key=f"k{number}",
            entry_type=kind,
            title=text,
            authors=("Anna and Bob, Ltd", text[:40].strip(), "others", "Łukasz Kaiser"),
            year=2020,
            venue=text,
            abstract=text,
            ids={"doi": "10.1000/a_b(c)", "arxiv": "1706.03762", "s2": "ab12", "acl": "P19-1001"},
        )
        for number, (text, kind) in enumerate(
            zip(AWKWARD, ["article", "inproceedings", "misc", "book"] * 3, strict=False)
        )
    ]
    return Bibliography(entries=tuple(entries))


def _words(bibliography: Bibliography) -> list[dict[str, object]]:
    return [entry.model_dump(include=WORDS) for entry in bibliography.entries]


def test_words_that_are_awkward_for_latex_come_back_the_same() -> None:
    bibliography = _awkward()
    text = write(bibliography)
    assert text.isascii()
    back = read(text)
    assert not back.problems
    assert _words(back) == _words(bibliography)
    assert write(back) == text


RAW = r"""
@preamble{"\newcommand{\noop}[1]{} \def\two#1#2{#2}"}
@preamble{"\input{/etc/passwd}"}
@string{jml = {J. Mach. Learn. Res.}}
@article{raw1, title = {100% R&D_x #1 {\noop{q}Kept} \alpha and $\alpha_1$ \textbf{bold}
  \undefinedcommand{kept}},
  author = {M{\"u}ller, Jan and {O'Neil}, A, B, C, D and Stra{\ss}e, {\'E}va and and Ng, X}, journal = jml,
  note = {see \url{http://a.b/c_d%20e#f} \write18{rm} a {\} b}, year = 2001, month = feb, pages = {1--2}}
@inproceedings{raw2, title = "{Deep} $x_1^{2}$ and Sch\"one \v{S}\k{a} \c{c} \H{o} \d{a}
  \b{o} \r{u} \u{g} \.z \=a \`e \^\i",
  author = "Jos\'{e} Garc{\'\i}a", booktitle = {Proc. \emph{of} \LaTeX{} \& Co},
  crossref = {raw1}, year = "2002",
  doi = {https://doi.org/10.1000/X_1%2F3}, url = {http://e.org/a_b?x=1&y=%7e#z}, abstract = {Ends with \\}}
@misc{raw3, title = {\begin{verbatim} \csname x\endcsname \the\year $a & b$ $$ $\left(x$},
  howpublished = {\url{http://q.r/é}}}
@article{raw4, title = {中文 é ö Σ}, author = {李, 明 and Łoś, J.}, year = {n.d.}, journal = {a ^ b ~ c}}
"""


def test_fields_as_written_are_made_safe_and_then_stay() -> None:
    once = write(read(RAW))
    again = read(once)
    assert write(again) == once
    assert _words(again) == _words(read(RAW))
    assert "/etc/passwd" not in once
    assert "\\write" not in once
    assert "\\begin" not in once
    assert "crossref" not in once, "BibTeX refuses a cross reference to an earlier entry"
    assert again.preamble == read(write(again)).preamble != ()
    assert again.macros == {"jml": "J. Mach. Learn. Res."}


def test_what_we_add_to_the_preamble_is_not_read_as_the_files() -> None:
    text = write(_awkward())
    assert text.startswith("@preamble")
    assert read(text).preamble == ()


@pytest.mark.parametrize(
    "doi", ["10.5555/x_0#a", "10.5555/a&b;2", "10.1002/(sici)1097-4571(1998)49:8<693::aid-asi4>3.0.co;2-o"]
)
def test_a_doi_with_characters_of_its_own_comes_back_the_same(doi: str) -> None:
    once = write(Bibliography(entries=(Reference(key="a", title="T", ids={"doi": doi}),)))
    assert read(once).entries[0].ids == {"doi": doi}
    assert write(read(once)) == once


def test_of_a_repeated_key_the_first_entry_is_written() -> None:
    text = "@misc{a, title={One}}\n@misc{A, title={Two}}\n@misc{b, title={Three}}"
    assert [entry.title for entry in read(write(read(text))).entries] == ["One", "Three"]


def test_an_empty_bibliography_is_an_empty_file() -> None:
    assert write(Bibliography()) == ""
    assert read("") == Bibliography()


def test_changed_words_count_more_than_the_fields_they_came_from() -> None:
    entry = read("@article{a, title={Old}, journal={J}, year=1999, author={A B}, publisher={P}}").entries[0]
    changed = entry.model_copy(update={"title": "New GPU", "venue": "K & L", "year": None, "authors": ("C D",)})
    back = read(write(Bibliography(entries=(changed,)))).entries[0]
    assert (back.title, back.venue, back.year, back.authors) == ("New GPU", "K & L", None, ("C D",))
    assert back.fields["title"] == "New {GPU}"
    assert back.fields["publisher"] == "P"


def _line(text: str) -> str:
    return unicodedata.normalize("NFC", " ".join(text.split()))


LINES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"]), max_size=60).map(_line)
LATEX = st.lists(
    st.sampled_from(
        ["\\", "{", "}", "$", "%", "&", "#", "_", "^", "~", "-", "--", "`", "'", '"', " ", "a", "é",
         "x^2", "\\o",
         "\\'", "{\\\"u}", "\\alpha", "\\textbf{", "\\url{", "\\(", "\\)", "\\ensuremath{\\pi}", "and",
         ",", "中"]
    ),
    max_size=14,
).map(lambda parts: _line("".join(parts)))  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.one_of(LINES, LATEX), st.one_of(LINES, LATEX))
def test_any_words_come_back_the_same(title: str, venue: str) -> None:
    reference = Reference(key="k", entry_type="article", title=title, venue=venue or None, abstract=title or None)
    text = write(Bibliography(entries=(reference,)))
    back = read(text)
    assert not back.problems
    assert (back.entries[0].title, back.entries[0].venue) == (title, venue or None)
    assert back.entries[0].abstract == (title or None)
    assert write(back) == text


@settings(max_examples=150, deadline=None)
@given(LATEX, LATEX)
@example("", "\\ \\")
def test_any_fields_are_written_stably(title: str, author: str) -> None:
    read_once = read(f"@article{{k, title={{{title}}}, author = {{{author}}}, year=2000}}")
    text = write(read_once)
    again = read(text)
    assert write(again) == text
    assert not again.problems
    assert [entry.title for entry in again.entries] == [entry.title for entry in read_once.entries]
    assert [entry.authors for entry in again.entries] == [entry.authors for entry in read_once.entries]


def _compile(tmp_path: Path, text: str, keys: list[str]) -> str:
    """Run BibTeX with a style that prints every name and title, then LaTeX; return BibTeX's log."""
    for program in ("bibtex", "pdflatex"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}: apt-get install texlive-latex-base texlive-latex-recommended")
    cited = "".join(f"\\cite{{{key}}} " for key in keys)
    (tmp_path / "refs.bib").write_text(text, encoding="utf-8")
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\\usepackage{url}\\begin{document}"
        f"{cited}\\bibliographystyle{{plain}}\\bibliography{{refs}}\\end{{document}}",
        encoding="utf-8",
    )
    latex = ["pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    for command in (latex, ["bibtex", "paper"], latex):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout.decode("latin-1")[-3000:]
    return (tmp_path / "paper.blg").read_text(encoding="latin-1")


def test_the_result_compiles_under_bibtex_and_latex(tmp_path: Path) -> None:
    awkward, raw = _awkward(), read(RAW)
    entries = (*awkward.entries, *raw.entries)
    text = write(raw.model_copy(update={"entries": entries}))
    log = _compile(tmp_path, text, [entry.key for entry in entries])
    assert "error message" not in log
    bibliography = (tmp_path / "paper.bbl").read_text()
    assert bibliography.count("\\bibitem") == len(entries)


@pytest.mark.parametrize(("year", "line"), [(-5, None), (0, None), (20195, None), (850, "year = {0850},")])
def test_a_year_is_written_where_it_can_be_read_again(year: int, line: str | None) -> None:
    text = write(Bibliography(entries=(Reference(key="a", title="Coral", year=year),)))
    assert [found.strip() for found in text.splitlines() if "year" in found] == ([line] if line else [])
    assert read(text).entries[0].year == (year if line else None)
