"""The paper as LaTeX: what is written, and that TeX takes whatever a model wrote."""

from __future__ import annotations

import asyncio
import json
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from peercycle.core.base import Word
from peercycle.core.writing import Figure, Manuscript, Section
from peercycle.export.latex import LatexExporter

HOSTILE = {
    "unbalanced braces": "Text } with { stray \\textbf{braces.",
    "too many braces": "{" * 60 + "deep",
    "an environment never closed": "\\begin{itemize}\\item one \\begin{equation} x",
    "an end without beginning": "Before \\end{document} after \\end{itemize}.",
    "prices": "It costs $5, or 10\\% of $50. And $x$.",
    "percentages": "In 95% of cases, and 3 % more; a comment % that } goes",
    "specials": 'a_b & c # d ^ e ~ f < g > h | " i',
    "half a formula": "$\\frac{1}$ and $x^2^3$ and $\\left( x$ and $\\begin{pmatrix} 1 & 2$ and $$y",
    "unknown commands": "\\frobnicate{x} and $\\frobnicate{x}$ and \\begin{frob}inside\\end{frob}",
    "a table too wide": "\\begin{tabular}{l}a & b & c \\\\ \\hline d\\end{tabular}",
    "a rule in a row": "\\begin{tabular}{ll}a & b \\bottomrule\\end{tabular} \\hline",
    "items outside": "\\item one \\item[two] three",
    "row breaks in text": "\\\\ one \\\\[2pt] two",
    "brackets": "\\begin{itemize}\\item [0, 1]\\end{itemize} \\begin{align}[a] &= b \\\\ [c] &= d\\end{align}",
    "characters": "中文 → − α ≤ ∞ é ﬁ ₂ x̂ 🙂 \u202e\u200b \u0007 ℝ",
    "a missing figure": "\\begin{figure}\\includegraphics[width=3cm]{no such_file.png}\\caption{x}\\end{figure}",
    "an unknown key": "See \\citep{nobody_2020, robertson2009} and \\ref{nowhere}.",
    "a reference at the start of a row": "\\begin{tabular}{l}\\ref{nowhere} x\\end{tabular}",
    "floats in boxes": "\\footnote{\\begin{figure}\\caption{x}\\end{figure}} \\textbf{\\begin{table}x\\end{table}}",
    "code": "\\begin{lstlisting}\nif a_b:\n    print('{') # \\end{document}\n\\end{lstlisting} \\verb|x_y|",
    "an endless word": "x" * 250_000,
}
FORBIDDEN = (
    r"\input{/etc/passwd} \include{x} \openin5=/etc/passwd \immediate\write18{id} "
    r"\directlua{os.exit()} \catcode`\%=12 \usepackage{shellesc} \def\x{y} \newcommand{\x}{\x} "
    r"\csname input\endcsname{/etc/passwd} \pagestyle{empty}\fancyfoot{} "
    r"\hypersetup{pdfsubject={nothing}} \pdfinfo{/Subject ()} \renewcommand{\disclosure}{} "
    r"\expandafter\input{x} \makeatletter \@input{x} \endinput \stop \batchmode \loop\repeat "
    r"\verbatiminput{/etc/passwd}"
)


def exported(case: Any) -> tuple[Mapping[str, bytes], list[str]]:
    context = case.context()
    found = asyncio.run(LatexExporter(Word()).export(case.edition, case.run(), context))
    return found, context.logged


def compiled(found: Mapping[str, bytes], folder: Path) -> tuple[int, str]:
    """Compile an exported paper as the sandbox does, and return the exit code and the log."""
    if shutil.which("pdflatex") is None or shutil.which("bibtex") is None:
        pytest.skip(
            "needs pdflatex: apt-get install texlive-latex-base texlive-latex-recommended texlive-fonts-recommended"
        )
    for path, body in found.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)
    program = str(files("peercycle.export").joinpath("tex_program.py"))
    ran = subprocess.run([sys.executable, program], cwd=folder / "paper", check=False, timeout=100)
    return ran.returncode, (folder / "paper" / "paper.log").read_text("utf-8", "replace")


def errors(log: str) -> list[str]:
    return [line for line in log.splitlines() if re.match(r"!|(\./)?paper\.tex:[0-9]+:", line)]


