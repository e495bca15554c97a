"""References: names as BibTeX takes them apart, prices in titles, and what hostile lists do to TeX and HTML."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from peercycle.agents.literature.bibtex import read
from peercycle.agents.literature.bibtex.accents import to_unicode
from peercycle.core.base import Word
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.writing import Manuscript, Section
from peercycle.export.accents import sortable
from peercycle.export.html import HtmlExporter
from peercycle.export.latex import LatexExporter

NAMES = r"""
@article{strom, title={One}, author={\AA{}sa Str{\"o}m}, year=2001}
@article{marquez, title={Two}, author={Garc{\'\i}a M{\'a}rquez, Gabriel}, year=2002}
@article{berg, title={Three}, author={Jan van der Berg and de la Cruz, Mar{\'\i}a}, year=2003}
@article{muller, title={Four}, author={M{\"u}ller-L{\"u}denscheidt, Jr., Hans}, year=2004}
@article{openai, title={Five}, author={{OpenAI}}, year=2005}
@article{who, title={Six}, author={{World Health Organization}}, year=2006}
@article{nandu, title={Seven}, author={{\~N}. {\~N}. {\~N}and{\'u}}, year=2007}
@article{many, title={Eight}, author={NNN}, year=2008}
""".replace("NNN", " and ".join(f"Given{i} Family{i}" for i in range(300)))
TITLES = (
    "R&D #1: 100% of a_b ~ c^d", "An unbalanced $ sign & {brace", "中文标题的论文与更多的字符在这里不断地继续下去没有空格",
    "שלום עולם \u202e مرحبا", "Combining e\u0301 x\u0302 q\u0323\u0307", "Emoji 🙂🚀👩\u200d🔬", "W" + "o" * 300 + "rd",
    "Raising $100 for $5 coffee", "$1$-bit, $x_{i_{j}}$ and $\\mathbb{R}^{d_{k}}$", "'Tis 'quoted' don't",
    "\\input{/etc/passwd} $\\input{x}$", "} \\end{document} {",
)  # fmt: skip


def with_works(case: Any, works: tuple[Reference, ...]) -> Any:
    body = " ".join(f"\\citet{{{work.key}}}." for work in works)
    case = case.with_manuscript(Manuscript(title="T", abstract="A", sections=(Section(heading="H", body=body),)))
    object.__setattr__(case.edition, "bibliography", Bibliography(entries=works))
    return case


def bib_of(case: Any) -> str:
    return asyncio.run(LatexExporter(Word()).export(case.edition, case.run(), case.context()))[
        "paper/references.bib"
    ].decode()


def compiled(case: Any, folder: Path) -> tuple[str, str, str]:
    """Return what BibTeX wrote, its log, and TeX's."""
    if shutil.which("pdflatex") is None or shutil.which("bibtex") is None:
        pytest.skip("needs pdflatex and bibtex: apt-get install texlive-latex-recommended texlive-fonts-recommended")
    found = asyncio.run(LatexExporter(Word()).export(case.edition, case.run(), case.context()))
    for path, body in found.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(body)
    paper = folder / "paper"
    program = str(files("peercycle.export").joinpath("tex_program.py"))
    ran = subprocess.run([sys.executable, program], cwd=paper, check=False, timeout=100)
    log = (paper / "paper.log").read_text("utf-8", "replace")
    assert ran.returncode == 0, [line for line in log.splitlines() if re.match(r"!|(\./)?paper\.tex:", line)]
    return (paper / "paper.bbl").read_text(), (paper / "paper.blg").read_text(), log


def test_names_are_written_family_first(case: Any) -> None:
    bib = bib_of(with_works(case, read(NAMES).entries))
    for expected in (
        r'{Str{\"{o}}m, {\AA}sa}', r"{Garc{\'{\i}}a M{\'{a}}rquez, Gabriel}",
        r"{van der Berg, Jan and de la Cruz, Mar{\'{\i}}a}", r'{M{\"{u}}ller-L{\"{u}}denscheidt, Jr., Hans}',
        "{{OpenAI}}", "{{World Health Organization}}", r"{{\~{N}}and{\'{u}}, {\~{N}}. {\~{N}}.}",
    ):  # fmt: skip
        assert f"author = {expected}" in bib


def test_authors_that_an_entry_does_not_name_stay_et_al_in_the_list(case: Any, tmp_path: Path) -> None:
    entry = "@misc{open, title = {Open problems}, author = {Davies, Xander and Shi, Claudia and others}, year = 2023}"
    works = with_works(case, read(entry).entries)
    bbl, _, _ = compiled(works, tmp_path)
    assert "Claudia Shi, et~al." in bbl
    page = asyncio.run(HtmlExporter(Word()).export(works.edition, works.run(), works.context()))["paper/paper.html"]
    assert "Xander Davies, Claudia Shi, et al." in " ".join(page.decode().split())


def test_bibtex_cites_each_work_by_its_family_name(case: Any, tmp_path: Path) -> None:
    bbl, blg, log = compiled(with_works(case, read(NAMES).entries), tmp_path)
    labels = re.findall(r"\\bibitem\[(.*?)\((\d{4})\)", bbl.replace("\n", " "))
    cited = {year: to_unicode(name) for name, year in labels}
    assert cited["2001"] == "Ström"
    assert cited["2002"] == "García Márquez"
    assert cited["2003"] == "van der Berg and de la Cruz"
    assert cited["2004"] == "Müller-Lüdenscheidt"
    assert cited["2005"] == "OpenAI"
    assert cited["2006"] == "World Health Organization"
    assert cited["2007"] == "Ñandú"
    assert cited["2008"] == "Family0 et al."
    assert "error message" not in blg
    assert "undefined" not in log


def test_prices_in_titles_are_printed_and_mathematics_is_set(case: Any) -> None:
    works = tuple(Reference(key=f"k{i}", title=title, year=2000) for i, title in enumerate(TITLES))
    bib = bib_of(with_works(case, works))
    assert "Raising \\$100 for \\$5 coffee" in bib
    assert "$1$-bit, $x_{i_{j}}$ and $\\mathbb{R}^{d_{k}}$" in bib


def test_hostile_titles_compile_in_tex_and_stand_in_html(case: Any, tmp_path: Path) -> None:
    works = tuple(
        Reference(key=f"k{i}", title=title, authors=("Åsa Ström",), year=2000 + i) for i, title in enumerate(TITLES)
    )
    case = with_works(case, works)
    _, blg, log = compiled(case, tmp_path)
    assert "error message" not in blg
    wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([0-9.]+)pt", log)]
    assert all(points < 20 for points in wide), wide
    page = asyncio.run(HtmlExporter(Word()).export(case.edition, case.run(), case.context()))[
        "paper/paper.html"
    ].decode()
    for expected in (
        "中文标题",
        "שלום",
        "🙂",
        "Raising $100 for $5 coffee",
        "R&amp;D #1: 100% of a_b ~ c^d",
        "Ström (2000)",
    ):
        assert expected in page


def test_the_characters_of_a_word_that_cannot_be_set_share_one_pair_of_brackets(case: Any) -> None:
    bib = bib_of(with_works(case, (Reference(key="cn", title="On 中文 and 文", year=2000),)))
    assert "On \\textsf{[U+4E2D 6587]} and \\textsf{[U+6587]}" in bib


def test_a_brace_in_a_title_costs_no_neighbour(case: Any) -> None:
    bib = bib_of(with_works(case, (Reference(key="a", title="A { b", year=2000),)))
    assert bib.count("{") == bib.count("}")


EDITED = r"""
@article{wallo, title={A}, author={Wall{\o}e, Lars}, year=2001}
@article{holm, title={B}, author={Holm, Ann}, year=2002}
@article{hebert, title={C}, author={H{\'e}bert, Paul}, year=2003}
@article{dean, title={D}, author={Dean, Kit}, year=2004}
@article{dewitte, title={E}, author={DeWitte, Sharon}, year=2005}
@book{horrox, title={The Black Death}, editor={Horrox, Rosemary and Wren, Ian}, publisher={MUP}, year=1994}
@misc{anon, title={Chronica of an anonymous monk on the pestilence}}
"""
IN_ORDER = ("Chronica of", "Dean", "DeWitte", "bert", "Holm", "Horrox", "Wall")


def test_accents_capitals_and_missing_authors_do_not_spoil_the_order_in_html(case: Any) -> None:
    made = with_works(case, read(EDITED).entries)
    page = asyncio.run(HtmlExporter(Word()).export(made.edition, made.run(), made.context()))[
        "paper/paper.html"
    ].decode()
    works = page[page.rindex("References") :]
    places = [works.index(name) for name in IN_ORDER]
    assert places == sorted(places)
    works = re.sub(r"<[^>]+>", "", works)
    assert "Rosemary Horrox, Ian Wren (eds.) (1994). The Black Death." in " ".join(works.split())
    assert "Chronica of an anonymous monk on the pestilence (n.d.)." in " ".join(works.split())


@pytest.mark.parametrize(
    ("name", "latex"),
    [("į", r"{\k{i}}"), ("í", r"{\'{\i}}"), ("e\u0301", r"{\'{e}}"), ("Ș", "Ș"), ("ģ", r"{\c{g}}")],
)
def test_a_letter_loses_its_dot_only_to_an_accent_above_it(name: str, latex: str) -> None:
    assert sortable(name) == latex


def test_a_work_without_an_author_is_cited_and_sorted_by_its_editors_or_its_title(case: Any, tmp_path: Path) -> None:
    bbl, _ = compiled(with_works(case, read(EDITED).entries), tmp_path)[:2]
    plain = re.sub(r"[{}\\']", "", bbl)
    places = [
        plain.index(name) for name in ("Chronica of", "Kit Dean", "DeWitte", "Hebert", "Holm", "Horrox", "Walloe")
    ]
    assert places == sorted(places)
    assert "[Horrox and Wren(1994)" in " ".join(plain.split())
    assert "[Chronica of an anonymous()" in " ".join(plain.split())
