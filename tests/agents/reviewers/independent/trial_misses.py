"""What the rubric gets wrong in the trial, edit by edit: on which papers, and why. A star is a paper's poor version."""

from __future__ import annotations

ALL = ("sorting", "soil", "fluency", "cracks", "crust")
MANUSCRIPTS = ALL[:4]
ALL_POOR = ("sorting*", "soil*", "fluency*", "cracks*", "crust*")

KNOWN_MISSES: dict[str, tuple[tuple[str, ...], str]] = {
    "results_lost": (
        MANUSCRIPTS,
        "without results the checks of numbers no longer apply, and the share that holds rises",
    ),
    "significance_invented": (
        (
            "sorting",
            "soil",
            "fluency",
        ),
        "a p-value passes for a test; the word permutation, said of input, passes for a permutation test",
    ),
    "intervals_dropped": (
        ("crust",),
        "where no results are submitted, dropping every spread raises the rating",
    ),
    "table_rows_swapped": (
        ("crust",),
        "where no results are submitted, a table that contradicts abstract and text passes",
    ),
    "abstract_claims_swapped": (
        (
            "soil",
            "cracks",
            "crust",
        ),
        "numbers are looked for, not what they are said of",
    ),
    "invented_result": (
        ("crust",),
        "where no results are submitted, a result that is 'not shown' costs nothing",
    ),
    "seeds_unmentioned": (
        ("fluency",),
        "the number of runs is gone from the text, and nothing misses it",
    ),
    "units_dropped": (
        (
            "soil",
            "fluency",
        ),
        "a unit written otherwise than in the results counts as missing from the start",
    ),
    "negative_result_hidden": (
        (
            "soil",
            "fluency",
            "cracks",
        ),
        "what was cut is not missed, unless a measured arm is no longer shown",
    ),
    "sections_shuffled": (
        ALL,
        "the order of sections is not looked at",
    ),
    "foreign_section": (
        ("cracks",),
        "a discussion of something else belongs as well as the paper's own",
    ),
    "lines_rewrapped": (
        ALL,
        "a line that begins with a binding hides its number from the checks of agreement",
    ),
    "uncited_work_added": (
        ALL,
        "a work in the bibliography file counts although nothing prints it",
    ),
    "hollow_limitations": (
        ALL_POOR,
        "a heading pays although the text under it says nothing",
    ),
    "limitations_borrowed": (
        ALL_POOR,
        "limitations of another study pay as much as the paper's own",
    ),
    "citations_padded": (
        ALL_POOR,
        "a lump of keys pays in a paper that cites nothing else",
    ),
    "citations_everywhere": (
        ALL_POOR,
        "lumps of keys pay in a paper that cites nothing else",
    ),
    "numbers_from_sources": (
        ALL_POOR,
        "sentences without content pay for their citations in a paper that cites nothing else",
    ),
    "sources_pasted": (
        ALL_POOR,
        "pasted sentences pay for their citations in a paper that cites nothing else",
    ),
    "fake_table": (
        (
            "crust",
            "crust*",
        ),
        "invented numbers pay where no results are submitted",
    ),
    "interval_phrase_stuffed": (
        (
            "sorting*",
            "soil",
            "soil*",
            "crust",
            "crust*",
        ),
        "the bare phrase passes for an interval",
    ),
    "invented_ids": (
        (
            "crust",
            "crust*",
        ),
        "unknown bindings pay where no results are submitted",
    ),
    "measurements_dumped": (
        (
            "sorting",
            "sorting*",
            "soil",
            "soil*",
            "fluency",
            "fluency*",
            "cracks",
            "cracks*",
        ),
        "a dump of all measurements passes for reporting them with their intervals",
    ),
    "very_long": (
        (
            "crust",
            "crust*",
        ),
        "numbered filler passes for numbers that recur",
    ),
    "reviewer_instructed": (
        (
            "soil",
            "soil*",
            "fluency",
            "fluency*",
            "crust",
            "crust*",
        ),
        "the order's own number counts as one that recurs",
    ),
}
