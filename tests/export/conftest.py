"""An edition to export, and what an exporter may use: artefacts in memory, and the log."""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from peercycle.core.base import JSON, artifact_ref, canonical_json
from peercycle.core.contracts import Edition
from peercycle.core.errors import DamagedRunError, SandboxUnavailableError
from peercycle.core.experiments import Derivation, Execution, Experiment, ExperimentResults, Measurement, Statistic
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.sandboxing import ExecRequest, ExecResult
from peercycle.core.writing import Figure, Manuscript, Section


class MemoryArtifacts:
    """Bodies by reference, as `ArtifactStore` keeps them."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    def add(self, data: bytes) -> str:
        ref = artifact_ref(data)
        self.bodies[ref] = data
        return ref

    async def put(self, data: bytes, *, media_type: str = "application/octet-stream", name: str = "") -> str:
        return self.add(data)

    async def get(self, ref: str) -> bytes:
        if ref not in self.bodies:
            raise DamagedRunError(f"artifact {ref!r} is missing")
        return self.bodies[ref]

    def path(self, ref: str) -> Path:
        return Path("/nonexistent") / ref.partition(":")[2]

    def save(self, value: BaseModel | JSON) -> str:
        return self.add(canonical_json(value))


class ReadingContext:
    """As much of `StageContext` as an exporter may use: artefacts, the log, and effects; it has no sandbox."""

    def __init__(self, artifacts: MemoryArtifacts) -> None:
        self.artifacts = artifacts
        self.logged: list[str] = []

    async def log(self, message: str, **data: JSON) -> None:
        self.logged.append(message)

    async def effect(self, kind: str, request: JSON, fn: Any) -> JSON:
        answer: JSON = json.loads(canonical_json(await fn()))
        return answer

    async def run_sandbox(self, request: ExecRequest) -> ExecResult:
        raise SandboxUnavailableError("no sandbox passes its probe here")

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"an exporter asked its context for {name!r}")


def png(width: int = 40, height: int = 30) -> bytes:
    """Return a real picture: a grey ramp."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes((x * 5 + y) % 256 for x in range(width)) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


DISCLOSURE = (
    "This paper was made by machine (peercycle 0.1.0, policy extractive); "
    "2 of its numbers were measured and 1 simulated."
)
BODY = r"""
Retrieval is old \citep{robertson2009}, and \citet{devlin2019} changed it. BM25 finds the right
paper in \measured{acc.mean}{0.913} of cases (95\% interval \measured{acc.low}{0.88} to 0.94), as
Figure~\ref{fig:acc} and Table~\ref{tab:acc} show.
\begin{equation}\label{eq:bm25}
s(q, d) = \sum_{t \in q} \mathrm{idf}(t) \frac{f(t,d)\,(k_1+1)}{f(t,d) + k_1 (1 - b + b\,|d|/\bar{d})}
\end{equation}
By Equation~\eqref{eq:bm25}, a term counts more where it is rare.\footnote{With $k_1 = 1.2$ and $b = 0.75$.}
\begin{figure}[h]\centering\includegraphics[width=0.6\linewidth]{figures/acc.png}
\caption{Accuracy by seed.}\label{fig:acc}\end{figure}
\begin{table}[h]\caption{Accuracy of two methods.}\label{tab:acc}\centering
\begin{tabular}{lrr}\toprule Method & Mean & Simulated \\ \midrule
BM25 & \measured{acc.mean}{0.913} & \measured{sim.1}{0.95} \\
TF-IDF & 0.87 & -- \\ \bottomrule\end{tabular}\end{table}
\begin{itemize}\item One thing.\item Another, with $O(n \log n)$ steps.\end{itemize}
"""


@dataclass
class Case:
    """An edition, with the store that holds its figures."""

    edition: Edition
    artifacts: MemoryArtifacts

    def context(self) -> ReadingContext:
        return ReadingContext(self.artifacts)

    def run(self) -> Any:
        """Return what stands for the run, which a paper exporter must not read."""
        return None

    def with_manuscript(self, manuscript: Manuscript) -> Case:
        edition = self.edition
        return Case(
            Edition(
                topic=edition.topic,
                manuscript=manuscript,
                bibliography=edition.bibliography,
                results=edition.results,
                assessment=None,
                disclosure=edition.disclosure,
                made_by=edition.made_by,
            ),
            self.artifacts,
        )

    def with_body(self, body: str, *, heading: str = "Results") -> Case:
        return self.with_manuscript(
            Manuscript(title="A title", abstract="An abstract.", sections=(Section(heading=heading, body=body),))
        )