def test_a_good_paper_compiles_with_nothing_undefined(case: Any, tmp_path: Path) -> None:
    found, logged = exported(case)
    code, log = compiled(found, tmp_path)
    assert code == 0, errors(log)
    assert "undefined" not in log
    assert "Warning" not in log.replace("Font Warning", "")
    assert logged == []


def test_every_page_of_the_pdf_and_its_metadata_say_what_made_it(case: Any, tmp_path: Path) -> None:
    long = case.edition.manuscript.sections[1].model_copy(update={"body": "Words in a row. \\clearpage\n\n" * 2000})
    found, _ = exported(case.with_manuscript(case.edition.manuscript.model_copy(update={"sections": (long,)})))
    code, log = compiled(found, tmp_path)
    assert code == 0, errors(log)
    pdf = tmp_path / "paper" / "paper.pdf"
    metadata = re.sub(rb"\\([()\\])", rb"\1", pdf.read_bytes())
    assert (
        metadata.count(case.edition.disclosure.encode()) >= 2
    )  # subject and keywords, readable without a PDF library
    if shutil.which("pdftotext") is None:
        pytest.skip("needs pdftotext: apt-get install poppler-utils")
    text = subprocess.run(["pdftotext", str(pdf), "-"], capture_output=True, check=True).stdout.decode()
    pages = text.split("\f")[:-1]
    assert len(pages) > 5
    for page in pages:
        assert case.edition.disclosure in " ".join(page.split())


def test_hostile_bodies_compile_together_and_are_reported(case: Any, tmp_path: Path) -> None:
    sections = [Section(heading=f"{name} & more_{i}", body=body) for i, (name, body) in enumerate(HOSTILE.items())]
    manuscript = case.edition.manuscript.model_copy(
        update={"sections": (*sections, Section(heading="Last", body=FORBIDDEN))}
    )
    found, logged = exported(case.with_manuscript(manuscript))
    code, log = compiled(found, tmp_path)
    assert code == 0, errors(log)
    told = "\n".join(logged)
    for expected in (
        "set verbatim",
        "'nobody_2020'",
        "'nowhere'",
        "U+4E2D",
        "no such_file.png",
        "\\frobnicate",
        "2000",
    ):
        assert expected in told


def test_letters_that_cannot_be_set_are_told_in_one_line(case: Any) -> None:
    manuscript = case.edition.manuscript.model_copy(
        update={"sections": (Section(heading="Lakes", body="Прорывы озёр, и 冰湖."),)}
    )
    _, logged = exported(case.with_manuscript(manuscript))
    told = [line for line in logged if "U+" in line]
    assert len(told) == 1
    assert "14 characters cannot be set in LaTeX and are shown by their numbers: П (U+041F), в (U+0432), " in told[0]
    assert told[0].endswith(" and 2 more")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_costs_no_neighbour_its_text(case: Any, name: str) -> None:
    sections = (
        Section(heading="Before", body="The text before stands."),
        Section(heading="Hostile", body=HOSTILE[name]),
        Section(heading="After", body="The text after stands, with \\textbf{bold} and $x_1$."),
    )
    found, _ = exported(case.with_manuscript(case.edition.manuscript.model_copy(update={"sections": sections})))
    tex = found["paper/paper.tex"].decode()
    assert "\\section{Before}\nThe text before stands.\n" in tex
    assert "\\section{After}\nThe text after stands, with \\textbf{bold} and $x_{1}$.\n" in tex


def test_commands_that_reach_for_files_or_the_frame_are_left_out_and_named(case: Any) -> None:
    found, logged = exported(case.with_body(FORBIDDEN))
    tex = found["paper/paper.tex"].decode()
    body = tex.partition("\\section{Results}")[2].partition("\\end{document}")[0]
    used = set(re.findall(r"\\([A-Za-z]+)", body))
    assert used <= {"texttt", "textbackslash", "textsf"}, used
    for name in (
        "input",
        "include",
        "openin",
        "write",
        "directlua",
        "catcode",
        "usepackage",
        "def",
        "newcommand",
        "pagestyle",
    ):
        assert any(f"\\{name} is not allowed" in line for line in logged), name


def test_random_ruins_of_latex_compile(case: Any, tmp_path: Path) -> None:
    """Fragments thrown together: whatever comes out, TeX finds no error in it."""
    sections = tuple(Section(heading="Ruin", body=ruin(random.Random(seed))) for seed in range(60))
    found, _ = exported(case.with_manuscript(case.edition.manuscript.model_copy(update={"sections": sections})))
    code, log = compiled(found, tmp_path)
    assert code == 0, errors(log)


