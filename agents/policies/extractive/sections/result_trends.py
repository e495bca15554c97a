"""Trends in words, a table and a figure."""

from __future__ import annotations

from peercycle.agents.policies.extractive.findings import (
    all_seeds,
    p_digits,
    tested_groups,
    undecided,
    undecided_sentence,
)
from peercycle.agents.policies.extractive.latex import figure, join, paragraphs, table
from peercycle.agents.policies.extractive.material import Material
from peercycle.agents.policies.extractive.prose import listed, number_word, plural


def tested(m: Material) -> int:
    """Return how many words were tested."""
    return round(m.findings.value("trends", "terms_tested") or 0)


def shifted(m: Material, experiment: str = "trends") -> tuple[list[str], list[str]]:
    """Return the words whose corrected p lies below the level in every seed: those that came later, and earlier."""
    later: list[str] = []
    earlier: list[str] = []
    for group in tested_groups(m.findings, experiment):
        if not all_seeds(m.findings.per_seed(experiment, "adjusted_p", group)):
            continue
        shift = m.findings.value(experiment, "year_shift", group) or 0.0
        (later if shift > 0 else earlier).append(m.shown_term(group))
    return later, earlier


def trends(m: Material) -> str:
    """Return the subsection's text."""
    f = m.findings
    if tested(m) == 0:
        return "No word is used by at least three dated works and left out by at least three, so none was tested."
    seeds = f.number_of_seeds("trends", "shifted_terms")
    head = (
        f"Over {f.mean('trends', 'dated_works', None, 0)} dated works with an abstract, "
        f"{f.mean('trends', 'terms_tested', None, 0)} {plural(tested(m), 'word was', 'words were')} tested in {seeds} "
        f"{plural(f.seeds('trends'), 'seed')}."
    )
    pictured = " and Figure~\\ref{fig:trends} shows the shift of every word" if _figure(m) else ""
    rest = f"Table~\\ref{{tab:trends}} gives every tested word by its corrected $p$-value{pictured}."
    return paragraphs(join(head, verdict(m), rest), _table(m), _figure(m))


def verdict(m: Material) -> str:
    """Return which words shift, if any."""
    later, earlier = shifted(m)
    if not later and not earlier:
        if open_ := [m.shown_term(group) for group in undecided(m.findings, "trends")]:
            return undecided_sentence("word", _quoted(open_), len(open_))
        return "No word passes the corrected test: the list gives no evidence that its words change over the years."
    parts = [f"those that use {_quoted(later, 'or')} are later"] if later else []
    parts += [f"those that use {_quoted(earlier, 'or')} are earlier"] if earlier else []
    return f"By the corrected test, the works differ in year: {listed(parts)} than chance would have it."


def _quoted(words: list[str], conjunction: str = "and") -> str:
    return listed([f"``{word}''" for word in words], conjunction)


def ranked_groups(m: Material) -> list[str]:
    """Return the tested words by corrected p-value, the smallest first; ties by the size of the shift."""
    f = m.findings
    return sorted(
        tested_groups(f, "trends"),
        key=lambda g: (f.value("trends", "adjusted_p", g) or 0.0, -abs(f.value("trends", "year_shift", g) or 0.0), g),
    )


def _table(m: Material) -> str:
    f = m.findings
    groups = ranked_groups(m)
    cells = [("trends", "adjusted_p", group) for group in groups]
    rows = [
        (
            m.shown_term(group),
            f.mean("trends", "works_with_word", group, 0),
            f.mean("trends", "year_shift", group, 1),
            p_value,
        )
        for group, p_value in zip(groups, f.column(cells, p_digits(f, cells)), strict=True)
    ]
    return table(
        "The tested words by corrected $p$-value: dated works that use the word, mean year of the works that use it "
        "minus that of the others, and the corrected $p$ with its 95\\% interval over seeds.",
        "tab:trends",
        "lrrr",
        ("Word", "Used by (works)", "Shift (years)", "Corrected $p$"),
        rows,
    )


def _figure(m: Material) -> str:
    files = m.findings.files("trends")
    if not files:
        return ""
    return figure(
        "trends.png",
        "Mean year of the works that use a word minus that of the others; in dark, words "
        f"that pass the corrected test with seed {files[0][0].seed}.",
        "fig:trends",
    )


def conclusion(m: Material) -> str:
    """Return what the tests of trends come to."""
    if tested(m) == 0:
        return ""
    later, earlier = shifted(m)
    if not later and not earlier:
        return "No change of words over the years can be shown."
    parts = [f"more of {_quoted(later)}"] if later else []
    parts += [f"less of {_quoted(earlier)}"] if earlier else []
    return f"Over the years the list comes to speak {listed(parts)}."


def summary(m: Material) -> str:
    """Return one clause for the abstract and the conclusion."""
    if tested(m) == 0:
        return ""
    later, earlier = shifted(m)
    of = m.findings.mean("trends", "terms_tested", None, 0)
    if not later and not earlier:
        every = " with every seed" if undecided(m.findings, "trends") else ""
        return f"Of {of} frequent words none shifts over the years beyond chance{every}."
    number = len(later) + len(earlier)
    return f"Of {of} frequent words, {number_word(number)} {'shifts' if number == 1 else 'shift'} over the years."
