"""What the list covers, what it does not, and the questions that it raises."""

from __future__ import annotations

from peercycle.agents.policies.extractive.corpus import LEAST_ABSTRACT_WORDS
from peercycle.agents.policies.extractive.latex import cite, escape, join, paragraphs
from peercycle.agents.policies.extractive.material import Material, span_of
from peercycle.agents.policies.extractive.notes import Cluster
from peercycle.agents.policies.extractive.prose import capital, counted, listed, number_word, plural
from peercycle.agents.policies.extractive.sections import measured_questions, result_gaps, result_stability
from peercycle.core.content_words import fold, is_content
from peercycle.core.writing import Section

QUIET_YEARS = 5
"""A cluster whose last work is this many years older than the list's last is called quiet."""
MOST_QUESTIONS = 6
LEAST = number_word(LEAST_ABSTRACT_WORDS)
LEAD = 0.2
"""A pair that never meets is named as a lead where its corrected p lies below this; above it, chance explains it."""


def discussion(m: Material) -> Section | None:
    """Return the discussion, or None where nothing was mapped."""
    if m.notes.facts.works < 2 or not m.concluded:
        return None
    coverage = f"\\paragraph{{Coverage.}} {_coverage(m)}"
    gaps = f"\\paragraph{{Gaps.}} {_gaps(m)}"
    order = (gaps, coverage) if m.notes.strategy.gaps_first else (coverage, gaps)
    return Section(heading="Discussion", role="discussion", body=paragraphs(*order, _questions(m)))


def _coverage(m: Material) -> str:
    return join(_weight(m), _years(m), _topic_words(m))


def _weight(m: Material) -> str:
    clusters = m.notes.clusters
    if len(clusters) < 2:
        return f"The list holds {m.works}."
    largest = max(len(cluster.keys) for cluster in clusters)
    first = [cluster for cluster in clusters if len(cluster.keys) == largest]
    share = f"{number_word(largest)} of the {m.works}"
    if len(first) == len(clusters):
        return "The clusters are of one size, so by number of works the list leans to none of its parts."
    if not all(cluster.terms for cluster in first):
        if len(first) == 1:
            return f"The largest cluster, of {share}, has no word that sets it apart."
        return f"The largest clusters, of {share} each, are not all set apart by a word."
    names = listed([f"``{escape(cluster.name)}''" for cluster in first])
    if len(first) > 1:
        return f"The largest clusters are {names}, with {share} each."
    second = max(len(cluster.keys) for cluster in clusters if cluster not in first)
    if 2 * largest < 3 * second:
        return f"The largest cluster is {names}, with {share}, by a small margin."
    return f"The list leans to {names}, with {share}."


def _years(m: Material) -> str:
    facts = m.notes.facts
    if facts.first_year is None or facts.dated < 2:
        return "How the list spreads over time cannot be said, for want of years."
    if facts.distinct_years == 1:
        return f"All dated works of the list are of {facts.first_year}, so nothing can be said of change over time."
    return f"The dated works of the list run{span_of(facts.first_year, facts.last_year)}."


def _topic_words(m: Material) -> str:
    missing = [word for word in m.notes.topic.words if word not in m.notes.topic.matched]
    absent = [word for word in missing if is_content(fold(word))]
    if not absent or not m.notes.topic.matched:
        return ""
    words = listed([f"``{escape(word)}''" for word in absent], "or")
    return f"No work of the list uses the topic's {plural(len(absent), 'word')} {words} in its title or abstract."


def _quiet(m: Material) -> list[tuple[str, int, tuple[str, ...]]]:
    last = m.notes.facts.last_year
    # A cluster without a word of its own has no name that a sentence could carry.
    return [
        (cluster.name, cluster.last_year, cluster.keys)
        for cluster in m.notes.clusters
        if cluster.terms and last and cluster.last_year and last - cluster.last_year >= QUIET_YEARS
    ]


def _gaps(m: Material) -> str:
    parts: list[str] = []
    if m.ran("gaps"):
        parts.append(_tests(m) if result_gaps.tested(m) else "")
        never = _never(m)
        if never:
            pairs = listed([f"``{a}'' with ``{b}''" for a, b in never], "or")
            parts.append(f"No work of the list joins {pairs}, though several use each of these words.")
    quiet = [f"The cluster ``{escape(name)}'' holds nothing dated later than {year}." for name, year, _ in _quiet(m)]
    thin = _thin(m)
    parts += quiet
    if thin:
        names = listed([f"``{escape(cluster.name)}''" for cluster in thin])
        verb = plural(len(thin), "is", "are")
        these = plural(len(thin), "The cluster", "The clusters")
        sizes = {len(cluster.keys) for cluster in thin}
        bound = "one work" if sizes == {1} else "two works" if sizes == {2} else "one or two works"
        parts.append(f"{these} {names} {verb} thin, with {bound}{'' if len(thin) == 1 else ' each'}.")
    if not m.notes.clusters:
        return "The list is too short to look for gaps in it."
    if (quiet or thin) and result_stability.all_dissolved(m):
        parts.append(
            "Since all clusters dissolve on drawn works, the years and sizes of clusters are those of one arrangement "
            "of the list, and no sign of a gap."
        )
    if not [part for part in parts if part]:
        return "Neither the clusters nor their years point to a gap, and joint use of words was not measured."
    return join(*parts)


