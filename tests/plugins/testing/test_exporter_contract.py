"""The contract of exporters: those that come with peercycle keep it, and those broken on purpose do not."""

from __future__ import annotations

import random
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pytest

from peercycle.core.base import JSON
from peercycle.core.contracts import Edition, NoSettings, StageContext
from peercycle.core.errors import BudgetExceededError
from peercycle.core.journal import RunReader
from peercycle.core.runs import MACHINE_MADE
from peercycle.core.sandboxing import ExecRequest, ExecResult, OutputFile, StreamCapture
from peercycle.export.html import HtmlExporter
from peercycle.export.latex import LatexExporter
from peercycle.export.pdf import PdfExporter
from peercycle.export.report import ReportExporter
from peercycle.plugins.testing import ExporterContract, failures
from peercycle.plugins.testing.journal import BenchArtifacts


class TestLatexExporter(ExporterContract):
    def exporter(self) -> Any:
        return LatexExporter(NoSettings())


class TestHtmlExporter(ExporterContract):
    # The page is written all the same, by a pandoc that runs beside the exporter.
    does_without = frozenset({BudgetExceededError})

    def exporter(self) -> Any:
        return HtmlExporter(NoSettings())

    async def execute(self, request: ExecRequest, artifacts: BenchArtifacts) -> ExecResult:
        """Stand for a sandbox: a real pandoc, in a folder of its own."""
        import pypandoc

        with tempfile.TemporaryDirectory() as folder:
            for name, ref in request.files.items():
                Path(folder, name).write_bytes(await artifacts.get(ref))
            ran = subprocess.run(
                [pypandoc.get_pandoc_path(), *request.argv[1:]], cwd=folder, capture_output=True, check=True
            )
            body = Path(folder, "page.html").read_bytes()
        page = OutputFile(path="page.html", size=len(body), artifact=await artifacts.put(body))
        said = StreamCapture(head=ran.stderr.decode())
        return ExecResult(status="ok", exit_code=0, stderr=said, duration_s=0, outputs=(page,), backend="folder")


class TestPdfExporter(ExporterContract):
    # The run goes on without a PDF, and the log says why.
    does_without = frozenset({BudgetExceededError})

    def exporter(self) -> Any:
        return PdfExporter(NoSettings())

    async def execute(self, request: ExecRequest, artifacts: BenchArtifacts) -> ExecResult:
        """Stand for a sandbox with TeX; what TeX itself makes of the source is asked in `tests/export`."""
        assert b"\\documentclass" in await artifacts.get(request.files["paper.tex"])
        body = b"%PDF-1.5 (" + self.editions()["whole"].disclosure.encode("ascii") + b")"
        made = OutputFile(path="paper.pdf", size=len(body), artifact=await artifacts.put(body))
        return ExecResult(status="ok", exit_code=0, duration_s=0, outputs=(made,), backend="folder")

    def test_the_pdf_is_written(self) -> None:
        assert [set(files) for files, _ in self._exports()] == [{"paper/paper.pdf"}] * 2


class TestReportExporter(ExporterContract):
    def exporter(self) -> Any:
        return ReportExporter(NoSettings())

    def test_the_report_is_written_of_a_finished_run_and_of_one_that_died(self) -> None:
        (whole, _), (bare, _) = self._exports()
        assert set(whole) == set(bare) == {"report.json", "report.md", "report.html"}
        assert b"How far two rankings agree" in whole["report.md"]


class PlainText:
    """A good exporter: the paper as text, with a note that a service adds."""

    scope: Literal["paper", "report"] = "paper"

    async def export(self, edition: Edition | None, run: RunReader, ctx: StageContext) -> Mapping[str, bytes]:
        assert edition is not None

        async def note() -> JSON:
            return f"{len(edition.manuscript.sections)} sections"

        said = await ctx.effect("note", {"title": edition.manuscript.title}, note)
        text = f"{edition.disclosure}\n\n{edition.manuscript.latex}\n{said}\n"
        return {"paper/paper.txt": text.encode()}


class TestGoodExporter(ExporterContract):
    def exporter(self) -> Any:
        return PlainText()


class DropsTheDisclosure(PlainText):
    async def export(self, edition: Edition | None, run: RunReader, ctx: StageContext) -> Mapping[str, bytes]:
        assert edition is not None
        await super().export(edition, run, ctx)
        return {"paper/paper.txt": edition.manuscript.latex.encode()}


class DropsItInOneFile(PlainText):
    async def export(self, edition: Edition | None, run: RunReader, ctx: StageContext) -> Mapping[str, bytes]:
        return {**await super().export(edition, run, ctx), "paper/extra.html": b"<p>More</p>"}


class WritesUpwards(PlainText):
    async def export(self, edition: Edition | None, run: RunReader, ctx: StageContext) -> Mapping[str, bytes]:
        (body,) = (await super().export(edition, run, ctx)).values()
        return {"paper/../run.txt": body}


