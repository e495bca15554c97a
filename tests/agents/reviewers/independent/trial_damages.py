"""Damage to the evidence: what a careless or dishonest editor does to numbers, tables and figures."""

from __future__ import annotations

import re
from dataclasses import replace

from tests.agents.reviewers.independent.trial_drafts import Draft, Edits

damage = Edits()

MEASURED = re.compile(r"\\measured\{([^}]*)\}\{([^}]*)\}")
INTERVAL_CELL = r"\[?\\measured\{[^}]*ci95_low\}\{[^}]*\}(?:--|–|, | to )\\measured\{[^}]*ci95_high\}\{[^}]*\}\]?"
NEGATIVE = (
    " On keys in random order it cost more than the median of three, so the rule pays only where order is expected.",
    " The records are observational, so the gains cannot be ascribed to the exercise alone.",
    ", and raises them on random input",
    " The loss on random input is the counting pass, which finds no run of the required length and falls back to the"
    " median of three.",
    " It is not the best rule everywhere: in the driest stations six-hourly reporting sent fewer messages with a similar"
    " error, and a farmer who cares only for weekly totals gains nothing.",
    " Both take joints of the deck for cracks when the joint is filled with tar.",
    " For measuring the length of a crack it is not.",
    " That recordings did not clearly differ from reading alone agrees with \\textcite{rasinski1990effects}.",
    ", and their interval overlaps that of reading alone",
)


def shifted(shown: str, by: int = 1) -> str:
    """Return a printed number with its leading digit raised, which no rounding explains."""
    return re.sub(r"\d(?=\D*$)|[1-8](?=\.?\d)", lambda m: str((int(m[0]) + by) % 10), shown, count=1)


def _misquoted(text: str) -> str:
    if MEASURED.search(text):
        return MEASURED.sub(lambda m: f"\\measured{{{m[1]}}}{{{shifted(m[2])}}}", text, count=1)
    return re.sub(r"(?<![\w.])\d+\.\d+", lambda m: shifted(m[0]), text, count=1)


@damage("the abstract states a number that the results do not have")
def abstract_number_changed(draft: Draft) -> Draft:
    return replace(draft, abstract=_misquoted(draft.abstract))


@damage("the conclusion restates the main result wrongly")
def conclusion_number_changed(draft: Draft) -> Draft:
    return draft.map_section("conclusion", _misquoted)


@damage("two rows of the table carry each other's numbers")
def table_rows_swapped(draft: Draft) -> Draft:
    row = re.compile(r"(?m)^(\s*(?:nearly ordered & )?[\w \\,%-]+? )(&(?=[^&\n]*(?:measured|\$6)).*?)(\\\\.*)$")

    def swap(body: str) -> str:
        rows = list(row.finditer(body))[:2]
        if len(rows) < 2:
            return body
        one, two = rows
        first, second = f"{one[1]}{two[2]}{one[3]}", f"{two[1]}{one[2]}{two[3]}"
        swapped = body[: one.start()] + first + body[one.end() : two.start()] + second + body[two.end() :]
        bound = iter(MEASURED.findall(body))  # whoever swaps by hand leaves the bindings of the rows as they stood
        return MEASURED.sub(lambda m: f"\\measured{{{next(bound)[0]}}}{{{m[2]}}}", swapped)

    return draft.map_section("results", swap)


@damage("a result is claimed that nobody measured")
def invented_result(draft: Draft) -> Draft:
    claim = "\n\nIn a further experiment with the best settings the improvement rose to 37.4\\,\\% (not shown)."
    return draft.map_section("results", lambda body: body + claim)


@damage("the reader no longer learns how sure the numbers are")
def intervals_dropped(draft: Draft) -> Draft:
    def drop(text: str) -> str:
        text = re.sub(r" ?\((?:95\\(?:,\\)?%|interval)[^()]*(?:\([^()]*\))?[^()]*\)", "", text)
        text = re.sub(rf" ?\({INTERVAL_CELL}\)", "", text)
        text = re.sub(INTERVAL_CELL, "--", text)
        text = re.sub(r" \\pm \d+\.\d+", "", text)
        text = re.sub(r"\\measured\{[^}]*\.sd\}\{[^}]*\}", "--", text)
        text = re.sub(r" \(\d\.\d to \d\.\d\)", "", text)
        text = re.sub(
            r"(?: and standard deviation|,? \$\\pm\$ standard deviation|; bands are one standard deviation)", "", text
        )
        text = re.sub(
            r",? (?:with(?: the| standard deviations and)? )?95\\(?:,\\)?%[\w ']*intervals?[\w ']*(?:\$t\$)?",
            "",
            text,
        )
        return re.sub(
            r"(?m)^The intervals do not overlap\.|, and their interval overlaps that of reading alone", "", text
        )

    return draft.map_text(drop)


