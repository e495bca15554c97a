"""Papers written by hand for trying reviewers on; no policy made them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from peercycle.core.derivations import derived_value
from peercycle.core.experiments import Derivation, Execution, Experiment, ExperimentResults, Measurement, Statistic
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.reviews import Submission
from peercycle.core.writing import Figure, Manuscript, Section

PAPERS = Path(__file__).parent / "papers"
SHA = "sha256:" + "0" * 64
STATISTICS: tuple[tuple[str, Statistic], ...] = (("mean", "mean"), ("low", "ci95_low"), ("high", "ci95_high"))

LoadPaper = Callable[..., Submission]


def _recall(arm: str, centre: float, step: float) -> list[Measurement]:
    values = [round(centre + step * k, 5) for k in (-1, -0.5, 0, 0.5, 1)]
    ids = tuple(f"{arm}.recall.s{seed}" for seed in range(5))
    group = {"stem": "Stemmed", "plain": "Plain BM25", "ablation": "No plural rule"}[arm]
    found = [
        Measurement(id=name, metric="recall", value=v, experiment="recall", seed=s, group=group)
        for s, (name, v) in enumerate(zip(ids, values, strict=True))
    ]
    for name, statistic in STATISTICS:
        value = derived_value(statistic, values)
        assert value is not None
        derived = Derivation(statistic=statistic, of=ids)
        found.append(
            Measurement(
                id=f"{arm}.recall.{name}",
                metric="recall",
                value=value,
                experiment="recall",
                group=group,
                derived=derived,
            )
        )
    return found


def _results() -> ExperimentResults:
    measurements = [
        *_recall("stem", 0.701, 0.02445),
        *_recall("plain", 0.642, 0.02955),
        *_recall("ablation", 0.668, 0.02547),
        Measurement(id="stem.extra", metric="extra time", value=1.8731, unit="ms", experiment="recall"),
        Measurement(id="docs", metric="documents", value=1240, experiment="recall"),
    ]
    question = "Does a suffix stemmer raise recall at ten on held-out titles?"
    method = "Index abstracts with and without the stemmer, query with held-out titles, repeat the draw over seeds."
    experiment = Experiment(id="recall", question=question, method=method, script="pass", seeds=(0, 1, 2, 3, 4))
    executions = tuple(
        Execution(id=f"x{seed}", experiment="recall", seed=seed, status="ok", script=SHA) for seed in range(5)
    )
    return ExperimentResults(executions=executions, measurements=tuple(measurements), experiments=(experiment,))


def _references() -> Bibliography:
    works = (
        (
            "robin1994",
            "Ranking documents by shared words",
            "A probabilistic weight for the words of a query is derived.",
        ),
        (
            "porter1980",
            "An algorithm for suffix stripping",
            "An algorithm that conflates inflected forms of English words.",
        ),
        (
            "savoy2006",
            "Light stemmers for languages rich in suffixes",
            "We evaluate light stemmers for French, German, Portuguese and Hungarian collections, where removing plural "
            "and gender suffixes raised mean average precision by 17.3% over no stemming at all, whereas aggressive "
            "stemmers brought little more and hurt some queries badly.",
        ),
        (
            "harman1991",
            "How effective is suffixing for English news?",
            "Three stemmers were tried on three collections of English news and none improved retrieval on average, "
            "because the number of queries that were helped was about that of queries that were harmed.",
        ),
        (
            "lovins1968",
            "Development of a stemming program",
            "A stemming program for library catalogues is described.",
        ),
    )
    return Bibliography(entries=tuple(Reference(key=k, title=t, abstract=a) for k, t, a in works))


def read_manuscript(source: str) -> Manuscript:
    """Cut one of our papers, kept as LaTeX with `%%section ROLE` lines, into its sections."""
    head, *rest = re.split(r"^%%section (\w+)\n", source, flags=re.MULTILINE)
    title = re.search(r"\\title\{(.*)\}", head)
    abstract = re.search(r"\\begin\{abstract\}\n(.*)\n\\end\{abstract\}", head, re.DOTALL)
    sections = []
    for role, text in zip(rest[::2], rest[1::2], strict=True):
        heading = re.match(r"\\section\{(.*)\}\n", text)
        assert heading is not None
        sections.append(
            Section.model_validate({"heading": heading.group(1), "body": text[heading.end() :], "role": role})
        )
    return Manuscript(
        title=title.group(1) if title else "",
        abstract=abstract.group(1) if abstract else "",
        sections=tuple(sections),
        figures=(Figure(file="seeds.png", artifact=SHA),),
    )


def load(name: str, edit: Callable[[str], str] = lambda text: text) -> Submission:
    """Return a paper as submitted, after an edit of its source."""
    path = next(p for p in sorted(PAPERS.iterdir()) if p.stem == name and p.suffix in {".tex", ".md"})
    source = edit(path.read_text(encoding="utf-8"))
    if name == "stemming":
        return Submission(manuscript=read_manuscript(source), bibliography=_references(), results=_results())
    bib = PAPERS / f"{name}.bib.json"
    entries = json.loads(bib.read_text(encoding="utf-8")) if bib.exists() else []
    return Submission(text=source, bibliography=Bibliography(entries=tuple(Reference(**e) for e in entries)))


@pytest.fixture
def paper() -> LoadPaper:
    """Load a paper by name, edited or as it is."""
    return load
