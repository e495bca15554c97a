"""The paper as LaTeX, with its bibliography, its figures and its disclosure."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel

from peercycle.core.contracts import Edition, StageContext
from peercycle.core.journal import RunReader
from peercycle.export.disclosing import disclosure_json
from peercycle.export.document import write_document
from peercycle.export.pictures import load_figures, names


class LatexExporter:
    """Writes `paper/paper.tex`, `references.bib`, `figures/` and `disclosure.json`."""

    scope: Literal["paper", "report"] = "paper"

    def __init__(self, settings: BaseModel) -> None:
        del settings

    async def export(self, edition: Edition | None, run: RunReader, ctx: StageContext) -> Mapping[str, bytes]:
        """Return the paper's LaTeX and what it needs to compile."""
        if edition is None:
            return {}
        figures, problems = await load_figures(edition.manuscript, ctx.artifacts)
        # In a thread: a long paper takes a while, and other runs share the loop.
        document = await asyncio.to_thread(write_document, edition, names(figures))
        for line in (*problems, *document.remarks):
            await ctx.log(f"latex: {line}")
        bib = f"% {' '.join(edition.disclosure.split())}\n\n{document.bib}"
        return {
            "paper/paper.tex": document.tex.encode("utf-8"),
            "paper/references.bib": bib.encode("utf-8"),
            "paper/disclosure.json": disclosure_json(edition, document.shown),
            **{f"paper/figures/{file}": body for file, body in figures.items()},
        }
