"""The paper as PDF: set inside a sandbox, never a failed run."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from peercycle.core.base import Word, canonical_json
from peercycle.core.contracts import Sandbox
from peercycle.core.errors import SandboxUnavailableError
from peercycle.core.sandboxing import ExecRequest, ExecResult, OutputFile, StreamCapture
from peercycle.core.writing import Manuscript, Section
from peercycle.export import pdf as pdf_module
from peercycle.export.document import TexDocument, write_document
from peercycle.export.pdf import PdfExporter
from peercycle.sandbox.bubblewrap import BubblewrapSandbox, BubblewrapSettings
from peercycle.sandbox.place import remove_tree


class Compiling:
    """A context whose sandbox is a plain folder and a plain process: it shows what is asked of a real one."""

    def __init__(self, artifacts: Any, folder: Path) -> None:
        self.artifacts, self.folder = artifacts, folder
        self.logged: list[str] = []
        self.requests: list[ExecRequest] = []

    async def log(self, message: str, **data: Any) -> None:
        self.logged.append(message)

    async def effect(self, kind: str, request: Any, fn: Any) -> Any:
        canonical_json(request)  # a journal takes JSON
        return json.loads(canonical_json(await fn()))

    async def run_sandbox(self, request: ExecRequest) -> ExecResult:
        self.requests.append(request)
        work = self.folder / str(len(self.requests))
        for name, ref in request.files.items():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_bytes(await self.artifacts.get(ref))
            (work / name).chmod(0o444)
        assert request.argv[0] == "python"
        ran = subprocess.run(
            [sys.executable, *request.argv[1:]],
            cwd=work,
            env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "openin_any": "p", **request.variables},
            timeout=request.limits.wall_s,
            capture_output=True,
            check=False,
        )
        found = [work / name for name in request.outputs if (work / name).exists()]
        outputs = [
            OutputFile(path=f.name, size=f.stat().st_size, artifact=self.artifacts.add(f.read_bytes())) for f in found
        ]
        return ExecResult(
            status="nonzero" if ran.returncode else "ok",
            exit_code=ran.returncode,
            stderr=StreamCapture(head=ran.stderr.decode()),
            duration_s=0,
            outputs=tuple(outputs),
            backend="folder",
        )


class Refusing(Compiling):
    """A context without a sandbox."""

    async def run_sandbox(self, request: ExecRequest) -> ExecResult:
        raise SandboxUnavailableError("no sandbox passes its probe here: apt-get install bubblewrap")


def exported(case: Any, folder: Path) -> tuple[bytes | None, Compiling]:
    if shutil.which("pdflatex", path="/usr/bin:/bin") is None:
        pytest.skip(
            "needs pdflatex: apt-get install texlive-latex-base texlive-latex-recommended texlive-fonts-recommended"
        )
    context = Compiling(case.artifacts, folder)
    found = asyncio.run(PdfExporter(Word()).export(case.edition, case.run(), context))  # type: ignore[arg-type]
    assert set(found) <= {"paper/paper.pdf"}
    return found.get("paper/paper.pdf"), context


def test_a_good_paper_becomes_a_pdf_at_the_first_attempt(case: Any, tmp_path: Path) -> None:
    pdf, context = exported(case, tmp_path)
    assert pdf is not None
    assert pdf.startswith(b"%PDF-")
    assert context.logged == []
    request = context.requests[0]
    assert len(context.requests) == 1
    assert request.environment.name == "tex"
    assert request.limits.network == "none"


def test_the_same_edition_gives_the_same_pdf_in_another_folder(case: Any, tmp_path: Path) -> None:
    one, _ = exported(case, tmp_path / "one")
    other, _ = exported(case, tmp_path / "a longer name" / "two")
    assert one is not None
    assert one == other


def test_the_metadata_hold_the_disclosure_and_nothing_of_this_machine(case: Any, tmp_path: Path) -> None:
    pdf, _ = exported(case, tmp_path)
    assert pdf is not None
    assert case.edition.disclosure.encode() in re.sub(rb"\\([()\\])", rb"\1", pdf)
    for trace in (b"CreationDate", b"ModDate", b"PTEX", str(tmp_path).encode(), b"Debian", b"TeX Live"):
        assert trace not in pdf


@pytest.mark.parametrize("has_tex", [False, True])
def test_without_a_sandbox_there_is_no_pdf_and_the_log_says_what_mends_it(
    case: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_tex: bool
) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}" if has_tex else None)
    context = Refusing(case.artifacts, tmp_path)
    found = asyncio.run(PdfExporter(Word()).export(case.edition, case.run(), context))  # type: ignore[arg-type]
    assert dict(found) == {}
    assert len(context.logged) == 1
    assert "apt-get install bubblewrap" in context.logged[0]
    assert ("texlive-latex-base" in context.logged[0]) is not has_tex


def test_a_section_at_which_tex_stops_is_shown_as_its_source(
    case: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tidying is not trusted: an error that it let through costs one section its setting, not the paper."""
    sections = (
        Section(heading="Good", body="This text is set."),
        Section(heading="Bad", body="This text breaks."),
        Section(heading="Fine", body="This text is set too."),
    )

    def broken(*args: Any, **kwargs: Any) -> TexDocument:
        document = write_document(*args, **kwargs)
        if 1 in kwargs["shown_verbatim"]:
            return document
        tex = document.tex.replace("This text breaks.", "This text \\breaks $x_1_2$.")
        return TexDocument(tex, document.bib, document.shown, document.remarks, document.lines)

    monkeypatch.setattr(pdf_module, "write_document", broken)
    pdf, context = exported(case.with_manuscript(Manuscript(title="T", abstract="A", sections=sections)), tmp_path)
    assert pdf is not None
    assert len(context.requests) == 2
    assert [line for line in context.logged if "'Bad'" in line and "Undefined control sequence" in line]
    assert not [line for line in context.logged if "'Good'" in line or "'Fine'" in line]