@pytest.mark.prove
@pytest.mark.timeout(600)
@pytest.mark.parametrize("block", range(20))
def test_many_random_ruins_of_latex_compile(case: Any, tmp_path: Path, block: int) -> None:
    seeds = range(1000 + 100 * block, 1100 + 100 * block)
    sections = tuple(Section(heading="Ruin", body=ruin(random.Random(seed), longest=80)) for seed in seeds)
    found, _ = exported(case.with_manuscript(case.edition.manuscript.model_copy(update={"sections": sections})))
    code, log = compiled(found, tmp_path)
    assert code == 0, errors(log)


FRAGMENTS = (
    (
        r"""\textbf{ ¦ } ¦ } ¦ { ¦ $ ¦ $ ¦ $$ ¦ \[ ¦ \] ¦ \( ¦ \) ¦ & ¦ & ¦ \\ ¦ \\ ¦ # ¦ ^ ¦ _ ¦ ~ ¦ % ¦ 95% of
¦ some words ¦ x_1 ¦ a^2 ¦ ' ¦ \frac ¦ {1} ¦ {2} ¦ \sqrt[3] ¦ \left( ¦ \right) ¦ \mathbf ¦ \hat
¦ \begin{itemize} ¦ \end{itemize} ¦ \item ¦ \begin{enumerate} ¦ \end{enumerate} ¦ \begin{table}[h]
¦ \end{table} ¦ \begin{tabular}{lcr} ¦ \end{tabular} ¦ \hline ¦ \toprule ¦ \midrule ¦ \multicolumn{2}{c}{
¦ \cmidrule(lr){1-2} ¦ \begin{figure} ¦ \end{figure} ¦ \caption{ ¦ \label{a_b} ¦ \ref{a_b} ¦ \eqref{zz}
¦ \cite{robertson2009} ¦ \citet[see][p.~2]{devlin2019,nope} ¦ \begin{equation} ¦ \end{equation}
¦ \begin{align*} ¦ \end{align*} ¦ \begin{align} ¦ \end{align} ¦ \begin{cases} ¦ \end{cases}
¦ \begin{pmatrix} ¦ \end{pmatrix} ¦ \begin{theorem}[x] ¦ \end{theorem} ¦ \begin{foo} ¦ \end{foo}
¦ \footnote{ ¦ \subsection{ ¦ \paragraph{ ¦ \section*{ ¦ \href{http://a.b/c_d%20}{ ¦ \url{http://x.y/a_b#c}
¦ \measured{acc.mean}{ ¦ \measured{sim.1}{0.5} ¦ \verb|a_b| ¦ \begin{verbatim} ¦ \end{verbatim} ¦ \input{x}
¦ \def\x{y} ¦ \end{document} ¦ \alpha ¦ \text{ ¦ \operatorname{ ¦ \not ¦ \big ¦ \limits ¦ \nonumber
¦ \substack{ ¦ \overset ¦ \label{ ¦ \ref{ ¦ [ ¦ ] ¦ < ¦ > ¦ | ¦ " ¦ \" ¦ \'e ¦ \v ¦ \c{c} ¦ \par ¦ 中 ¦ é ¦ →
¦ ₂ ¦ \quad ¦ \, ¦ \; ¦ \! ¦ \- ¦ \/ ¦ \@ ¦ \ ¦ \begin{center} ¦ \end{center} ¦ \begin{quote} ¦ \end{quote}
¦ \centering ¦ \small ¦ \bf ¦ \rm ¦ \includegraphics[width=2cm]{acc} ¦ \begin{minipage}{3cm}
¦ \end{minipage} ¦ \textcolor{red}{ ¦ \ensuremath{ ¦ \begin{array}{cc} ¦ \end{array} ¦ \begin{description}
¦ \end{description} ¦ \item[ ¦ \boldsymbol ¦ \mathcal{ ¦ \tag{1} ¦ \begin{split} ¦ \end{split} ¦ \stackrel
¦ \underbrace{ ¦ \hspace{1cm} ¦ \newline ¦ \noindent ¦ \ldots ¦ \S ¦ \i ¦ \ss ¦ \texttt{ ¦ \multirow{2}{*}{
¦ \resizebox{\linewidth}{!}{ ¦ \middle| ¦ \appendix"""
    )
    .replace("\n", " ")
    .split(" ¦ ")
)


