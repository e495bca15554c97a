"""The paper as one HTML file: complete, readable, and harmless whatever a model wrote."""

from __future__ import annotations

import asyncio
import json
import re
import time
from html.parser import HTMLParser
from typing import Any

import pytest

from peercycle.core.base import Word, canonical_json
from peercycle.core.experiments import ExperimentResults
from peercycle.core.sandboxing import ExecRequest, ExecResult
from peercycle.core.writing import Figure, Manuscript, Section
from peercycle.export.cleaning import clean
from peercycle.export.html import HtmlExporter
from peercycle.sandbox.bubblewrap import BubblewrapSandbox

VOID = {"meta", "br", "hr", "img", "col", "link", "input"}
LOADING = {"src", "srcset", "data", "poster", "background", "action", "formaction", "manifest", "xlink:href"}


class Walker(HTMLParser):
    """Walks a page and keeps what a browser would load, run or link to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.events: list[str] = []
        self.words: list[str] = []
        self.unbalanced: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name.startswith("on"):
                self.events.append(name)
            if name in LOADING:
                self.loads.append(value or "")
            if name == "href":
                self.links.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def exported(case: Any) -> tuple[str, list[str]]:
    context = case.context()
    found = asyncio.run(HtmlExporter(Word()).export(case.edition, case.run(), context))
    assert list(found) == ["paper/paper.html"]
    return found["paper/paper.html"].decode(), context.logged


def assert_harmless(page: str) -> Walker:
    walker = Walker(page)
    assert not walker.unbalanced
    assert not walker.open
    assert not walker.events
    assert not walker.tags & {"script", "iframe", "object", "embed", "link", "form", "svg", "base", "video", "audio"}
    assert all(address.startswith("data:image/png;base64,") for address in walker.loads)
    assert all(re.match(r"https?://|mailto:|#", link) for link in walker.links), walker.links
    assert not re.search(r"url\(|@import|expression\(", page.partition("</style>")[0])
    return walker


def test_a_good_paper_is_whole_and_needs_nothing_else(case: Any) -> None:
    page, logged = exported(case)
    walker = assert_harmless(page)
    assert logged == []
    assert "What Finds a Paper? BM25 & Its Rivals" in walker.text
    assert "<math" in page
    assert "Robertson and Zaragoza, 2009" in walker.text
    assert "Devlin et al. (2019) changed it" in walker.text
    assert "https://doi.org/10.1561/1500000019" in walker.links
    assert "https://arxiv.org/abs/1810.04805" in walker.links
    assert "as Figure 1 and Table 1 show" in walker.text
    assert "By Equation (1), a term" in walker.text
    assert 'alt="Accuracy of BM25 by seed: about 0.91 for each"' in page
    assert len(walker.loads) == 1
    assert "Not cited" not in walker.text


def test_every_link_within_the_page_leads_somewhere(case: Any) -> None:
    walker = assert_harmless(exported(case)[0])
    inner = {link[1:] for link in walker.links if link.startswith("#")}
    assert inner
    assert inner <= set(walker.ids)
    assert len(walker.ids) == len(set(walker.ids))


def test_the_disclosure_stands_on_top_and_is_repeated_when_printed(case: Any) -> None:
    page, _ = exported(case)
    body = page.partition("<body>")[2]
    assert body.index(case.edition.disclosure) < body.index("<h1>")
    assert body.rindex(case.edition.disclosure) > body.index("</article>")
    assert "table-footer-group" in page


def test_a_number_tells_what_it_rests_on_and_a_simulated_one_is_stamped(case: Any) -> None:
    page, _ = exported(case)
    told = re.search(r'<span class="number measured" data-measurement="acc.mean" title="([^"]*)">0\.913</span>', page)
    assert told is not None
    assert "accuracy of BM25 = 0.913" in told.group(1)
    assert "mean over 3 measurements" in told.group(1)
    assert re.search(r'data-measurement="sim.1"[^>]*>0\.95<sup class="stamp">simulated</sup></span>', page)


def test_a_simulated_run_stamps_every_number_also_in_formulas(case: Any) -> None:
    edition = case.with_body("Here \\measured{acc.mean}{0.913}, and $x = \\measured{acc.low}{0.88}$.").edition
    results = edition.results
    assert results is not None
    object.__setattr__(edition, "results", ExperimentResults(**{**dict(results), "mode": "simulate"}))
    case.edition = edition
    page, _ = exported(case)
    walker = assert_harmless(page)
    assert "0.913simulated" in walker.text
    assert "[simulated]" in walker.text


ATTACKS = (
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "\\href{javascript:alert(1)}{click} \\url{javascript:alert(1)} \\href{data:text/html,x}{y}",
    '\\href{https://a.b/" onmouseover="alert(1)}{quote} \\href{https://a.b/\'><script>}{x}',
    "\\begin{rawhtml}<script>alert(1)</script>\\end{rawhtml} \\special{html:<script>}",
    "$\\text{</mtext><script>alert(1)</script>}$ $\\href{javascript:alert(1)}{x}$ $\\style{x}{y}$",
    '\\label{"><script>alert(1)</script>} \\ref{"><script>} \\cite{"><script>}',
    "\\includegraphics{https://evil.example/x.png} \\includegraphics{/etc/passwd} \\input{/etc/passwd}",
    '\\measured{"><script>}{<b>1</b>} \ue0000\ue001 \ue0020\ue003',
    "\\begin{verbatim}</pre><script>alert(1)</script>\n\\end{verbatim} \\verb|</code><script>|",
    '\\textcolor{red"onload=x}{y} \\begin{figure}\\includegraphics{acc.png}\\caption{"><script>}\\end{figure}',
)


def test_no_attack_survives(case: Any) -> None:
    sections = tuple(Section(heading=f"<img src=x onerror=alert({i})>", body=body) for i, body in enumerate(ATTACKS))
    manuscript = Manuscript(
        title="</title><script>alert(1)</script>",
        abstract="<script>alert(1)</script>",
        sections=sections,
        figures=(case.edition.manuscript.figures[0].model_copy(update={"alt": '"><script>alert(1)</script>'}),),
    )
    page, _ = exported(case.with_manuscript(manuscript))
    walker = assert_harmless(page)
    assert "<script>alert(1)</script>" in walker.text  # shown, as the text that it is


def test_the_cleaner_alone_is_enough() -> None:
    """What pandoc would never write is refused all the same."""
    fragment = (
        "<p onclick=x>a<script>alert(1)</script><img src='http://e/x' onerror=y><a href=' javascript:alert(1)'>l</a>"
        "<a href='JaVaScRiPt:alert(1)'>m</a><iframe src=x></iframe><style>*{background:url(http://e)}</style>"
        "<span style='background:url(http://e)' class='ok'>s</span><math><annotation-xml><script>x</script>"
        "</annotation-xml><mi>x</mi></math><base href='http://e'><form action=x><input></form><svg onload=x></svg>b"
    )
    cleaned = clean(fragment, picture=lambda path, width: "[picture]", text=lambda data: data)
    walker = assert_harmless(cleaned)
    assert walker.links == []
    assert "[picture]" in cleaned
    assert cleaned.endswith("b</p>")
    assert '<span class="ok">s</span>' in cleaned


def test_hostile_markup_costs_no_neighbour_its_text(case: Any) -> None:
    sections = (
        Section(heading="Before", body="The text before stands."),
        Section(heading="Hostile", body="} \\begin{itemize} { $x \\begin{equation} \\end{document} \\verb|"),
        Section(heading="After", body="The text after stands, with $x_1$."),
    )
    page, logged = exported(case.with_manuscript(Manuscript(title="T", abstract="A", sections=sections)))
    text = assert_harmless(page).text
    assert "The text before stands." in text
    assert "The text after stands, with" in text
    assert logged


def test_a_vector_figure_without_a_picture_beside_it_is_described(case: Any) -> None:
    pdf = case.artifacts.add(b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n")
    figure = Figure(file="plot.pdf", artifact=pdf, alt="Accuracy falls with noise.")
    body = "\\begin{figure}\\includegraphics{figures/plot.pdf}\\caption{Noise.}\\end{figure}"
    manuscript = Manuscript(title="T", abstract="A", sections=(Section(heading="H", body=body),), figures=(figure,))
    page, _ = exported(case.with_manuscript(manuscript))
    assert "Accuracy falls with noise." in assert_harmless(page).text


def test_works_that_would_look_the_same_get_letters(case: Any) -> None:
    entries = case.edition.bibliography.entries
    twin = entries[0].model_copy(update={"key": "twin", "title": "Another"})
    bibliography = case.edition.bibliography.model_copy(update={"entries": (*entries, twin)})
    case = case.with_body("\\citep{robertson2009,twin}")
    object.__setattr__(case.edition, "bibliography", bibliography)
    text = assert_harmless(exported(case)[0]).text
    assert "(Robertson and Zaragoza, 2009a; Robertson and Zaragoza, 2009b)" in text


def test_the_same_edition_gives_the_same_bytes(case: Any) -> None:
    assert exported(case)[0] == exported(case)[0]


def test_a_section_of_300_kilobytes_is_written(case: Any) -> None:
    body = "A sentence with $x_1$ in it, and \\textbf{bold} words.\n\n" * 5500
    page, _ = exported(case.with_body(body))
    assert page.count("<strong>bold</strong>") == 5500


def test_without_pandoc_the_text_is_shown_as_source(case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import pypandoc

    monkeypatch.setattr(pypandoc, "get_pandoc_path", lambda: "/nonexistent/pandoc")
    page, logged = exported(case)
    assert "pandoc cannot be started" in "\n".join(logged)
    walker = assert_harmless(page)
    assert "We ask what finds a paper." in walker.text
    assert case.edition.disclosure in walker.text


def test_the_byline_names_no_judge_where_there_was_none(case: Any) -> None:
    case.edition.made_by["judge"] = None
    page, _ = exported(case)
    assert "reviewer rubric" in page
    assert "judge" not in page


def test_the_pages_title_is_plain_text(case: Any) -> None:
    manuscript = case.edition.manuscript.model_copy(update={"title": r"On \textbackslash{}input and ``quotes''"})
    page, _ = exported(case.with_manuscript(manuscript))
    assert "<title>On \\input and “quotes”</title>" in page


def test_quotes_reach_pandoc_set_so_that_one_that_is_never_closed_costs_no_time(case: Any) -> None:
    """Pandoc tries the groups after an opening quote anew for each: a paper with many took it a minute."""
    page, _ = exported(
        case.with_body("It's ``so'' and `thus', $f'$ -- {run `touch {it with `care}} \\`a \\verb|x'|.")
    )
    assert "It’s “so” and ‘thus’," in Walker(page).text
    assert "– run ‘touch it with ‘care à" in Walker(page).text
    assert " x'." in Walker(page).text, "code was changed"
    quoted = "call `touch the file`. " * 150
    began = time.monotonic()
    page, _ = exported(case.with_body((quoted + "{see " + quoted + "\n\n{see ") * 10 + "}" * 20))
    assert time.monotonic() - began < 15
    assert page.count("‘touch") == 3000


class InBubblewrap:
    """A context with a sandbox: as much of it as pandoc needs."""

    def __init__(self, artifacts: Any) -> None:
        self.artifacts = artifacts
        self.sandbox = BubblewrapSandbox()
        self.logged: list[str] = []
        self.results: list[ExecResult] = []

    async def log(self, message: str, **data: Any) -> None:
        self.logged.append(message)

    async def effect(self, kind: str, request: Any, fn: Any) -> Any:
        return json.loads(canonical_json(await fn()))

    async def run_sandbox(self, request: ExecRequest) -> ExecResult:
        environment = await self.sandbox.prepare(request.environment)
        self.results.append(await self.sandbox.run(request, environment, self.artifacts))
        return self.results[-1]


def test_in_a_sandbox_pandoc_writes_the_same_page(case: Any) -> None:
    probed = asyncio.run(BubblewrapSandbox().probe())
    if not probed.passed:
        pytest.skip(f"needs a working bubblewrap: {probed.problem or 'a canary failed'}")
    inside = InBubblewrap(case.artifacts)
    exporter = HtmlExporter(Word())
    there = asyncio.run(exporter.export(case.edition, case.run(), inside))  # type: ignore[arg-type]
    here = asyncio.run(exporter.export(case.edition, case.run(), case.context()))
    assert [result.status for result in inside.results] == ["ok"], inside.results[0].stderr.text
    assert there == here
