"""How the list was read, clustered and measured."""

from __future__ import annotations

from peercycle.agents.policies.extractive.forms import LIKE
from peercycle.agents.policies.extractive.latex import cite, escape, join, paragraphs
from peercycle.agents.policies.extractive.material import Material
from peercycle.agents.policies.extractive.naming import LEAST_TERM_WORKS, MOST_TERMS
from peercycle.agents.policies.extractive.numeric import study_named
from peercycle.agents.policies.extractive.planning import ABLATIONS, MOST_WORKS, STUDY, base_of
from peercycle.agents.policies.extractive.prose import counted, number_word, plural
from peercycle.core.writing import Section

_WEIGHTS = {
    "log": "one plus the logarithm of how often the work uses it",
    "bm25": "how often the work uses it, saturating as in BM25 with $k_1 = 1.2$",
    "binary": "its presence alone",
}

MOST_NAMED = 4
"""Works in another language that are named."""

FREQUENT_WORDS = (
    f"the at most {number_word(MOST_TERMS)} most frequent words that at least {number_word(LEAST_TERM_WORKS)} works use "
    f"and at least {number_word(LEAST_TERM_WORKS)} do not,"
)


def method(m: Material) -> Section | None:
    """Return the methods, or None where nothing was done."""
    if m.notes.facts.works < 2 and not m.study:
        return None
    studies = [f"\\paragraph{{{heading}.}} {text}" for heading, text in _studies(m)]
    return Section(
        heading="Method",
        role="method",
        body=paragraphs(_supplied(m), _reading(m), _clustering(m), *studies, _seeds(m), _guide(m), _not_run(m)),
    )


def _supplied(m: Material) -> str:
    if m.study is None:
        return ""
    done = (
        "was run as it is, once per seed, in the sandbox"
        if m.experiments_run
        else "was not run, because this run had no experiments"
    )
    return (
        f"\\paragraph{{The supplied study.}} The program ``{m.study}'' came with the task and {done}. It was neither "
        "written nor changed for this paper; what its metrics mean is known only from their names."
    )


def _reading(m: Material) -> str:
    if m.notes.facts.works < 2:
        return ""
    return join(
        "\\paragraph{Reading.} Title and abstract of each work are cut into words; numbers, mathematics, markup and "
        "web addresses are dropped, a compound with a hyphen is one word, plain English plurals are undone, and a "
        "fixed list of English stop words, among them words that abstracts of every field use, is not counted. Entries "
        "that share a DOI or an arXiv identifier are one work, and so are entries of one title, year and first author, unless their "
        "identifiers differ.",
        _languages(m),
    )


def _languages(m: Material) -> str:
    apart = m.notes.facts.other_language
    if not apart or m.notes.declined is not None:
        return ""
    named, number = m.citable(apart), len(apart)
    some = cite(named[:MOST_NAMED])
    among = some if len(named) <= MOST_NAMED else f", among them{some},"
    short = m.notes.facts.abstracts - number < m.settings.least_abstracts
    few = ", for which the rest are too few" if short else ""
    return (
        f"The {plural(number, 'abstract')} of {counted(number, 'work')}{among} {plural(number, 'is', 'are')}, by letters and "
        f"function words, in another language than most of the list; {plural(number, 'it is', 'they are')} on the map, but "
        f"left out of the studies of trends and gaps{few}."
    )


def _clustering(m: Material) -> str:
    strategy = m.notes.strategy
    if not m.notes.clusters:
        return ""
    weight = "once" if strategy.title_weight == 1 else ("twice" if strategy.title_weight == 2 else "three times")
    passages = (
        " A passage is a sentence of an abstract whose vector comes near to the cluster's mean direction; short "
        "sentences are preferred, and none is taken that opens with words that point back, as ``these'' or ``however'' do."
        if m.quotes
        else ""
    )
    fewer = ""
    if len(m.notes.clusters) < strategy.clusters:
        fewer = (
            " Clusters of a single work were joined to the nearest one where they share words, which left "
            f"{number_word(len(m.notes.clusters))}."
        )
    return (
        "\\paragraph{Clustering.} A work is a vector over the words that at least two works and not most of them "
        f"use; a word weighs {_WEIGHTS[strategy.weighting]}, times its inverse document frequency, and the title "
        f"counts {weight}. Spherical $k$-means with $k = {strategy.clusters}$, the best of several starts, gives the "
        f"clusters.{fewer}{passages}"
    )


