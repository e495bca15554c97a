"""What this map cannot show, for this list and these figures."""

from __future__ import annotations

from peercycle.agents.policies.extractive.corpus import LEAST_ABSTRACT_WORDS
from peercycle.agents.policies.extractive.latex import cite, escape, join, paragraphs
from peercycle.agents.policies.extractive.material import Material
from peercycle.agents.policies.extractive.planning import STUDY
from peercycle.agents.policies.extractive.prose import capital, counted, listed, number_word, plural
from peercycle.agents.policies.extractive.sections import result_gaps, result_stability, result_trends
from peercycle.agents.policies.extractive.sections.method import permutations
from peercycle.core.writing import Section

FEW_WORKS = 60
LEAST = number_word(LEAST_ABSTRACT_WORDS)
MOST_NAMED = 4


def limitations(m: Material) -> Section | None:
    """Return the limitations, specific to the list and to what was measured."""
    if m.notes.facts.works == 0 or not m.concluded:
        return None
    parts = [_list(m), _words(m), _measured(m), _failed(m), _supplied(m), _details(m)]
    return Section(heading="Limitations", role="limitations", body=paragraphs(*parts))


def _list(m: Material) -> str:
    facts = m.notes.facts
    parts = [
        f"The list of {m.works} was given, not drawn: how it was chosen is not known, and nothing here carries over "
        "to the literature outside it."
    ]
    if facts.farther:
        parts.append(
            "The file that was given is longer: only the entries whose words come nearest to the topic were read, and "
            "what the others hold is not known here."
        )
    missing = facts.works - facts.abstracts
    if missing and facts.abstracts:
        left = [name for name in m.reported if name != "stability"]
        leave = (
            plural(len(left), "study", "studies"),
            plural(len(left), "leaves", "leave"),
            plural(missing, "it", "them"),
        )
        out = f", and the {leave[0]} of {listed(left)} {leave[1]} {leave[2]} out" if left else ""
        parts.append(
            f"Of {counted(missing, 'work')} without an abstract of {LEAST} words or more only the title was read{out}."
        )
    if facts.dated < facts.works and facts.dated:
        undated = facts.works - facts.dated
        parts.append(
            f"{capital(counted(undated, 'undated work'))} {plural(undated, 'is', 'are')} left out of all that "
            "concerns years."
        )
    if m.off_topic:
        parts.append(f"{m.off_topic} ``{m.topic_given}''.")
    return join(*parts)


def _words(m: Material) -> str:
    if m.notes.facts.works < 2:
        return "Only the title and the abstract were read."
    spelling = (
        "Only titles and abstracts were read, and only as words: synonyms are kept apart, and different "
        "senses of one word are not."
    )
    if not m.notes.clusters:
        return spelling
    k = m.notes.strategy.clusters
    return join(
        spelling,
        f"The number of clusters was set beforehand ($k = {k}$) and not found from the works; other numbers "
        "give other clusters.",
        "Stop words and plurals are those of English; on the map works in other languages are read as they stand, and "
        "writing without blanks between words counts as few words.",
    )


def _measured(m: Material) -> str:
    parts: list[str] = []
    f = m.findings
    if "stability" in m.reported:
        parts.append(
            "Stability is that of one clustering method under resampling; a cluster may be stable and still mean "
            "little to a reader of the field."
        )
    if "retrieval" in m.reported:
        easy = all((f.value("retrieval", "recall_at_5", s) or 0) >= 0.95 for s in ("BM25", "TF-IDF"))
        parts.append(
            "Finding an abstract by its own title is easy in a list of this size, since nearly all are among the "
            "first five, so the study can hardly tell good systems apart."
            if easy
            else "A title is a query that its author wrote, so retrieval by title says little of retrieval by a "
            "reader's question."
        )
    if ("trends" in m.reported and result_trends.tested(m)) or ("gaps" in m.reported and result_gaps.tested(m)):
        read = m.notes.facts.abstracts - len(m.notes.facts.other_language)
        few = read < FEW_WORKS
        size = counted(read, "abstract")
        parts.append(
            f"With {size} the permutation tests can find only strong effects, and that a test finds none is no "
            "evidence that there is none."
            if few
            else "That a permutation test finds no effect is no evidence that there is none."
        )
        parts.append(
            f"Only {counted(len(m.notes.terms), 'frequent word')} {plural(len(m.notes.terms), 'was', 'were')} looked at; "
            "a word that all but a few works use was left out, since it tells few works from the others."
        )
    return join(*parts)


def _failed(m: Material) -> str:
    lost = [name for name in m.notes.planned if m.experiments_run and not m.findings.has(name)]
    some = [name for name in m.notes.planned if m.findings.has(name) and m.findings.failures(name)]
    parts: list[str] = []
    if lost:
        names = listed([f"``{escape(name)}''" for name in lost])
        parts.append(f"Planned and without a result: {names}.")
    for name in some:
        failed = len(m.findings.failures(name))
        parts.append(f"The study ``{escape(name)}'' gave no number for {counted(failed, 'seed')}.")
    if not m.experiments_run and m.notes.declined is None:
        parts.append("No experiments were run, so none of the studies of the list was.")
    return join(*parts)


def _supplied(m: Material) -> str:
    if m.study is None:
        return ""
    if not m.ran(STUDY):
        why = "yielded no result" if m.experiments_run else "was not run, because this run had no experiments"
        return f"The supplied study ``{m.study}'' {why}, so none is reported."
    return (
        "The supplied study is reported as it measured; its program was not examined, and its intervals cover only "
        "what its seeds vary."
    )


def _details(m: Material) -> str:
    if not m.notes.detailed_limits:
        return ""
    parts: list[str] = []
    without = m.citable((*m.notes.facts.without_abstract, *m.notes.facts.short_abstract))
    if without:
        more = "" if len(without) <= MOST_NAMED else ", among others"
        parts.append(
            f"Without an abstract of {LEAST} words or more {plural(len(without), 'is', 'are')}{cite(without[:MOST_NAMED])}{more}."
        )
    for cluster in m.notes.clusters if m.ran("stability") else ():
        group = result_stability.group_of(cluster)
        value = m.findings.value("stability", "cluster_jaccard", group)
        if value is not None and value <= result_stability.DISSOLVED:
            digits = result_stability.similarity_digits(m)
            shown = m.findings.interval("stability", "cluster_jaccard", group, digits)
            parts.append(
                f"The cluster ``{escape(cluster.name)}'' has a similarity of {shown} only and should not be relied "
                "on."
            )
    if m.ran("trends") and result_trends.tested(m):
        number = permutations(m, "trends")
        least = f"1/{number + 1}"
        parts.append(f"With {number} permutations no $p$-value below ${least}$ can be seen.")
    ends = [m.findings.value("retrieval", f"mrr_difference_{end}") for end in ("low", "high")]
    if m.ran("retrieval") and ends[0] != ends[1]:
        low = m.findings.mean("retrieval", "mrr_difference_low", None, 3)
        high = m.findings.mean("retrieval", "mrr_difference_high", None, 3)
        parts.append(
            "The bootstrap interval of the difference between BM25 and TF-IDF, its ends averaged over seeds, runs "
            f"from {low} to {high}, which shows how coarse a comparison so many queries allow."
        )
    return join(*parts)
