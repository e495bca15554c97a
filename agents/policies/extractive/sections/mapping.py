"""The map: clusters with their works and passages, and the appendix that lists all of them."""

from __future__ import annotations

from collections.abc import Sequence

from peercycle.agents.policies.extractive.latex import cite, escape, join, paragraphs, quotation, titled
from peercycle.agents.policies.extractive.material import Material, dated_span
from peercycle.agents.policies.extractive.notes import Cluster, Notes, Quote
from peercycle.agents.policies.extractive.prose import capital, counted, listed, number_word, plural
from peercycle.agents.policies.extractive.sentences import cut_short
from peercycle.core.writing import Section

MOST_CITED = 12
"""Works cited in a cluster's paragraph; a larger cluster is listed whole in the appendix."""


def the_map(m: Material) -> Section | None:
    """Return the map, or None where there is no work."""
    if m.notes.facts.works == 0:
        return None
    if not m.notes.clusters:
        return Section(
            heading="The works" if m.notes.facts.works > 1 else "The work", role="related", body=_one_by_one(m)
        )
    parts = [_overview(m)]
    parts += [_cluster(m, index, cluster) for index, cluster in enumerate(m.notes.clusters)]
    return Section(heading="The map", role="related", body=paragraphs(*parts, _outside(m)))


def _overview(m: Material) -> str:
    number = len(m.notes.clusters)
    if number == 1:
        return "By its words the list does not fall into parts: all works that share words form one cluster."
    sizes = sorted((len(cluster.keys) for cluster in m.notes.clusters), reverse=True)
    spread = (
        f"each of {counted(sizes[0], 'work')}"
        if sizes[0] == sizes[-1]
        else f"the larger of {counted(sizes[0], 'work')} and the smaller of {counted(sizes[-1], 'work')}"
        if number == 2
        else f"the largest of {counted(sizes[0], 'work')} and the smallest of {counted(sizes[-1], 'work')}"
    )
    order = "by the year of their earliest work" if m.notes.strategy.by_year else "from the largest to the smallest"
    presented = "" if sizes[0] == sizes[-1] and not m.notes.strategy.by_year else f"are presented {order}, and "
    return (
        f"{capital(m.placed)} fall into {number_word(number)} clusters, {spread}. They {presented}are named by "
        "the words or pairs of words that set them apart from the rest; a name is a label, not a definition."
    )


def _cluster(m: Material, index: int, cluster: Cluster) -> str:
    heading = f"\\subsection{{{capital(escape(cluster.name))}}}"
    keys = m.citable(cluster.keys)
    size = counted(len(cluster.keys), "work")
    when = dated_span(cluster.first_year, cluster.last_year, cluster.dated, len(cluster.keys))
    if cluster.terms:
        apart = f"set apart from the rest of the list by the use of {_words(cluster)}"
    else:
        apart = "which no shared word sets apart from the rest of the list"
    opening = "This cluster holds" if index % 2 == 0 else "Here belong"
    if len(keys) > MOST_CITED:
        works = f"Its most central works are {named(m, keys[:MOST_CITED])}; the appendix lists all of them."
    else:
        works = (
            f"{'Its works are' if len(keys) > 1 else 'Its work that can be cited is'} {named(m, keys)}."
            if keys
            else ""
        )
    first = join(f"{opening} {size}{when}, {apart}.", works)
    return paragraphs(heading, join(first, _passages(m, cluster)))


def named(m: Material, keys: Sequence[str]) -> str:
    """Return works by their titles, each with its citation."""
    shown = []
    for key in keys:
        title = titled(m.references[key].title)
        shown.append(f"``{title}''{cite([key])}" if title else f"a work without a title{cite([key])}")
    return listed(shown)


def _words(cluster: Cluster) -> str:
    """Return the words that name a cluster, with how many of its works use each."""
    size = len(cluster.keys)
    used = [("both" if n == 2 else "all") if n == size else number_word(n) for n in cluster.uses]
    return listed([f"``{escape(term)}'' ({n})" for term, n in zip(cluster.terms, used, strict=True)])


def _passages(m: Material, cluster: Cluster) -> str:
    quotes = printed_quotes(cluster, m.notes)
    if not quotes:
        if set(cluster.keys) <= {*m.notes.facts.without_abstract, *m.notes.facts.short_abstract}:
            return "Its works come without an abstract long enough to be used, so none is quoted."
        return "No sentence of its abstracts is short and plain enough to be quoted on its own."
    first = f"A passage near to its centre reads: {_quoted(quotes[0])}."
    if len(quotes) == 1:
        return first
    return join(first, f"Another of its works says: {_quoted(quotes[1])}.")


def printed_quotes(cluster: Cluster, notes: Notes) -> list[Quote]:
    """Return a cluster's passages as printed: those that are short enough first, then the nearest ones, cut."""
    short = [quote for quote in cluster.quotes if len(quote.text.split()) <= notes.quote_words]
    cut = [cut_short(quote, notes.quote_words) for quote in cluster.quotes if quote not in short]
    return [*short, *(quote for quote in cut if quote is not None)][: notes.quotes]


def _quoted(quote: Quote) -> str:
    return quotation(quote.text, quote.key, cut=quote.cut)


def _outside(m: Material) -> str:
    number = len(m.notes.unplaced)
    if number == 0:
        return ""
    keys = m.citable(m.notes.unplaced)
    verb = plural(number, "shares", "share")
    which = f" ({named(m, keys)})" if 0 < len(keys) <= MOST_CITED else ""
    return (
        f"\\subsection{{Outside the clusters}}\n\n{capital(counted(number, 'work'))}{which} {verb} no counted "
        f"word with another work of the list (words that most works use are not counted) "
        f"and {plural(number, 'is', 'are')} left outside the clusters."
    )


def _one_by_one(m: Material) -> str:
    keys = m.notes.unplaced
    head = (
        ""
        if len(keys) == 1
        else f"{capital(counted(len(keys), 'work'))} are too few to cluster. They are, in the order of the file:"
    )
    lines: list[str] = []
    for key in keys:
        reference = m.references.get(key)
        if reference is None:
            continue
        name = f"``{titled(reference.title)}''" if reference.title else "A work without a title"
        year = f" ({reference.year})" if reference.year else ""
        said = [f"It says: {_quoted(quote)}." for quote in m.notes.passages if quote.key == key]
        lines.append(join(f"{name}{year}{cite([key])}.", *said))
    return paragraphs(head, *lines)


def appendix(m: Material) -> Section | None:
    """Return the list of all works by cluster, where a cluster's paragraph could not cite all of its works."""
    large = [cluster for cluster in m.notes.clusters if len(m.citable(cluster.keys)) > MOST_CITED]
    stray = m.citable(m.notes.unplaced) if m.notes.clusters else ()
    if not large and len(stray) <= MOST_CITED:
        return None
    lines = [f"{capital(escape(cluster.name))}: {named(m, m.citable(cluster.keys))}." for cluster in large]
    if len(stray) > MOST_CITED:
        lines.append(f"Outside the clusters: {named(m, stray)}.")
    return Section(heading="Works by cluster", role="appendix", body=paragraphs(*lines))