def test_a_document_that_tex_never_takes_ends_in_a_log_line(
    case: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> TexDocument:
        document = write_document(*args, **kwargs)
        tex = document.tex.replace("\\maketitle", "\\maketitle\\undefinedhere")
        return TexDocument(tex, document.bib, document.shown, document.remarks, document.lines)

    monkeypatch.setattr(pdf_module, "write_document", broken)
    pdf, context = exported(case, tmp_path)
    assert pdf is None
    assert "none was made" in context.logged[-1]
    assert "Undefined control sequence" in context.logged[-1]


def test_an_undefined_reference_in_the_final_log_is_reported(
    case: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dangling(*args: Any, **kwargs: Any) -> TexDocument:
        document = write_document(*args, **kwargs)
        tex = document.tex.replace("We ask", "See \\ref{nowhere} and \\citep{nobody}. We ask")
        return TexDocument(tex, document.bib, document.shown, document.remarks, document.lines)

    monkeypatch.setattr(pdf_module, "write_document", dangling)
    pdf, context = exported(case, tmp_path)
    assert pdf is not None
    assert "pdf: Reference `nowhere' is undefined" in context.logged
    assert "pdf: Citation `nobody' is undefined" in context.logged


def test_tex_reads_no_file_beyond_its_folder(case: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret.tex"
    secret.write_text("THESECRET")

    def prying(*args: Any, **kwargs: Any) -> TexDocument:
        document = write_document(*args, **kwargs)
        tex = document.tex.replace("We ask", f"\\input{{{secret}}} We ask")
        return TexDocument(tex, document.bib, document.shown, document.remarks, document.lines)

    monkeypatch.setattr(pdf_module, "write_document", prying)
    pdf, context = exported(case, tmp_path / "work")
    assert pdf is None
    assert "File" in context.logged[-1]


class Sandboxed(Compiling):
    """A context with the real sandbox."""

    def __init__(self, artifacts: Any, folder: Path, sandbox: Sandbox) -> None:
        super().__init__(artifacts, folder)
        self.sandbox = sandbox

    async def run_sandbox(self, request: ExecRequest) -> ExecResult:
        self.requests.append(request)
        environment = await self.sandbox.prepare(request.environment)
        return await self.sandbox.run(request, environment, self.artifacts)


@pytest.fixture
def sandbox() -> Iterator[BubblewrapSandbox]:
    if shutil.which("bwrap") is None:
        pytest.skip("needs bubblewrap: apt-get install bubblewrap libseccomp2")
    state = Path(tempfile.mkdtemp(prefix="peercycle-tex-", dir="/var/tmp"))
    state.chmod(0o711)
    made = BubblewrapSandbox(BubblewrapSettings(state_dir=state))
    probed = asyncio.run(made.probe())
    if not probed.available:
        pytest.skip(f"needs a working bubblewrap: {probed.problem}")
    yield made
    remove_tree(state)


def test_the_real_sandbox_sets_the_paper_to_the_same_bytes(
    case: Any, tmp_path: Path, sandbox: BubblewrapSandbox
) -> None:
    plain, _ = exported(case, tmp_path)
    context = Sandboxed(case.artifacts, tmp_path, sandbox)
    found = asyncio.run(PdfExporter(Word()).export(case.edition, case.run(), context))  # type: ignore[arg-type]
    assert context.logged == []
    assert found["paper/paper.pdf"] == plain