def bibliography() -> Bibliography:
    return Bibliography(
        entries=(
            Reference(
                key="robertson2009",
                entry_type="article",
                title="The Probabilistic Relevance Framework: BM25 & Beyond",
                authors=("Stephen Robertson", "Hugo Zaragoza"),
                year=2009,
                venue="Foundations and Trends in Information Retrieval",
                ids={"doi": "10.1561/1500000019"},
            ),
            Reference(
                key="devlin2019",
                entry_type="inproceedings",
                title="BERT: 100% of it, $n^2$ & more",
                authors=("Jacob Devlin", "Ming-Wei Chang", "Kenton Lee", "Kristina Toutanova"),
                year=2019,
                venue="NAACL",
                ids={"arxiv": "1810.04805"},
            ),
            Reference(key="unused", title="Not cited", authors=("Nobody",)),
        )
    )


def results() -> ExperimentResults:
    script = artifact_ref(b"print(1)")
    executions = (
        *tuple(
            Execution(id=f"e{seed}", experiment="retrieval", seed=seed, status="ok", exit_code=0, script=script)
            for seed in range(3)
        ),
        Execution(
            id="e9",
            experiment="retrieval",
            seed=9,
            status="timeout",
            script=script,
            error="Traceback\nKilled after 60 s",
        ),
    )
    raw = tuple(
        Measurement(
            id=f"acc.{seed}", metric="accuracy", value=value, group="BM25", experiment="retrieval", seed=seed,
            execution=f"e{seed}", artifact=script, pointer="/measurements/0/value",
        )
        for seed, value in enumerate((0.90, 0.913, 0.926))
    )  # fmt: skip
    ids = tuple(m.id for m in raw)
    over_seeds: tuple[tuple[str, float, Statistic], ...] = (
        ("mean", 0.913, "mean"), ("low", 0.8807, "ci95_low"), ("high", 0.9453, "ci95_high"),
    )  # fmt: skip
    derived = tuple(
        Measurement(
            id=f"acc.{name}", metric="accuracy", value=value, group="BM25", experiment="retrieval",
            derived=Derivation(statistic=statistic, of=ids),
        )
        for name, value, statistic in over_seeds
    )  # fmt: skip
    simulated = Measurement(id="sim.1", metric="accuracy", value=0.95, experiment="dream", provenance="simulated")
    plan = Experiment(id="retrieval", question="Does BM25 find the paper?", script="print(1)", seeds=(0, 1, 2))
    return ExperimentResults(executions=executions, measurements=(*raw, *derived, simulated), experiments=(plan,))


@pytest.fixture
def case() -> Case:
    """A paper with everything in it that a good paper has."""
    artifacts = MemoryArtifacts()
    figure = Figure(
        file="acc.png", artifact=artifacts.add(png()), alt="Accuracy of BM25 by seed: about 0.91 for each"
    )
    manuscript = Manuscript(
        title=r"What Finds a Paper? BM25 \& Its Rivals",
        abstract=r"We compare two methods; BM25 reaches \measured{acc.mean}{0.913}.",
        sections=(
            Section(heading="Introduction", body="We ask what finds a paper.", role="introduction"),
            Section(heading="Results", body=BODY, role="results"),
            Section(heading="Details", body="More in $\\mathbb{R}^n$.", role="appendix"),
        ),
        figures=(figure,),
    )
    edition = Edition(
        topic="retrieval of papers",
        manuscript=manuscript,
        bibliography=bibliography(),
        results=results(),
        assessment=None,
        disclosure=DISCLOSURE,
        made_by={"policy": "extractive", "reviewer": "rubric", "peercycle": "0.1.0"},
    )
    return Case(edition, artifacts)
