"""The paper as one HTML file that needs nothing else."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from html import escape as escape_html
from typing import Literal

from pydantic import BaseModel

from peercycle.core.contracts import Edition, StageContext
from peercycle.core.journal import RunReader
from peercycle.export.cleaning import clean
from peercycle.export.disclosing import maker
from peercycle.export.document import new_ledger
from peercycle.export.pandoc import PandocError, latex_to_html
from peercycle.export.pictures import load_figures, names
from peercycle.export.rendering import render
from peercycle.export.text import plain
from peercycle.export.tidy.body import tidy, tidy_line
from peercycle.export.tidy.ledger import Ledger
from peercycle.export.webmarks import MarkReader
from peercycle.export.webtarget import WebTarget
from peercycle.export.webworks import labels, works_latex

_CUT = "PEERCYCLECUTSHEREBETWEENPARTS"


class HtmlExporter:
    """Writes `paper/paper.html`."""

    scope: Literal["paper", "report"] = "paper"

    def __init__(self, settings: BaseModel) -> None:
        del settings

    async def export(self, edition: Edition | None, run: RunReader, ctx: StageContext) -> Mapping[str, bytes]:
        """Return the paper as HTML. Without pandoc its text is shown as LaTeX source, and the log says why."""
        if edition is None:
            return {}
        figures, problems = await load_figures(edition.manuscript, ctx.artifacts)
        page, warnings = await write_page(edition, figures, ctx)
        for line in (*problems, *warnings):
            await ctx.log(f"html: {line}")
        return {"paper/paper.html": page.encode("utf-8", "replace")}


async def write_page(edition: Edition, figures: Mapping[str, bytes], ctx: StageContext) -> tuple[str, list[str]]:
    """Return an edition as one HTML page, and what was mended or left out."""
    ledger, target = new_ledger(edition, names(figures)), WebTarget()
    # In threads: a long paper takes a while, and other runs share the loop.
    source, works = await asyncio.to_thread(_source, edition, ledger, target)
    reader = MarkReader(target.marks, works, ledger.labels, edition.results)
    try:
        fragment, warnings = await latex_to_html(source, ctx)
    except PandocError as error:
        pieces = ["", "", "", f"<pre>{reader.text(source.replace(_CUT, ''))}</pre>"]
        warnings = [f"the text is shown as LaTeX source: {error}"]
    else:
        pieces = await asyncio.to_thread(_pieces, fragment, edition, figures, reader)
    page = await asyncio.to_thread(_page, edition, pieces)
    return page, [*ledger.lines(), *warnings]


def _pieces(fragment: str, edition: Edition, figures: Mapping[str, bytes], reader: MarkReader) -> list[str]:
    """Return what pandoc wrote, cleaned, as the pieces between the cuts."""
    alt = {figure.file: figure.alt for figure in edition.manuscript.figures}
    whole = clean(fragment, picture=lambda path, width: _picture(path, width, figures, alt), text=reader.text)
    return whole.split(f"<p>{_CUT}</p>")


def _page(edition: Edition, pieces: Sequence[str]) -> str:
    title, abstract, body, cited = (piece.strip() for piece in (*pieces, "", "", "", "")[:4])
    return render(
        "paper.html.j2",
        disclosure=edition.disclosure,
        maker=maker(edition.made_by),
        plain_title=plain(edition.manuscript.title),
        title=title.removeprefix("<p>").removesuffix("</p>"),
        abstract=abstract,
        body=body,
        works=cited,
    )


def _source(edition: Edition, ledger: Ledger, target: WebTarget) -> tuple[str, dict[str, tuple[str, str]]]:
    """Return the LaTeX that pandoc reads, and the labels of the works cited, by printed key."""
    manuscript = edition.manuscript
    parts = [
        tidy_line(manuscript.title, ledger, target) or "Untitled",
        _CUT,
        tidy(manuscript.abstract, ledger, target, name="the abstract"),
        _CUT,
    ]
    for section in manuscript.sections:
        if section.role == "appendix":
            ledger.begin_appendix()
        number = ledger.heading(0)
        parts.append(f"\\section{{{number} {tidy_line(section.heading, ledger, target)}}}")
        parts.append(tidy(section.body, ledger, target, name=f"section {section.heading[:60]!r}"))
    cited = [entry for key in ledger.cited if (entry := edition.bibliography.get(key)) is not None]
    shown = labels(cited)
    parts.append(_CUT)
    parts.append(works_latex(cited, shown, ledger, target))
    return "\n\n".join(parts), {ledger.keys[key]: label for key, label in shown.items()}


def _picture(path: str, width: str, figures: Mapping[str, bytes], alt: Mapping[str, str]) -> str:
    file = path.removeprefix("figures/")
    twin = file.rpartition(".")[0] + ".png"
    shown = twin if file.endswith(".pdf") and twin in figures else file
    described = escape_html(alt.get(file) or alt.get(shown) or f"Figure {shown}")
    if shown not in figures or not shown.endswith(".png"):
        return (
            f'<span class="absent">[{escape_html(shown)}: {described} It is in the PDF and beside this file.]</span>'
        )
    data = base64.b64encode(figures[shown]).decode("ascii")
    style = f' style="width:{escape_html(width)}"' if width else ""
    return f'<img src="data:image/png;base64,{data}" alt="{described}"{style}>'
