"""The report of a run: what happened, what came out, what to trust, what to do next."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from peercycle.core.contracts import Edition, StageContext
from peercycle.core.journal import RunReader
from peercycle.export.account.gathering import Gathered, gather
from peercycle.export.account.plot import round_plot, sparkline
from peercycle.export.account.report_data import report_data
from peercycle.export.account.shortening import fitting
from peercycle.export.rendering import render


class ReportExporter:
    """Writes `report.md`, `report.html` and `report.json` at the top of the run directory."""

    scope: Literal["paper", "report"] = "report"

    def __init__(self, settings: BaseModel) -> None:
        del settings

    async def export(self, edition: Edition | None, run: RunReader, ctx: StageContext) -> Mapping[str, bytes]:
        """Return the report in its three forms."""
        return await write_report(run)


async def write_report(run: RunReader) -> Mapping[str, bytes]:
    """Return a run's report: a pure function of what the store holds, so that it can be rebuilt at any time."""
    # In a thread: a long run's takes a while, and other runs share the loop.
    return await asyncio.to_thread(_written, await gather(run), run.path)


def _written(run: Gathered, path: Path) -> Mapping[str, bytes]:
    from peercycle.store.lease import holder

    data = report_data(run, driven=holder(path) is not None)
    plots: dict[str, Any] = {"plot": round_plot(data), "spark": sparkline(data)}
    whole = json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    return {
        "report.json": whole.encode("utf-8", "replace"),
        "report.md": fitting(data, lambda given: render("report.md.j2", report=given, **plots)),
        "report.html": fitting(data, lambda given: render("report.html.j2", report=given, **plots)),
    }