def ruin(chance: random.Random, longest: int = 40) -> str:
    """Return fragments of LaTeX in no order."""
    joints = (" ", " x ", "", " a b ", "{y}", "\n\n", "1")
    return "".join(chance.choice(FRAGMENTS) + chance.choice(joints) for _ in range(chance.randint(3, longest)))


def test_the_same_edition_gives_the_same_bytes(case: Any) -> None:
    assert exported(case)[0] == exported(case)[0]


def test_the_disclosure_stands_in_source_bibliography_and_json(case: Any) -> None:
    found, _ = exported(case)
    for path in ("paper/paper.tex", "paper/references.bib", "paper/disclosure.json"):
        assert case.edition.disclosure in found[path].decode()
    told = json.loads(found["paper/disclosure.json"])
    assert told["machine_made"] is True
    assert told["made_by"]["policy"] == "extractive"
    assert told["counts"] == {"measured": 2, "simulated": 1, "unknown": 0}
    mean = next(row for row in told["numbers"] if row["id"] == "acc.mean")
    assert mean["derived"] == {"statistic": "mean", "of": ["acc.0", "acc.1", "acc.2"]}
    assert {row["id"]: row["provenance"] for row in told["numbers"]}["sim.1"] == "simulated"


def test_simulated_numbers_are_stamped_where_they_stand(case: Any, tmp_path: Path) -> None:
    found, _ = exported(case)
    tex = found["paper/paper.tex"].decode()
    assert "\\simulated{sim.1}{0.95}" in tex
    assert "\\measured{acc.mean}{0.913}" in tex
    code, _ = compiled(found, tmp_path)
    assert code == 0
    if shutil.which("pdftotext") is None:
        pytest.skip("needs pdftotext: apt-get install poppler-utils")
    pdf = str(tmp_path / "paper" / "paper.pdf")
    text = subprocess.run(["pdftotext", "-layout", pdf, "-"], capture_output=True, check=True).stdout.decode()
    assert re.search(r"0\.95\s*\[simulated\]", text)


def test_only_cited_works_are_in_the_bibliography_and_their_fields_are_escaped(case: Any) -> None:
    bib = exported(case)[0]["paper/references.bib"].decode()
    assert re.findall(r"^@[a-z]+\{([^,]+),", bib, re.MULTILINE) == ["robertson2009", "devlin2019"]
    assert "BM25 \\& Beyond" in bib
    assert "100\\% of it, $n^{2}$ \\& more" in bib


def test_a_damaged_picture_is_left_out_and_named(case: Any) -> None:
    artifacts = case.artifacts
    bad = Figure(file="bad.png", artifact=artifacts.add(b"\x89PNG\r\n\x1a\nnot really"), alt="x")
    gone = Figure(file="gone.png", artifact="sha256:" + "0" * 64)
    manuscript = Manuscript(
        title="T",
        abstract="A",
        sections=(Section(heading="H", body="\\includegraphics{figures/bad.png} \\includegraphics{gone}"),),
        figures=(bad, gone),
    )
    found, logged = exported(case.with_manuscript(manuscript))
    assert not [path for path in found if "figures/" in path]
    assert any("'bad.png' is left out" in line for line in logged)
    assert any("'gone.png' cannot be read" in line for line in logged)
    assert found["paper/paper.tex"].decode().count("is missing}") == 2


def test_a_section_of_300_kilobytes_is_written_in_seconds(case: Any, tmp_path: Path) -> None:
    body = "A sentence with $x_1$ in it, and \\textbf{bold} words; see \\citep{robertson2009}.\n\n" * 3700
    assert len(body) > 300_000
    found, logged = exported(case.with_body(body))
    assert logged == []
    assert found["paper/paper.tex"].count(b"\\citep{robertson2009}") == 3700


def test_a_title_of_markup_is_shown_as_text(case: Any, tmp_path: Path) -> None:
    manuscript = Manuscript(title="<script>alert(1)</script> 50% of A_B & \\input{x} $y$", abstract="A")
    found, _ = exported(case.with_manuscript(manuscript))
    assert "\\title{\\textless{}script\\textgreater{}alert(1)" in found["paper/paper.tex"].decode()
    code, log = compiled(found, tmp_path)
    assert code == 0, errors(log)