class SaysNothing(PlainText):
    async def export(self, edition: Edition | None, run: RunReader, ctx: StageContext) -> Mapping[str, bytes]:
        await super().export(edition, run, ctx)
        return {}


class ReadsTheRun(PlainText):
    async def export(self, edition: Edition | None, run: RunReader, ctx: StageContext) -> Mapping[str, bytes]:
        await run.record()
        return await super().export(edition, run, ctx)


class StampsTheTime(PlainText):
    async def export(self, edition: Edition | None, run: RunReader, ctx: StageContext) -> Mapping[str, bytes]:
        (body,) = (await super().export(edition, run, ctx)).values()
        return {"paper/paper.txt": body + str(time.time_ns()).encode()}


class NamesAPlace(PlainText):
    async def export(self, edition: Edition | None, run: RunReader, ctx: StageContext) -> Mapping[str, bytes]:
        (body,) = (await super().export(edition, run, ctx)).values()
        return {"paper/paper.txt": body + f"\nmade from {ctx.artifacts.path('figure')}".encode()}


class Shuffles(PlainText):
    async def export(self, edition: Edition | None, run: RunReader, ctx: StageContext) -> Mapping[str, bytes]:
        (body,) = (await super().export(edition, run, ctx)).values()
        return {"paper/paper.txt": body + str(random.random()).encode()}


class FetchesAFont(PlainText):
    async def export(self, edition: Edition | None, run: RunReader, ctx: StageContext) -> Mapping[str, bytes]:
        urllib.request.urlopen("http://127.0.0.1:9/font.woff", timeout=1)
        return await super().export(edition, run, ctx)


class ReturnsText(PlainText):
    async def export(self, edition: Edition | None, run: RunReader, ctx: StageContext) -> Any:
        return {"paper/paper.txt": (await super().export(edition, run, ctx))["paper/paper.txt"].decode()}


class Swallows(PlainText):
    async def export(self, edition: Edition | None, run: RunReader, ctx: StageContext) -> Mapping[str, bytes]:
        try:
            return await super().export(edition, run, ctx)
        except BaseException as error:
            await ctx.log(f"could not: {error}")
            return {}


class UnknownScope(PlainText):
    scope: Any = "papers"


class OneLine:
    """A good exporter of reports: how the run ended, and that no person has checked it."""

    scope: Literal["paper", "report"] = "report"

    async def export(self, edition: Edition | None, run: RunReader, ctx: StageContext) -> Mapping[str, bytes]:
        assert edition is None, "a report is given no edition"
        record = await run.record()
        status = record.terminal.status if record.terminal else "crashed"
        return {"report.txt": f"{record.run_id}: {status}. {MACHINE_MADE}".encode()}


class TestGoodReport(ExporterContract):
    def exporter(self) -> Any:
        return OneLine()


class ReportDropsTheDisclosure(OneLine):
    async def export(self, edition: Edition | None, run: RunReader, ctx: StageContext) -> Mapping[str, bytes]:
        (body,) = (await super().export(edition, run, ctx)).values()
        return {"report.txt": body.replace(MACHINE_MADE.encode(), b"")}


class ReportDropsItInOneFile(OneLine):
    async def export(self, edition: Edition | None, run: RunReader, ctx: StageContext) -> Mapping[str, bytes]:
        return {**await super().export(edition, run, ctx), "report.html": b"<p>A machine learning run</p>"}


class ReportInAFolder(OneLine):
    async def export(self, edition: Edition | None, run: RunReader, ctx: StageContext) -> Mapping[str, bytes]:
        (body,) = (await super().export(edition, run, ctx)).values()
        return {"report.d/run.txt": body}


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (ReportDropsTheDisclosure, "test_every_text_file_holds_the_disclosure"),
        (ReportDropsItInOneFile, "test_every_text_file_holds_the_disclosure"),
        (ReportInAFolder, "test_files_lie_where_they_belong"),
        (DropsTheDisclosure, "test_every_text_file_holds_the_disclosure"),
        (DropsItInOneFile, "test_every_text_file_holds_the_disclosure"),
        (WritesUpwards, "test_files_lie_where_they_belong"),
        (SaysNothing, "test_writing_nothing_comes_with_a_reason"),
        (ReadsTheRun, "test_it_plays_to_the_end"),
        (StampsTheTime, "test_a_replay_with_the_world_refused_says_the_same"),
        (NamesAPlace, "test_files_hold_content_only"),
        (Shuffles, "test_a_kill_and_a_resume_leave_what_an_undisturbed_play_leaves"),
        (FetchesAFont, "test_it_plays_to_the_end"),
        (ReturnsText, "test_it_plays_to_the_end"),
        (Swallows, "test_what_ends_a_run_passes_through_it"),
        (UnknownScope, "test_its_scope_is_paper_or_report"),
    ],
)
def test_the_exporter_contract_catches(broken: type[Any], check: str) -> None:
    class Held(ExporterContract):
        def exporter(self) -> Any:
            return broken()

    assert check in failures(Held, only=check)
