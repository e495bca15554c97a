"""The exporters that come with peercycle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peercycle import hookimpl

if TYPE_CHECKING:
    from peercycle.core.contracts import Exporter, NoSettings, Register


@hookimpl
def register_exporters(register: Register[Exporter]) -> None:
    """Offer `latex`, `html` and `pdf` for the paper, and `report` for the account of the run."""
    register("latex", _latex)
    register("html", _html)
    register("pdf", _pdf)
    register("report", _report)


def _latex(settings: NoSettings) -> Exporter:
    from peercycle.export.latex import LatexExporter

    return LatexExporter(settings)


def _html(settings: NoSettings) -> Exporter:
    from peercycle.export.html import HtmlExporter

    return HtmlExporter(settings)


def _pdf(settings: NoSettings) -> Exporter:
    from peercycle.export.pdf import PdfExporter

    return PdfExporter(settings)


def _report(settings: NoSettings) -> Exporter:
    from peercycle.export.report import ReportExporter

    return ReportExporter(settings)
