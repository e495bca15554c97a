"""Marks put into the HTML: citations, numbers with what they rest on, places and references to them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape

from peercycle.core.experiments import ExperimentResults, Measurement
from peercycle.export.webtarget import CLOSE, CLOSED, OPEN, OPENED, Mark

_MARK = re.compile(f"{OPEN}([0-9]+){OPENED}|{CLOSE}([0-9]+){CLOSED}")
_ANY = re.compile("[\ue000-\uf8ff]")


class MarkReader:
    """Turns text with marks into HTML."""

    def __init__(
        self,
        marks: Sequence[Mark],
        works: Mapping[str, tuple[str, str]],
        labels: Mapping[str, str],
        results: ExperimentResults | None,
    ) -> None:
        self.marks, self.works, self.labels, self.results = marks, works, labels, results

    def text(self, data: str) -> str:
        """Return a stretch of text as HTML, its marks put in."""
        out, place = [], 0
        for found in _MARK.finditer(data):
            out.append(escape(_ANY.sub("", data[place : found.start()]), quote=False))
            out.append(self._opened(int(found.group(1))) if found.group(1) else self._closed(int(found.group(2))))
            place = found.end()
        out.append(escape(_ANY.sub("", data[place:]), quote=False))
        return "".join(out)

    def _opened(self, index: int) -> str:
        mark = self.marks[index]
        match mark.kind:
            case "cite":
                return self._citation(mark)
            case "label":
                return f'<span id="at-{escape(mark.names[0])}"></span>'
            case "reference":
                name = mark.names[0]
                shown = self.labels.get(name)
                return f'<a href="#at-{escape(name)}">{escape(shown)}</a>' if shown else "[undefined]"
            case _:
                told = escape("; ".join(self._told(name) for name in mark.names))
                ids = escape(" ".join(mark.names))
                return f'<span class="number {escape(mark.detail)}" data-measurement="{ids}" title="{told}">'

    def _closed(self, index: int) -> str:
        mark = self.marks[index]
        stamp = '<sup class="stamp">simulated</sup>' if mark.kind == "number" and mark.detail == "simulated" else ""
        return f"{stamp}</span>" if mark.kind in {"number", "formula"} else ""

    def _citation(self, mark: Mark) -> str:
        key = mark.names[0]
        who, year = self.works.get(key, (key, ""))
        shown = {"citet": f"{who} ({year})", "citeauthor": who, "citeyear": year, "citealt": f"{who} {year}"}
        text = shown.get(mark.detail, f"{who}, {year}")
        return f'<a class="cite" href="#at-work-{escape(key)}">{escape(text, quote=False)}</a>'

    def _told(self, name: str) -> str:
        measurement = self.results.measurement(name) if self.results is not None else None
        if measurement is None:
            return f"{name}: no such measurement"
        return told(measurement, simulated=self.results is not None and self.results.mode == "simulate")


def told(measurement: Measurement, *, simulated: bool = False) -> str:
    """Return on one line what a number is and what it rests on."""
    m = measurement
    what = f"{m.metric}{f' of {m.group}' if m.group else ''} = {m.value:.6g}{f' {m.unit}' if m.unit else ''}"
    rests = [m.provenance if not simulated else "simulated", f"experiment {m.experiment}"]
    if m.derived is not None:
        rests.append(f"{m.derived.statistic} over {len(m.derived.of)} measurements")
    if m.seed is not None:
        rests.append(f"seed {m.seed}")
    if m.execution:
        rests.append(f"execution {m.execution}")
    return f"{m.id}: {what} ({', '.join(rests)})"
