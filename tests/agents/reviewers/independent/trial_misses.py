"""What the rubric gets wrong in the trial, edit by edit: on which papers, and why. A star is a paper's poor version."""

from __future__ import annotations

KNOWN_MISSES: dict[str, tuple[tuple[str, ...], str]] = {
    "citation_after_every_sentence": (
        ("crust",),
        "a number that no result holds is taken to be of the work that its sentence cites",
    ),
}
"""Papers and reason by edit. The rubric was mended against this trial, which therefore is no longer unseen."""
