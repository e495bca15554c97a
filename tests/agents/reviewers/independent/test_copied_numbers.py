"""Numbers copied from sources raise no score: in the text, the abstract or a table, with a citation and without."""

from __future__ import annotations

import re
from functools import cache

import pytest
from tests.agents.reviewers.independent.later_papers import ALL, sound
from tests.agents.reviewers.independent.test_independent_trial import WEAK, version
from tests.agents.reviewers.independent.trial_papers import checked
from tests.agents.reviewers.independent.trial_rating import rating

from peercycle.agents.reviewers.rubric.reviewer import make_checks
from peercycle.agents.reviewers.rubric.settings import RubricSettings
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.reviews import Submission

NUMBERS = (
    "We examined 437 samples of 23 kinds with a permutation test over twelve runs, and found a mean of 63.7 (95% CI 58.2"
    " to 69.1, p = 0.013) against 48.5 before, which is 18.3% more than in three earlier years, 2.46 at best."
)
"""What the first source of every paper says besides its own abstract."""
PLACES = {
    "abstract": r"(?:\\end\{abstract\}|\n\n## 1 Introduction)",
    "method": r"(?:\n\\section\{(?:Results|Findings)\}|%%section results|\n\n## 3 Results)",
    "results": r"(?:\n\\section\{Discussion\}|%%section discussion|\n\n## 4 Limitations)",
    "conclusion": r"(?:\n\\bibliographystyle|\n\\begin\{thebibliography\}|\n\n## References|\Z)",
}
"""Before what the parts of a paper as text end."""
KINDS = {
    "told": "Others counted 437 samples of 23 kinds.",
    "own": "We found a mean of 63.7 over 437 samples.",
    "interval": "The mean was 63.7 (95\\% CI 58.2 to 69.1) over 437 samples and twelve runs.",
    "test": "The difference between 63.7 and 48.5 was significant in a permutation test ($p = 0.013$).",
    "share": "This is 18.3\\% more than before, and 2.46 at best.",
    "list": "We saw 437, 23, 63.7, 58.2, 69.1, 48.5, 18.3\\% and 2.46.",
}


def with_source(submission: Submission) -> tuple[Submission, str]:
    """Return the paper with a source that states numbers, and the key of it, which the paper cites already."""
    entries = submission.bibliography.entries
    if not entries:
        printed = re.search(r"\\bibitem\{([^}]*)\}", submission.text or "")
        entries = (Reference(key=printed[1] if printed else "1", title="A study of samples before this one"),)
    first = entries[0].model_copy(update={"abstract": f"{entries[0].abstract or ''} {NUMBERS}".strip()})
    bibliography = Bibliography(entries=(first, *entries[1:]))
    return checked(submission.model_copy(update={"bibliography": bibliography})), first.key


@cache
def base(name: str) -> tuple[Submission, str, float]:
    """Return a paper with its source, the key, and its rating."""
    submission, key = with_source(version(name) if name in WEAK else sound(name))
    return submission, key, rating(submission)


def inserted(submission: Submission, place: str, words: str) -> Submission:
    """Return the paper with words at the end of one of its parts."""
    manuscript = submission.manuscript
    if manuscript is None:
        text = submission.text or ""
        words = words if "\\section" in text else words.replace("\\%", "%").replace("$", "")
        found = re.search(PLACES[place], text)
        assert found is not None, place
        edited = f"{text[: found.start()].rstrip()} {words}\n{text[found.start() :]}"
        return submission.model_copy(update={"text": edited})
    if place == "abstract":
        changed = manuscript.model_copy(update={"abstract": f"{manuscript.abstract} {words}"})
    else:
        sections = [
            s.model_copy(update={"body": f"{s.body} {words}"}) if s.role == place else s for s in manuscript.sections
        ]
        changed = manuscript.model_copy(update={"sections": tuple(sections)})
    return checked(submission.model_copy(update={"manuscript": changed}))


def table(key: str, *, cited: bool) -> str:
    """Return a table of a source's numbers, as LaTeX."""
    by = f" \\cite{{{key}}}" if cited else ""
    return (
        f"\n\n\\begin{{table}}\n\\caption{{Further means of the samples with their intervals{by}.}}\n\\label{{tab:copied}}\n"
        "\\begin{tabular}{lrr}\nKind & Mean & Interval \\\\ \\hline\n"
        f"Samples{by} & 63.7 & [58.2, 69.1] \\\\\nEarlier{by} & 48.5 & [18.3, 69.1] \\\\\n\\end{{tabular}}\n\\end{{table}}\n\n"
        "Table~\\ref{tab:copied} lists further samples."
    )


CASES = [(place, kind, cited) for place in PLACES for kind in KINDS for cited in (False, True)]
PAPERS = (*ALL, *(pytest.param(name, marks=pytest.mark.prove) for name in WEAK))


@pytest.mark.parametrize("name", PAPERS)
def test_a_number_copied_into_the_text_raises_no_score(name: str) -> None:
    submission, key, before = base(name)
    risen: list[str] = []
    for place, kind, cited in CASES:
        if cited and name == "stemming":
            continue  # it comes without a bibliography in which a source could be cited
        cite = f" \\cite{{{key}}}." if key != "1" else " [1]."
        words = KINDS[kind].removesuffix(".") + cite if cited else KINDS[kind]
        after = rating(inserted(submission, place, words))
        risen += [f"{place} {kind} {cited}: {before} -> {after}"] if after > before else []
    assert risen == []


@pytest.mark.parametrize("cited", [False, True], ids=["uncited", "cited"])
@pytest.mark.parametrize("name", PAPERS)
def test_a_table_of_copied_numbers_raises_no_score(name: str, cited: bool) -> None:
    submission, key, before = base(name)
    if name == "trees":
        rows = "\n\n| Kind | Mean | Interval |\n|---|---|---|\n| Samples | 63.7 | 58.2 to 69.1 |\n| Earlier | 48.5 | 18.3 |\n\n"
        assert rating(inserted(submission, "results", rows)) <= before
    else:
        assert rating(inserted(submission, "results", table(key, cited=cited))) <= before


@pytest.mark.parametrize("name", PAPERS)
def test_a_copied_number_in_the_place_of_an_own_one_raises_no_score(name: str) -> None:
    submission, _, before = base(name)
    number = re.compile(r"(?<![\w.{:^])(\d+\.\d+)(?![\w.}])")
    if submission.manuscript is None:
        edited = submission.model_copy(update={"text": number.sub("63.7", submission.text or "", count=1)})
    else:
        edited = inserted(submission, "abstract", "The best was 63.7, and the next 48.5.")
    assert rating(edited) <= before


def test_no_single_check_scores_more_by_copied_numbers() -> None:
    submission, key, _ = base("crust")
    edited = inserted(
        submission, "results", f"The mean was 63.7 (95\\% CI 58.2 to 69.1) over 437 samples \\cite{{{key}}}."
    )
    before = {f.check: f.score for _, f in make_checks(submission, RubricSettings())}
    after = {f.check: f.score for _, f in make_checks(edited, RubricSettings())}
    assert {check for check, score in after.items() if score > before[check]} == set()


def test_a_bound_number_is_the_papers_own_though_a_source_states_it_too() -> None:
    submission, _, before = base("sorting")
    source = submission.bibliography.entries[1]
    same = source.model_copy(update={"abstract": f"{source.abstract} It took 18.99 million comparisons."})
    entries = (submission.bibliography.entries[0], same, *submission.bibliography.entries[2:])
    assert rating(submission.model_copy(update={"bibliography": Bibliography(entries=entries)})) == before