@damage("a number in the results is rounded the flattering way")
def rounded_in_favour(draft: Draft) -> Draft:
    def flatter(match: re.Match[str]) -> str:
        shown = match[2]
        places = len(shown.partition(".")[2])
        return f"\\measured{{{match[1]}}}{{{float(shown) * 0.99 - 10**-places:.{places}f}}}"

    return draft.map_section("results", lambda body: MEASURED.sub(flatter, body, count=1))


@damage("the abstract gives each method the other's number")
def abstract_claims_swapped(draft: Draft) -> Draft:
    found = list(MEASURED.finditer(draft.abstract))
    if len(found) >= 3:
        one, two = (found[0], found[2]) if draft.abstract.startswith("Battery") else (found[0], found[1])
        text = draft.abstract
        text = text[: one.start()] + two[0] + text[one.end() : two.start()] + one[0] + text[two.end() :]
        return replace(draft, abstract=text)
    text = draft.abstract.replace("low humidity", "\0").replace("high humidity", "low humidity")
    return replace(draft, abstract=text.replace("\0", "high humidity"))


@damage("the reader no longer learns over how many runs a mean was taken")
def seeds_unmentioned(draft: Draft) -> Draft:
    number = r"(?:five|5|20|\$n ?= ?5\$)"
    phrase = re.compile(
        rf",? ?(?:;? ?(?:over|with|of|from) )?(?:the |each of |each of the )?{number} "
        r"(?:random selections of stations|selections|resamples of classes|resamples|seeds|loaves)"
    )
    return draft.map_text(lambda text: phrase.sub("", text))


@damage("numbers stand without their units")
def units_dropped(draft: Draft) -> Draft:
    units = re.compile(r"(?<=[}\d])(?: |~|\\,)(?:m³/m³|ms|million|messages a day|(?:correct )?words per minute)")
    captions = re.compile(r"(?: in millions| in milliseconds| \(m³/m³\)| \(ms\)| in correct words per minute)")
    return draft.map_text(lambda text: captions.sub("", units.sub("", text)))


@damage("the text points to a figure that is no longer there")
def figure_removed(draft: Draft) -> Draft:
    return draft.map_bodies(lambda t: re.sub(r"(?s)\\begin\{figure(\*?)\}.*?\\end\{figure\1\}\n?", "", t))


@damage("the text no longer refers to its table and figure")
def floats_unreferenced(draft: Draft) -> Draft:
    def drop(text: str) -> str:
        text = re.sub(r"(?:Table|Figure|Fig\.|Tab\.)~\\ref\{(?:tab|fig):\w+\}|\\autoref\{[^}]*\}", "It", text)
        return text.replace("It and It summarise", "We summarise")

    return draft.map_bodies(drop)


@damage("table and figure no longer say what they show")
def captions_emptied(draft: Draft) -> Draft:
    return draft.map_bodies(lambda text: re.sub(r"(?m)\\caption\{.*?\}(?=\\label|\n)", r"\\caption{}", text))


@damage("a table cell was overwritten with a better number")
def table_cell_improved(draft: Draft) -> Draft:
    def improve(body: str) -> str:
        begin = body.find("\\begin{tabular}")
        if draft.frame:  # with no results beside the paper, only a cell that the abstract repeats can be known
            begin = body.find("52.4")
        return body if begin < 0 else body[:begin] + _misquoted(body[begin:])

    return draft.map_section("results", improve)


@damage("significance is claimed, and no test was made")
def significance_invented(draft: Draft) -> Draft:
    if "mixed model" in draft.body("method"):
        return draft
    claim = "\n\nAll differences are statistically significant ($p < 0.001$)."
    return draft.map_section("results", lambda body: body + claim)


@damage("what spoke against the claim was cut")
def negative_result_hidden(draft: Draft) -> Draft:
    def hide(text: str) -> str:
        for passage in NEGATIVE:
            text = text.replace(passage, "")
        text = re.sub(r"(?m)^random & .*\n", "", text)
        return re.sub(r"On random input the run rule needed.*?\. ", "", text)

    return draft.map_text(hide)


@damage("the numbers no longer say which measurement they are, and can be traced to none")
def bindings_removed(draft: Draft) -> Draft:
    return draft.map_text(lambda text: MEASURED.sub(lambda m: m[2], text))


@damage("the results that the numbers rest on are gone")
def results_lost(draft: Draft) -> Draft:
    return replace(draft, results=None)
