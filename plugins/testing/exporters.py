"""The contract of exporters."""

from __future__ import annotations

import base64
import re
import socket
from pathlib import PurePosixPath
from typing import Any, Literal, cast

from peercycle.core.base import JSON
from peercycle.core.contracts import Edition, Exporter
from peercycle.core.journal import RunReader
from peercycle.core.runs import MACHINE_MADE
from peercycle.plugins.testing import samples
from peercycle.plugins.testing.context import Bench
from peercycle.plugins.testing.contract import ReplayContract, Take
from peercycle.plugins.testing.sample_run import SampleRun


class ExporterContract(ReplayContract):
    """An exporter of papers on a whole edition and on one with hardly anything in it; one of reports on runs alike.

        class TestMine(ExporterContract):
            def exporter(self):
                return Mine()

    Programs on this machine may be run (they are no service); sockets are refused.
    """

    closed: Literal["world", "sockets"] = "sockets"

    def exporter(self) -> Exporter:
        """Return a fresh exporter."""
        raise NotImplementedError

    def editions(self) -> dict[str, Edition]:
        """Return what an exporter of papers is given, by name."""
        whole = samples.edition()
        bare = Edition(
            topic=whole.topic,
            manuscript=whole.manuscript.model_copy(update={"sections": whole.manuscript.sections[:1]}),
            bibliography=whole.bibliography,
            results=None,
            assessment=None,
            disclosure=whole.disclosure,
        )
        return {"whole": whole, "bare": bare}

    def runs(self, bench: Bench) -> dict[str, RunReader]:
        """Return what an exporter of reports reads, by name: by default a finished run, and one that died at once."""
        return {"whole": SampleRun(bench.artifacts), "bare": SampleRun(bench.artifacts, died=True)}

    def disclosure(self) -> str:
        """Return what every text file must hold: the edition's own sentence, or that of every report."""
        return MACHINE_MADE if self.exporter().scope == "report" else self.editions()["whole"].disclosure

    def subject(self) -> Exporter:
        """Return a fresh exporter."""
        return self.exporter()

    async def play(self, take: Take, bench: Bench) -> JSON:
        """Export everything."""
        said: dict[str, JSON] = {}
        for number, (name, (edition, run)) in enumerate(self._given(bench).items()):
            logged = len(bench.logged)
            ctx = bench.context("finish", candidate="", visit=number + 1)
            files = await (await take()).export(edition, run, ctx)
            wrong = [path for path, body in files.items() if not isinstance(body, bytes)]
            assert not wrong, f"{wrong} are not bytes"
            encoded: JSON = {path: base64.b64encode(body).decode() for path, body in files.items()}
            said[name] = {"files": encoded, "logged": list[JSON](bench.logged[logged:])}
        return said

    def _given(self, bench: Bench) -> dict[str, tuple[Edition | None, RunReader]]:
        """Return what each export is called with, as the driver calls it."""
        if self.exporter().scope == "report":
            return {name: (None, run) for name, run in self.runs(bench).items()}
        untouchable = cast(RunReader, _Untouchable())
        return {name: (edition, untouchable) for name, edition in self.editions().items()}

    def test_its_scope_is_paper_or_report(self) -> None:
        """`scope` says what it writes."""
        assert self.exporter().scope in ("paper", "report"), f"scope is {self.exporter().scope!r}"

    def test_every_text_file_holds_the_disclosure(self) -> None:
        """Whoever reads one file alone learns that it is machine-made."""
        wanted = _letters(self.disclosure())
        for files, _ in self._exports():
            for path, body in files.items():
                assert wanted in _letters(body) or not _is_text(body), f"{path!r} does not hold {self.disclosure()!r}"

    def test_files_lie_where_they_belong(self) -> None:
        """`paper/…` for a paper and `report.…` for a report: relative, never upwards, nowhere else."""
        of_report = self.exporter().scope == "report"
        begins = "report." if of_report else "paper/"
        for files, _ in self._exports():
            for path in files:
                assert path.startswith(begins), f"{path!r} does not begin with {begins!r}"
                parts = PurePosixPath(path).parts
                assert ".." not in parts and "\\" not in path, f"{path!r} leaves the run directory"
                assert len(parts) == 1 or not of_report, f"{path!r} is in a folder; a report's files lie at the top"

    def test_writing_nothing_comes_with_a_reason(self) -> None:
        """An exporter that cannot work here says why with `ctx.log`."""
        for files, logged in self._exports():
            assert files or logged, "it wrote nothing and did not say why"

    def test_files_hold_content_only(self) -> None:
        """A paper names no host and no place on this machine: the same content gives the same bytes."""
        if self.exporter().scope == "report":
            return
        marks = {socket.gethostname().encode(), b"peercycle-bench-"}
        for files, _ in self._exports():
            for path, body in files.items():
                found = [m.decode() for m in marks if len(m) > 3 and re.search(rb"\b" + re.escape(m), body)]
                assert not found, f"{path!r} names {found}"

    def _exports(self) -> list[tuple[dict[str, bytes], list[str]]]:
        said = cast(dict[str, dict[str, Any]], self.said())
        return [
            ({path: base64.b64decode(body) for path, body in export["files"].items()}, export["logged"])
            for export in said.values()
        ]


class _Untouchable:
    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a paper exporter must not read the run, and read {name!r} of it")


def _is_text(body: bytes) -> bool:
    try:
        return "\0" not in body.decode("utf-8")
    except UnicodeDecodeError:
        return False


def _letters(text: str | bytes) -> str:
    """Return the letters alone: breaks, blanks and escapes differ between formats."""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return "".join(character for character in words if character.isalpha()).lower()
