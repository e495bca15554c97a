"""The works nearest to the topic, and what the second search found."""

from __future__ import annotations

from peercycle.agents.policies.extractive.latex import cite, join, paragraphs
from peercycle.agents.policies.extractive.material import Material
from peercycle.agents.policies.extractive.planning import STUDY
from peercycle.agents.policies.extractive.prose import capital, counted, listed, plural
from peercycle.agents.policies.extractive.sections.mapping import named
from peercycle.core.writing import Section


def described(m: Material, key: str) -> str:
    """Return a work's citation as a part of a sentence."""
    reference = m.references[key]
    if not any(name.split() for name in reference.authors):
        return f"a work without named authors{cite([key])}"
    return f"\\citet{{{key}}}"


def background(m: Material) -> Section | None:
    """Return the section on related work, or None where there is nothing to place."""
    body = paragraphs(_nearest(m), _found(m), _unplaced(m), _genre(m))
    return Section(heading="Background", role="related", body=body) if m.notes.facts.works > 1 else None


def _nearest(m: Material) -> str:
    near = m.citable(m.notes.nearest)
    if not near:
        return "No work of the list shares a content word with the topic, so none can be named as nearest to it."
    works = listed([described(m, key) for key in near])
    if len(near) == 1:
        return f"By the words of title and abstract, one work has anything in common with the topic: {works}."
    return f"By the words of title and abstract, the works nearest to the topic are, in this order, {works}."


def _found(m: Material) -> str:
    keys = m.citable(m.notes.found)
    if not keys:
        return (
            "A second search, with the names of the clusters, in the sources that this paper was given returned no work "
            "beyond the list; where the list is the only source, it can return no other."
            if m.notes.clusters
            else ""
        )
    return join(
        f"A second search with the names of the clusters returned {counted(len(keys), 'work')} beyond the list: "
        f"{named(m, keys)}.",
        f"{capital(plural(len(keys), 'it is', 'they are'))} named here for the reader and not part of the map.",
    )


def _unplaced(m: Material) -> str:
    keys = m.citable(m.notes.list_uncited)
    if not keys:
        return ""
    return f"{capital(plural(len(keys), 'a further work', 'further works'))} of the list, not named above: {named(m, keys)}."


def _genre(m: Material) -> str:
    genre = (
        "A systematic map differs from a systematic review in that it asks what has been studied, and not what the "
        "answer is."
    )
    if m.study is not None and m.ran(STUDY):
        return (
            f"{genre} Apart from the supplied study, every measured figure in this paper is a figure about the list."
        )
    if m.reported:
        return (
            f"{genre} Nothing in this paper is a finding about the field; every measured figure is a figure "
            "about the list."
        )
    return f"{genre} Nothing in this paper is a finding about the field."
