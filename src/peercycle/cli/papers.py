"""The text of a paper that somebody hands in: LaTeX and Markdown as they are, PDF through the sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from peercycle.core.errors import BadInputError, PeercycleError

if TYPE_CHECKING:
    from peercycle.core.contracts import StageContext

READABLE = (".tex", ".md", ".txt", ".pdf")
MOST_BYTES = 50_000_000
EXTRACT_S = 60.0
"""Wall clock that reading a PDF may take."""
NOT_FOUND = 127
"""Exit code, as a shell's, of a program that is not there."""


def read_file(path: Path) -> bytes:
    """Return a paper's bytes. Raises `BadInputError`."""
    if path.suffix not in READABLE:
        raise BadInputError(f"{str(path)!r}: give the paper as {', '.join(READABLE)}")
    try:
        body = path.read_bytes()
    except OSError as error:
        raise BadInputError(f"cannot read {str(path)!r}: {error.strerror}") from None
    if not body.strip():
        raise BadInputError(f"{str(path)!r} is empty")
    if len(body) > MOST_BYTES:
        raise BadInputError(f"{str(path)!r} has {len(body)} bytes, over the limit of {MOST_BYTES}")
    if path.suffix == ".pdf" and not body.lstrip().startswith(b"%PDF-"):
        raise BadInputError(f"{str(path)!r} is no PDF")
    if path.suffix != ".pdf" and b"\0" in body:
        raise BadInputError(f"{str(path)!r} is binary; give the paper as {', '.join(READABLE)}")
    return body


async def text_of(path: Path, body: bytes, ctx: StageContext) -> str:
    """Return a paper's text. A PDF is read by poppler's pdftotext in the sandbox: such files attack their readers."""
    if path.suffix != ".pdf":
        return body.decode("utf-8-sig", errors="replace")
    from peercycle.cli.pdf_text import text_of_pages
    from peercycle.core.sandboxing import EnvironmentSpec, ExecRequest, Limits

    pdf = await ctx.artifacts.put(body, media_type="application/pdf", name="paper.pdf")
    request = ExecRequest(
        argv=("pdftotext", "-enc", "UTF-8", "paper.pdf", "paper.txt"),
        files={"paper.pdf": pdf},
        environment=EnvironmentSpec(name="base"),
        outputs=("paper.txt",),
        limits=Limits(wall_s=EXTRACT_S),
    )
    try:
        result = await ctx.run_sandbox(request)
    except PeercycleError as error:
        raise type(error)(f"{str(path)!r} is read in the sandbox only, which failed: {error}") from None
    found: Any = next((output for output in result.outputs if output.path == "paper.txt"), None)
    if result.status != "ok" or found is None:
        said = (result.stderr.text.strip().splitlines() or [result.status])[-1]
        if result.exit_code == NOT_FOUND:
            raise BadInputError(f"{str(path)!r} cannot be read as PDF: {_no_reader(result.backend)}")
        raise BadInputError(f"{str(path)!r} cannot be read as PDF: {said}")
    text = (await ctx.artifacts.get(found.artifact)).decode("utf-8", errors="replace")
    if not text.strip():
        raise BadInputError(f"{str(path)!r} holds no text (a scan?); give the paper as LaTeX or text")
    return text_of_pages(text)


def _no_reader(backend: str) -> str:
    # A container sees its image's programs, not this machine's.
    mend = "make the image with it: peercycle sandbox build" if backend == "docker" else "apt install poppler-utils"
    return f"the sandbox {backend!r} has no pdftotext ({mend}), or give the paper as LaTeX or text"
