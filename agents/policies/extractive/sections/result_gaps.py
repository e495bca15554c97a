"""Gaps in words, a table and a figure."""

from __future__ import annotations

from collections.abc import Sequence

from peercycle.agents.policies.extractive.findings import (
    all_seeds,
    p_digits,
    tested_groups,
    undecided,
    undecided_sentence,
)
from peercycle.agents.policies.extractive.latex import figure, join, paragraphs, table
from peercycle.agents.policies.extractive.material import Material
from peercycle.agents.policies.extractive.prose import capital, counted, listed, number_word, plural


def tested(m: Material) -> int:
    """Return how many pairs were tested."""
    return round(m.findings.value("gaps", "pairs_tested") or 0)


def pair(m: Material, group: str) -> tuple[str, str]:
    """Return the two words of a pair as printed."""
    first, _, second = group.partition("+")
    return m.shown_term(first), m.shown_term(second)


def reported_pairs(m: Material) -> list[str]:
    """Return the pairs that fall furthest below chance, by corrected p-value."""
    f = m.findings
    return sorted(tested_groups(f, "gaps"), key=lambda g: (f.value("gaps", "adjusted_p", g) or 0.0, g))


def below_chance(m: Material, experiment: str = "gaps") -> list[str]:
    """Return the reported pairs whose corrected p lies below the level in every seed."""
    f = m.findings
    return [group for group in tested_groups(f, experiment) if all_seeds(f.per_seed(experiment, "adjusted_p", group))]


def pairs_in_words(m: Material, groups: Sequence[str]) -> str:
    """Return pairs as a list in a sentence: each word in quotation marks, its partner after `with`."""
    return listed([f"``{a}'' with ``{b}''" for a, b in (pair(m, group) for group in groups)])


def open_names(m: Material) -> str:
    """Return the pairs that pass for some seeds only, where no pair passes for all; else nothing."""
    return "" if below_chance(m) else pairs_in_words(m, undecided(m.findings, "gaps"))


def open_pairs(m: Material) -> str:
    """Return what is said of the pairs that pass for some seeds only, where no pair passes for all; else nothing."""
    found = undecided(m.findings, "gaps")
    if not found or below_chance(m):
        return ""
    return undecided_sentence("pair of frequent words", pairs_in_words(m, found), len(found))


def gaps(m: Material) -> str:
    """Return the subsection's text."""
    f = m.findings
    if tested(m) == 0:
        return "No pair of frequent words is expected to meet in at least one work, so no pair was tested."
    never = round(f.value("gaps", "pairs_never_together") or 0)
    apart = (
        f"{f.mean('gaps', 'pairs_never_together', None, 0)} of the {f.mean('gaps', 'pairs_tested', None, 0)} "
        f"{plural(never, 'never meets', 'never meet')} in a work"
        if never
        else "each meets in some work"
    )
    head = (
        f"Of the frequent words, {f.mean('gaps', 'pairs_tested', None, 0)} "
        f"{plural(tested(m), 'pair was', 'pairs were')} tested over "
        f"{f.mean('gaps', 'works_with_abstract', None, 0)} works in "
        f"{f.number_of_seeds('gaps', 'pairs_below_chance')} seeds; {apart}."
    )
    pictured = "; Figure~\\ref{fig:gaps} shows the counts of all pairs" if _figure(m) else ""
    rest = (
        f"Table~\\ref{{tab:gaps}} gives the pairs furthest below chance{pictured}."
        if reported_pairs(m)
        else f"No pair meets in fewer works than chance is expected to give{pictured}."
    )
    return paragraphs(join(head, verdict(m), rest), _table(m), _figure(m))


def verdict(m: Material) -> str:
    """Return which pairs meet less often than chance, if any."""
    below = below_chance(m)
    if not below:
        return open_pairs(m) or (
            "No pair of frequent words passes the corrected test, so what looks like a gap may be chance in a list "
            "of this size."
        )
    said = (
        f"By the corrected test, {counted(len(below), 'pair')} {plural(len(below), 'meets', 'meet')} less often than chance "
        f"would have it: {pairs_in_words(m, below)}."
    )
    loose = in_other_forms(m, below)
    if not loose:
        return said
    words = "these words" if len(loose) == len(below) else pairs_in_words(m, loose)
    return f"{said} More works of the list join other forms of {words}, so this need be no gap."


def in_other_forms(m: Material, groups: Sequence[str]) -> list[str]:
    """Return those of some pairs that more works join in other forms: no gap is made of how a word ends."""
    return [group for group in groups if group in m.notes.other_forms]


def _table(m: Material) -> str:
    f = m.findings
    groups = reported_pairs(m)
    if not groups:
        return ""
    cells = [("gaps", "adjusted_p", group) for group in groups]
    rows = [
        (
            ", ".join(pair(m, group)),
            f.mean("gaps", "joint_works", group, 0),
            f.mean("gaps", "expected_works", group, 1),
            p_value,
        )
        for group, p_value in zip(groups, f.column(cells, p_digits(f, cells)), strict=True)
    ]
    return table(
        "Pairs of words furthest below chance: works that use both, the number expected, and the corrected $p$ with "
        "its 95\\% interval over seeds.",
        "tab:gaps",
        "lrrr",
        ("Pair", "Joint (works)", "Expected (works)", "Corrected $p$"),
        rows,
    )


def _figure(m: Material) -> str:
    if not m.findings.files("gaps"):
        return ""
    return figure("gaps.png", "Number of works that use both words of a pair.", "fig:gaps")


def conclusion(m: Material) -> str:
    """Return what the tests of pairs come to."""
    if tested(m) == 0:
        return ""
    if not below_chance(m):
        return "No gap between frequent words can be told from chance."
    found = below_chance(m)
    number = len(found)
    only = ", as the words stand, but not in all their forms" if len(in_other_forms(m, found)) == number else ""
    return (
        f"{capital(number_word(number))} of the {m.findings.mean('gaps', 'pairs_tested', None, 0)} "
        f"{plural(tested(m), 'pair')} of frequent words tested {plural(number, 'is', 'are')} joined less often "
        f"than chance would have it{only}."
    )


def summary(m: Material) -> str:
    """Return one sentence for the abstract and the conclusion."""
    if tested(m) == 0:
        return ""
    below = len(below_chance(m))
    of = m.findings.mean("gaps", "pairs_tested", None, 0)
    if below == 0:
        every = " with every seed" if open_pairs(m) else ""
        return f"Of {of} pairs of frequent words none passes the corrected test for meeting less often than by chance{every}."
    found = below_chance(m)
    names = pairs_in_words(m, found[:2])
    loose = ", though more works join other forms of these words" if len(in_other_forms(m, found)) == below else ""
    return (
        f"Of {of} pairs of frequent words, {number_word(below)} {plural(below, 'meets', 'meet')} less often than chance "
        f"would have it{':' if below < 3 else ', among them'} {names}{loose}."
    )
