"""The paper as PDF, set by TeX inside the sandbox."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Mapping
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel

from peercycle.core.contracts import Edition, StageContext
from peercycle.core.journal import RunReader
from peercycle.core.sandboxing import EnvironmentSpec, ExecRequest, ExecResult, Limits
from peercycle.export.document import TexDocument, plain_ascii, write_document
from peercycle.export.pictures import load_figures, names
from peercycle.export.sandboxed import run_sandboxed

INSTALL = "apt-get install texlive-latex-base texlive-latex-recommended texlive-fonts-recommended"
_ATTEMPTS = 4
_LIMITS = Limits(wall_s=120, cpu_s=110, memory_mb=1024, processes=16, disk_mb=128, files=200)
_ERROR = re.compile(r"^(?:\./)?paper\.tex:([0-9]+): (.*)$|^! (.*)$", re.MULTILINE)
_UNDEFINED = re.compile(
    r"^(?:LaTeX|Package natbib) Warning: ((?:Reference|Citation) `[^']*')[^.]*undefined", re.MULTILINE
)


class _RefusedError(Exception):
    """TeX cannot be run here; the message says why."""


class PdfExporter:
    """Writes `paper/paper.pdf` where a sandbox with TeX is at hand."""

    scope: Literal["paper", "report"] = "paper"

    def __init__(self, settings: BaseModel) -> None:
        del settings

    async def export(self, edition: Edition | None, run: RunReader, ctx: StageContext) -> Mapping[str, bytes]:
        """Return the PDF, or nothing where there is none to be had: the log says why, and what mends it."""
        if edition is None:
            return {}
        try:
            pdf = await _set(edition, ctx)
        except _RefusedError as error:
            await ctx.log(f"pdf: none was made: {error}" + ("" if _tex_is_here() else f"; TeX itself: {INSTALL}"))
            return {}
        return {} if pdf is None else {"paper/paper.pdf": pdf}


def _tex_is_here() -> bool:
    return all(shutil.which(program) for program in ("pdflatex", "bibtex"))


async def _set(edition: Edition, ctx: StageContext) -> bytes | None:
    """Set the paper; a section at which TeX stops is shown as its source in the next attempt."""
    figures, _ = await load_figures(edition.manuscript, ctx.artifacts)
    inputs = {f"figures/{file}": await ctx.artifacts.put(body, name=file) for file, body in figures.items()}
    program = files("peercycle.export").joinpath("tex_program.py").read_bytes()
    inputs["tex_program.py"] = await ctx.artifacts.put(program, name="tex_program.py")
    shown: frozenset[int] = frozenset()
    for attempt in range(_ATTEMPTS):
        document = await asyncio.to_thread(write_document, edition, names(figures), shown_verbatim=shown)
        result = await _compile(document, inputs, ctx)
        log = await _output(result, "paper.log", ctx)
        pdf = await _output(result, "paper.pdf", ctx)
        if result.status == "ok" and pdf is not None:
            return await _checked(pdf, (log or b"").decode("latin-1"), edition, ctx)
        if result.exit_code == 127:
            await ctx.log(f"pdf: none was made: the sandbox has no TeX; {INSTALL}")
            return None
        line, problem = _first_error((log or b"").decode("latin-1"), result)
        found = {
            index for index, (first, last) in document.lines.items() if line is not None and first <= line <= last
        }
        more = shown | found if attempt < _ATTEMPTS - 2 and found - shown else frozenset(document.lines)
        if more == shown:
            await ctx.log(f"pdf: none was made: {problem}")
            return None
        named = ", ".join(repr(edition.manuscript.sections[index].heading[:40]) for index in sorted(more - shown))
        await ctx.log(f"pdf: TeX stopped ({problem}); shown as source in the PDF: {named}")
        shown = more
    return None


async def _compile(document: TexDocument, inputs: Mapping[str, str], ctx: StageContext) -> ExecResult:
    """Run TeX. Raises `_RefusedError` where it cannot be run here."""
    bodies = {"paper.tex": document.tex, "references.bib": document.bib}
    texts = {name: await ctx.artifacts.put(body.encode("utf-8"), name=name) for name, body in bodies.items()}
    request = ExecRequest(
        argv=("python", "tex_program.py"),
        files={**inputs, **texts},
        environment=EnvironmentSpec(name="tex"),
        variables={"SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1", "max_print_line": "1000"},
        outputs=("paper.pdf", "paper.log"),
        limits=_LIMITS,
    )
    result = await run_sandboxed("tex", {"files": dict(request.files)}, request, ctx)
    if isinstance(result, str):
        raise _RefusedError(result)
    return result


async def _output(result: ExecResult, path: str, ctx: StageContext) -> bytes | None:
    found = next((output for output in result.outputs if output.path == path), None)
    return None if found is None else await ctx.artifacts.get(found.artifact)


def _first_error(log: str, result: ExecResult) -> tuple[int | None, str]:
    """Return the line of `paper.tex` at which TeX stopped, and what it said."""
    found = _ERROR.search(log)
    if found is None:
        said = " ".join(result.stderr.text.split())[-200:]
        return None, f"the compile ended with {result.status}" + (f": {said}" if said else "")
    line = int(found.group(1)) if found.group(1) else None
    if line is None:
        at = re.search(r"^l\.([0-9]+) ", log, re.MULTILINE)
        line = int(at.group(1)) if at else None
    return line, " ".join((found.group(2) or found.group(3)).split())[:200]


async def _checked(pdf: bytes, log: str, edition: Edition, ctx: StageContext) -> bytes | None:
    """Return a PDF that says what made it, after naming what its log complains of."""
    for name in dict.fromkeys(_UNDEFINED.findall(log)):
        await ctx.log(f"pdf: {name} is undefined")
    said = plain_ascii(edition.disclosure).encode("ascii")
    if not pdf.startswith(b"%PDF-") or said not in re.sub(rb"\\([()\\])", rb"\1", pdf):
        await ctx.log("pdf: none was made: its metadata do not say that it is machine-made")
        return None
    return pdf