def _studies(m: Material) -> list[tuple[str, str]]:
    texts = {
        "stability": (
            "Cluster stability",
            "The works are drawn again with replacement, the distinct works among them are clustered anew with the "
            "same weights and the same number of clusters, and the result is compared with the map: over all works "
            "drawn by the adjusted Rand index, for each cluster by its largest Jaccard similarity with a new cluster. "
            "The same is done after shuffling every word over the works, which shows what the procedure finds "
            "where words carry no structure. An adjusted Rand index of 1 is identity and 0 is what chance gives. "
            "By Hennig's marks, a cluster whose mean Jaccard similarity is 0.75 or more is stable, and one of 0.5 "
            "or less is dissolved.",
        ),
        "retrieval": (
            "Retrieval",
            f"Each seed draws four fifths of the works with title and abstract{_at_most(m)}. Each title of these is a "
            "query, and the right answer is the abstract of the same work among the abstracts drawn. Okapi BM25 "
            "($k_1 = 1.2$, $b = 0.75$) is compared with cosines of TF-IDF vectors; means are of reciprocal ranks, ties "
            "share the middle rank, and a percentile bootstrap over the queries (one thousand resamples) gives intervals "
            "and that of the paired difference.",
        ),
        "trends": (
            "Trends",
            f"For each of {FREQUENT_WORDS} among the dated works with an abstract, the statistic is the "
            "correlation between a work's year and its use of the word. Years are permuted among the works "
            f"({permutations(m, 'trends')} permutations per seed), and the single-step max-T procedure of Westfall "
            "and Young corrects the $p$-values for testing many words. A word passes where its corrected $p$-value, for every "
            "seed, is below 0.05.",
        ),
        "gaps": (
            "Gaps",
            f"For each pair of {FREQUENT_WORDS} whose expected number of joint works is at least one and that do not "
            f"share their first {number_word(LIKE)} letters, as forms of one word do, the "
            "number of works that use both is compared with what chance gives when each word is spread over the "
            f"works on its own ({permutations(m, 'gaps')} permutations per seed), again corrected for the number of "
            "pairs by the single-step procedure, and a pair passes where its "
            "corrected $p$-value, for every seed, is below 0.05.",
        ),
    }
    found = [texts[name] for name in m.notes.planned if name in texts]
    ablations = [name for name in m.notes.planned if name in ABLATIONS and m.ran(name)]
    if ablations:
        found.append(("Ablations", join(*(_ablation(name) for name in ablations))))
    numeric = m.notes.numeric
    if numeric is not None and numeric.study in m.notes.planned:
        found.append(
            (
                "A numerical study",
                f"{study_named(numeric.study).method} It was added because the topic calls for it: the match is "
                f"{numeric.score:.2f}, the smaller of the share of the study's marks that the topic holds "
                f"({numeric.topic_share:.2f}) and the share of works that name its subject "
                f"({numeric.works_share:.2f}), and the threshold is {m.settings.numeric_threshold:.2f}.",
            )
        )
    return found


def permutations(m: Material, experiment: str) -> int:
    """Return the permutations of a test as it was run, or as it is planned."""
    ran = m.findings.experiment(experiment)
    number = ran.parameters.get("permutations") if ran is not None else None
    return number if isinstance(number, int) else m.settings.permutations


def _at_most(m: Material) -> str:
    return f", but at most {MOST_WORKS}" if 0.8 * m.notes.facts.abstracts > MOST_WORKS else ""


def _ablation(name: str) -> str:
    what = "with stop words kept" if name.endswith("-all-words") else "with words counted in abstracts alone"
    study = {"retrieval": "The retrieval", "stability": "The stability study", "gaps": "The study of gaps"}
    return f"{study.get(base_of(name), 'The study of trends')} was repeated {what}."


def _seeds(m: Material) -> str:
    if not m.reported and not m.ran(STUDY):
        return ""
    drawn = (
        "For the studies of the list a seed decides only what is drawn or permuted, so such an interval says how far "
        "the figure depends on the drawing, and not how it would come out on another list."
        if m.reported
        else ""
    )
    return join(
        "Every study is repeated over seeds. An interval in brackets after a mean is a 95\\% Student $t$ interval "
        "over the seeds; where it is missing, every seed gave the same number or there was one seed only, and it "
        "is not cut at the ends of a scale.",
        drawn,
    )


def _guide(m: Material) -> str:
    if not m.notes.reading_guide or not m.reported:
        return ""
    texts = {
        "stability": "The adjusted Rand index counts the pairs of works on which two ways of clustering agree, "
        "corrected for chance. A Jaccard similarity is the share of the works of two clusters that lie in both.",
        "retrieval": "A reciprocal rank is 1 where the right abstract comes first, 1/2 where it comes second, and so "
        "on; its mean rewards right answers near the top.",
        "trends": "A shift of two years means that the works with the word are on average two years younger than "
        "those without it.",
        "gaps": "The expected number of joint works is what two words as frequent as these would share if each were "
        "spread over the works on its own.",
    }
    return f"\\paragraph{{How to read the figures.}} {join(*(texts[name] for name in m.reported))}"


def _not_run(m: Material) -> str:
    if not m.concluded:
        return "At this point of the writing none of the studies has been run." if m.notes.planned else ""
    if m.notes.declined and m.notes.facts.works:
        return f"No study of the list was done: {escape(m.notes.declined)}."
    if not m.experiments_run:
        return (
            "No program was run for this paper, because the run had no experiments. Clustering and "
            "quotation need none; stability, retrieval, trends and gaps were not measured, and the paper reports no "
            "measured figure."
        )
    return ""