def _thin(m: Material) -> list[Cluster]:
    return [cluster for cluster in m.notes.clusters if len(cluster.keys) <= 2] if len(m.notes.clusters) > 1 else []


def _tests(m: Material) -> str:
    below = result_gaps.below_chance(m)
    if not below and (names := result_gaps.open_names(m)):
        return f"Whether chance explains how seldom the list joins {names} is left open."
    if not below:
        number = len(_never(m))
        named = plural(
            number, "the pair named here is a lead and no finding", "the pairs named here are leads and no findings"
        )
        leads = f", so {named}" if number else ""
        return f"No pair of frequent words is missing beyond what chance would give in a list of this size{leads}."
    firm = [group for group in below if group not in m.notes.other_forms]
    if not firm:
        names = result_gaps.pairs_in_words(m, below)
        return f"In other forms more works join {names}, so how seldom these words meet is no sign of a gap."
    pairs = result_gaps.pairs_in_words(m, firm)
    return (
        f"Chance hardly explains how seldom the list joins {pairs}. This may be a gap in research, a gap in the "
        "list, or a sign that the words belong to separate questions."
    )


def _never(m: Material) -> list[tuple[str, str]]:
    """Return the pairs that never meet and that chance hardly explains, the least likely first; two at most."""
    f = m.findings
    apart = [g for g in result_gaps.reported_pairs(m) if f.value("gaps", "joint_works", g) == 0]
    apart = [group for group in apart if group not in m.notes.other_forms]
    found = [g for g in apart if (p := f.value("gaps", "adjusted_p", g)) is not None and p < LEAD]
    return [result_gaps.pair(m, group) for group in found[:2]]


def questions(m: Material) -> list[str]:
    """Return the questions that the list raises, the most pointed first."""
    items: list[str] = []
    if m.ran("gaps"):
        items += _together(_never(m))
    items += [*measured_questions.of_pairs(m), *measured_questions.of_trends(m)]
    # Of clusters that all dissolve, neither their years nor their sizes raise a question.
    firm = not result_stability.all_dissolved(m)
    telling = {cluster.name for cluster in m.notes.clusters if measured_questions.says_much(cluster)}
    items += [
        f"Has the work on ``{escape(name)}''{cite(m.citable(keys)[:3])} been continued after {year}?"
        for name, year, keys in (_quiet(m) if firm else ())
        if name in telling
    ]
    if m.notes.topic.verdict == "partial" and not m.off_topic:
        missing = [word for word in m.notes.topic.words if word not in m.notes.topic.matched]
        absent = [f"``{escape(word)}''" for word in missing if is_content(fold(word))]
        if absent:
            them = plural(len(absent), "it", "them")
            items.append(
                f"Which works use {plural(len(absent), 'the word', 'the words')} {listed(absent, 'or')}? The topic names "
                f"{them}, and the list does not."
            )
    items += [
        f"Is there so little work on ``{escape(cluster.name)}'', or does the list miss "
        f"it{cite(m.citable(cluster.keys))}?"
        for cluster in (_thin(m) if firm else ())
        if measured_questions.says_much(cluster)
    ]
    items += [*measured_questions.of_clusters(m), *_unread(m)]
    return items[:MOST_QUESTIONS] or measured_questions.of_doubtful_clusters(m)


def _together(pairs: list[tuple[str, str]]) -> list[str]:
    """Return the question after the pairs that no work joins, one or two."""
    if not pairs:
        return []
    named = listed([f"of ``{a}'' together with ``{b}''" for a, b in pairs], "or")
    return [
        f"What is known {named}? No work of the list uses both words{'' if len(pairs) == 1 else ' of either pair'}."
    ]


def _unread(m: Material) -> list[str]:
    """Return the question that the works raise whose abstract was not read."""
    facts = m.notes.facts
    unread = m.citable((*facts.without_abstract, *facts.short_abstract))
    if not unread:
        return []
    long = f" of {LEAST} words or more" if m.citable(facts.short_abstract) else ""
    works = f"{plural(len(unread), 'does', 'do')} the {plural(len(unread), 'work')} without an abstract{long}"
    add = f"add{cite(unread)}" if len(unread) <= 4 else f"add, among them{cite(unread[:4])}"
    its = plural(len(unread), "Only its title was", "Only their titles were")
    return [f"What {works} {add}? {its} read."]


def _questions(m: Material) -> str:
    items = questions(m)
    if not items:
        return ""
    lines = "\n".join(f"\\item {item}" for item in items)
    number = len(items)
    head = "One question follows" if number == 1 else f"{capital(counted(number, 'question'))} follow"
    return (
        f"\\paragraph{{Questions.}} {head} from the list. Whether {plural(number, 'it has', 'they have')} been "
        f"answered elsewhere was not looked into.\n\\begin{{itemize}}\n{lines}\n\\end{{itemize}}"
    )
