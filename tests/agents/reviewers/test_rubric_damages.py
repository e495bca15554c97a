"""The rubric's rating falls for damage, and stays for changes that harm nothing."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from peercycle.agents.reviewers.rubric.reviewer import RubricReviewer
from peercycle.agents.reviewers.rubric.settings import RubricSettings
from peercycle.core.contracts import StageContext
from peercycle.core.derivations import derived_value
from peercycle.core.experiments import Derivation, Execution, Experiment, ExperimentResults, Measurement, Statistic
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.reviews import Review, Submission
from peercycle.core.writing import Figure, Manuscript, Section

Edit = Callable[[str], str]
NOBODY = cast(StageContext, None)
"""The rubric asks nothing of the world: it works without a context."""
FOLDER = Path(__file__).parent / "papers"
SHA = "sha256:" + "0" * 64
STATISTICS: tuple[tuple[str, Statistic], ...] = (("mean", "mean"), ("low", "ci95_low"), ("high", "ci95_high"))


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
            "We evaluate light stemmers for French, German, Portuguese and Hungarian collections, where removing "
            "plural and gender suffixes raised mean average precision by 17.3% over no stemming at all, and "
            "aggressive stemmers brought little more and hurt some queries badly.",
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
    path = next(p for p in sorted(FOLDER.iterdir()) if p.stem == name and p.suffix in {".tex", ".md"})
    source = edit(path.read_text(encoding="utf-8"))
    if name == "stemming":
        return Submission(manuscript=read_manuscript(source), bibliography=_references(), results=_results())
    bib = FOLDER / f"{name}.bib.json"
    entries = json.loads(bib.read_text(encoding="utf-8")) if bib.exists() else []
    return Submission(text=source, bibliography=Bibliography(entries=tuple(Reference(**e) for e in entries)))


def review(submission: Submission) -> Review:
    assessment = asyncio.run(RubricReviewer(RubricSettings()).review(submission, NOBODY))
    (only,) = assessment.reviews
    return only


def rating(submission: Submission) -> float:
    value = review(submission).rating
    assert value is not None
    return value


def put(old: str, new: str, count: int = -1) -> Edit:
    def edit(text: str) -> str:
        assert old in text, old
        return text.replace(old, new, count)

    return edit


def swap(one: str, other: str) -> Edit:
    return lambda text: put("\x00", other)(put(other, one)(put(one, "\x00")(text)))


def within(begin: str, end: str, new: str = "") -> Edit:
    """Replace what stands between two marks, the first mark included."""

    def edit(text: str) -> str:
        start = text.index(begin)
        return text[:start] + new + text[text.index(end, start + 1) :]

    return edit


def twice(begin: str, end: str) -> Edit:
    def edit(text: str) -> str:
        start = text.index(begin)
        stop = text.index(end, start + 1)
        return text[:stop] + text[start:stop] + text[stop:]

    return edit


DAMAGES: list[tuple[str, str, Edit]] = [
    ("stemming", "a digit of a bound number", put("recall.mean}{0.642}", "recall.mean}{0.652}", 1)),
    ("stemming", "two numbers change places", swap("{stem.recall.mean}{0.701}", "{plain.recall.mean}{0.642}")),
    ("stemming", "two shown values change places", swap("mean}{0.701}", "mean}{0.642}")),
    ("stemming", "a binding to nothing", put("{stem.extra}{1.9}", "{stem.extr}{1.9}")),
    ("stemming", "bindings are stripped", lambda t: re.sub(r"\\measured\{[^{}]*\}\{([^{}]*)\}", r"\1", t)),
    ("stemming", "all numbers are dropped", lambda t: re.sub(r"\\measured\{[^{}]*\}\{[^{}]*\}", "much", t)),
    (
        "stemming",
        "an interval is dropped",
        lambda t: re.sub(r" \(95\\% CI \\measured\{ablation.*?\)", "", t, count=1),
    ),
    ("stemming", "the table is dropped", within("\\begin{table}", "\\begin{figure}")),
    ("stemming", "the figure is dropped", within("\\begin{figure}", "%%section discussion")),
    ("stemming", "the seeds are not told", lambda t: t.replace(" over 5 seeds", "")),
    (
        "stemming",
        "another count of seeds",
        put("repeated the draw of queries over 5 seeds", "repeated the draw of queries over 50 seeds"),
    ),
    (
        "stemming",
        "the direction is flipped",
        put("stemmed index outperforms plain", "stemmed index underperforms plain"),
    ),
    ("stemming", "a unit is dropped", put("{1.9} ms", "{1.9}")),
    ("stemming", "another unit", put("{1.9} ms", "{1.9} s")),
    ("stemming", "an unknown key", put("\\citep{porter1980}", "\\citep{porter1981}")),
    ("stemming", "no citations", lambda t: re.sub(r"\\cite[pt]\{\w+\}", "others", t)),
    ("stemming", "the wrong works are cited", swap("robin1994", "harman1991")),
    (
        "stemming",
        "text of a source",
        put(
            "Collections with real queries",
            "Removing plural and gender suffixes raised mean average precision by 17.3\\% over no "
            "stemming at all, and aggressive stemmers brought little more. Collections with real queries",
        ),
    ),
    (
        "stemming",
        "a source's number as a result",
        put("The gain is larger", "Precision improves by 17.3\\%. The gain is larger"),
    ),
    (
        "stemming",
        "an invented number",
        put("The gain is larger", "Precision improves by 12.6\\%. The gain is larger"),
    ),
    (
        "stemming",
        "more claimed than measured",
        put("a stemmer raised", "a stemmer in all cases and without exception raised"),
    ),
    ("stemming", "no limitations", within("%%section limitations", "%%section conclusion")),
    (
        "stemming",
        "empty limitations",
        within("Titles stand in", "%%section conclusion", "There are some limitations.\n"),
    ),
    (
        "stemming",
        "limitations that say nothing",
        within(
            "Titles stand in",
            "%%section conclusion",
            "This work has some limitations, which future research will address. No method is without issues.\n",
        ),
    ),
    ("stemming", "no method", within("%%section method", "%%section results")),
    ("stemming", "a brace is lost", put("\\textbf{\\measured{stem", "\\textbf\\measured{stem")),
    (
        "irrigation",
        "a digit in the abstract",
        put("deficit irrigation yielded 9.1", "deficit irrigation yielded 9.4"),
    ),
    ("irrigation", "a digit in the table", put("9.1 (0.2)", "9.7 (0.2)")),
    ("irrigation", "two rows change places", swap("9.6 (0.2) & 510 (12)", "6.4 (0.3) & 255 (9)")),
    ("irrigation", "a share that is wrong", put("(83.3\\%)", "(88.3\\%)")),
    ("irrigation", "an interval beside its estimate", put("CI 0.1 to 0.9, $p", "CI 0.6 to 0.9, $p")),
    ("irrigation", "an interval is dropped", put(" (95\\% CI 0.1 to 0.9, $p = 0.02$)", "")),
    ("irrigation", "a significance without its test", put(" ($p < 0.001$)", "")),
    ("irrigation", "a significance against its test", put("$p < 0.001$", "$p = 0.31$")),
    ("irrigation", "a comparison is turned round", put("Water use was lower", "Water use was higher")),
    ("irrigation", "a change is turned round", put("fell from 7.2 to 5.8", "fell from 5.8 to 7.2")),
    ("irrigation", "a standard error is dropped", put("510 (12)", "510")),
    ("irrigation", "the figure goes, its reference stays", within("\\begin{figure}", "\\section{Discussion}")),
    ("irrigation", "the reference goes, its figure stays", put("Figure~\\ref{fig:moisture} shows that the", "The")),
    ("irrigation", "the table is repeated", twice("\\begin{table}", "\\begin{figure}")),
    ("irrigation", "a section is repeated", twice("\\section{Discussion}", "\\section{Limitations}")),
    ("irrigation", "an entry of the references is lost", within("\\bibitem{brandt2011}", "\\end{thebibliography}")),
    (
        "irrigation",
        "proof is claimed",
        put("On these soils a moderate", "This proves that on any soil in all cases a moderate"),
    ),
    ("irrigation", "the plots are not counted", lambda t: t.replace("24 plots", "plots")),
    ("irrigation", "another count in the abstract", put("on 24 plots over", "on 42 plots over")),
    ("irrigation", "the text breaks off", lambda t: t[: t.index("Trials with further")]),
    ("irrigation", "an environment stays open", put("\\end{tabular}", "")),
    ("irrigation", "no limitations", within("\\section{Limitations}", "\\section{Conclusion}")),
    ("irrigation", "no method", within("\\section{Materials and methods}", "\\section{Results}")),
    ("irrigation", "no results", within("\\section{Results}", "\\section{Discussion}")),
    ("irrigation", "no abstract", within("\\begin{abstract}", "\\section{Introduction}")),
    ("irrigation", "filler", put("We attribute this to", "Lorem ipsum dolor sit amet. We attribute this to")),
    (
        "reading",
        "no difference is called one",
        put("which did not differ significantly", "which differed significantly"),
    ),
    ("reading", "a mean in the text", put("27.6 minutes", "26.7 minutes")),
    ("reading", "a spread is dropped", put("17.8 $\\pm$ 9.5", "17.8")),
    (
        "reading",
        "a lump of citations",
        put(
            "remains a conjecture here.",
            "remains a conjecture here \\citep{arendt2009, moreau2015, castell2016, a1, a2, a3}.",
        ),
    ),
    (
        "reading",
        "sentences of a source",
        put(
            "Ordinary room light",
            "Melatonin fell with the logarithm of illuminance and was halved at about 106.5 lux. Ordinary room light",
        ),
    ),
    ("reading", "the sample shrinks", put("We recruited 36", "We recruited 26")),
    (
        "reading",
        "an attribution without its source",
        put(" with long exposure and dim rooms \\citep{castell2016}", " with long exposure and dim rooms"),
    ),
    ("reading", "a dollar is lost", put("$p = 0.41$", "$p = 0.41", 1)),
    ("trees", "a mean in the abstract", put("were 1.7 °C cooler (95%", "were 2.7 °C cooler (95%")),
    ("trees", "a comparison is turned round", put("harbour district was cooler", "harbour district was hotter", 1)),
    ("trees", "the districts' numbers", put("(31.8 vs 33.5)", "")),
    ("trees", "a citation of nothing", put("afternoon [3].", "afternoon [7].")),
    ("trees", "an interval that excludes its slope", put("-0.40 to -0.22", "0.22 to 0.40")),
    ("trees", "a share", put("41 of 48 sites (85.4%)", "31 of 48 sites (85.4%)")),
    ("trees", "no test", put(", p < 0.001)", ")")),
    ("trees", "a table spoken of that is not there", put("Table 1 gives", "Table 3 gives")),
]

HARMLESS: list[tuple[str, str, Edit]] = [
    (
        "stemming",
        "other headings",
        lambda t: t.replace("\\section{Limitations}", "\\section{What this does not show}").replace(
            "\\section{Results}", "\\section{What we found}"
        ),
    ),
    (
        "stemming",
        "another command for citing",
        lambda t: t.replace("\\citep{", "\\parencite{").replace("\\citet{", "\\textcite{"),
    ),
    ("stemming", "one digit less", put("{stem.recall.mean}{0.701}", "{stem.recall.mean}{0.70}")),
    ("stemming", "percentages", put("{plain.recall.mean}{0.642}", "{plain.recall.mean}{64.2\\%}")),
    ("stemming", "no thousands separator", lambda t: t.replace("1,240", "1240")),
    ("stemming", "thousands in mathematics", lambda t: t.replace("1,240", "1{,}240")),
    (
        "stemming",
        "rules of the table",
        lambda t: t.replace("\\toprule", "\\hline").replace("\\midrule", "\\hline").replace("\\bottomrule", ""),
    ),
    ("stemming", "comments", put("%%section results", "% a note: 0.99 \\cite{nobody} {\n%%section results")),
    (
        "stemming",
        "sections change places",
        lambda t: re.sub(
            r"(%%section discussion.*?)(%%section limitations.*?)(?=%%section conclusion)",
            r"\2\1",
            t,
            flags=re.DOTALL,
        ),
    ),
    (
        "stemming",
        "words for the same",
        lambda t: (
            t.replace("larger than the interval", "greater than the interval")
            .replace("dispute", "debate")
            .replace("profit from", "benefit from")
        ),
    ),
    ("stemming", "a paragraph is split", put("An ablation trained", "\n\nAn ablation trained")),
    ("stemming", "labels get other names", lambda t: t.replace("tab:recall", "t1").replace("fig:seeds", "f1")),
    ("stemming", "blanks", lambda t: t.replace(". ", ".\n").replace("\\measured{", "\\measured {")),
    ("stemming", "seeds in words", lambda t: t.replace("5 seeds", "five seeds")),
    ("stemming", "rows change places", lambda t: re.sub(r"(Plain BM25 & .*\n)(No plural rule & .*\n)", r"\2\1", t)),
    (
        "irrigation",
        "other headings",
        lambda t: (
            t.replace("{Materials and methods}", "{How the trial was run}")
            .replace("{Limitations}", "{Caveats}")
            .replace("{Conclusion}", "{Closing words}")
        ),
    ),
    ("irrigation", "headings without a number", lambda t: t.replace("\\section{", "\\section*{")),
    ("irrigation", "American spelling", lambda t: t.replace("fertiliser", "fertilizer").replace("metres", "meters")),
    (
        "irrigation",
        "sentences change places",
        lambda t: t.replace("Groundwater salinity was not measured. ", "").replace(
            "The trial covers one", "Groundwater salinity was not measured. The trial covers one"
        ),
    ),
    ("irrigation", "another way to write the interval", lambda t: t.replace("CI 0.1 to 0.9", "CI: 0.1--0.9")),
    ("irrigation", "brackets around the interval", lambda t: t.replace("95\\% CI 0.1 to 0.9", "95\\% CI [0.1, 0.9]")),
    ("irrigation", "confidence interval in full", lambda t: t.replace("95\\% CI", "95\\% confidence interval")),
    ("irrigation", "the size of the figure", put("width=0.8\\textwidth", "width=12cm")),
    ("irrigation", "where floats go", lambda t: t.replace("[t]", "[htb]")),
    ("irrigation", "plus or minus", lambda t: re.sub(r"(\d) \((\d+(?:\.\d)?)\)( &| \\\\)", r"\1 $\\pm$ \2\3", t)),
    (
        "irrigation",
        "the references are kept in another order",
        lambda t: t.replace("\\cite{hollis2014}", "\\citep[p.~3]{hollis2014}"),
    ),
    ("irrigation", "P in capitals", lambda t: t.replace("$p < 0.001$", "$P<.001$").replace("$p = 0.02$", "$P=.02$")),
    (
        "irrigation",
        "a new macro",
        lambda t: t.replace("\\begin{document}", "\\newcommand{\\gain}{0.5}\\begin{document}").replace(
            "difference of 0.5", "difference of \\gain{}"
        ),
    ),
    (
        "irrigation",
        "thanks",
        put(
            "\\begin{thebibliography}",
            "\\section*{Acknowledgements} We thank the growers of the valley.\n\\begin{thebibliography}",
        ),
    ),
    ("reading", "accents", lambda t: t.replace("volunteers between", 'volunteers (na\\"ive readers) between')),
    (
        "reading",
        "accents in Unicode",
        lambda t: t.replace("volunteers between", "volunteers (naïve readers) between"),
    ),
    (
        "reading",
        "trailing zeros go",
        lambda t: t.replace("412.0", "412").replace("416.0", "416").replace("38.0", "38").replace("41.0", "41"),
    ),
    (
        "reading",
        "a subsection becomes a section",
        lambda t: t.replace("\\subsection{Limitations}", "\\section{Limitations}"),
    ),
    ("reading", "long lines", lambda t: re.sub(r"(?<!\n)\n(?!\n)(?!\\)", " ", t)),
    ("reading", "emphasis", lambda t: t.replace("wrist sensor and", "\\emph{wrist sensor} and")),
    ("reading", "an abstract in two paragraphs", put("The effect is small", "\n\nThe effect is small")),
    ("reading", "names of citations", lambda t: t.replace("\\citep{moreau2015}", "\\citealp{moreau2015}")),
    ("trees", "other marks for headings", lambda t: re.sub(r"^## \d (.*)$", r"### \1", t, flags=re.MULTILINE)),
    ("trees", "hyphens in intervals", lambda t: t.replace("1.2 to 2.2", "1.2–2.2")),
    ("trees", "bold words", lambda t: t.replace("Canopy cover was", "**Canopy cover** was")),
    ("trees", "rows change places", lambda t: re.sub(r"(\| Station.*\n)(\| Old town.*\n)", r"\2\1", t)),
]


@pytest.mark.parametrize(("name", "what", "edit"), DAMAGES, ids=[f"{d[0]}: {d[1]}" for d in DAMAGES])
def test_the_rating_falls_for_damage(name: str, what: str, edit: Edit) -> None:
    assert rating(load(name, edit)) < rating(load(name)), what


@pytest.mark.parametrize(("name", "what", "edit"), HARMLESS, ids=[f"{h[0]}: {h[1]}" for h in HARMLESS])
def test_the_rating_stays_for_what_harms_nothing(name: str, what: str, edit: Edit) -> None:
    before, after = rating(load(name)), rating(load(name, edit))
    assert before <= after + 1e-9, what
    assert after - before < 0.25, what
