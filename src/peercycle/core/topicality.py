"""Whether a bibliography has anything to do with a topic, as far as words show."""

from __future__ import annotations

from collections.abc import Sequence

from peercycle.core.counting import counted
from peercycle.core.literature import Reference
from peercycle.core.stems import terms

STRAY_SHARE = 10
"""Where no more than one in so many works shares a word with the topic, the list has little to do with it."""

LEAST = 4
"""Of so few works, one that shares a word makes it a list on the topic."""


def off_topic(topic: str, works: Sequence[Reference]) -> str | None:
    """Return what a reader of a run is to know first, where topic and works share no word or hardly one; else None.

    Words are compared by their stems, so that a topic is not called foreign for how its words end.
    """
    wanted = frozenset(terms(topic))
    if not wanted or not works:
        return None
    most = max(len(works) // STRAY_SHARE, 1 if len(works) > LEAST else 0)
    sharing = 0
    for work in works:
        sharing += not wanted.isdisjoint(terms(f"{work.title} {work.abstract or ''}"))
        if sharing > most:
            return None
    if not sharing:
        return (
            "as far as words show, the bibliography has nothing to do with the topic: no word of it occurs in any title "
            "or abstract"
        )
    return (
        "as far as words show, the bibliography has little to do with the topic: "
        f"only {sharing} of {counted(len(works), 'work')} {'uses' if sharing == 1 else 'use'} a word of it, in whatever form"
    )
