"""Questions that follow from what the studies of the list measured, each with what it follows from."""

from __future__ import annotations

from peercycle.agents.policies.extractive.findings import undecided
from peercycle.agents.policies.extractive.latex import cite, escape
from peercycle.agents.policies.extractive.material import Material
from peercycle.agents.policies.extractive.notes import Cluster
from peercycle.agents.policies.extractive.prose import listed, plural, shares
from peercycle.agents.policies.extractive.sections import result_gaps, result_stability, result_trends

MOST_NAMED = 3
"""Words and pairs that one question names, those of the smallest corrected p first."""
ELSEWHERE = "such as their methods or the works they cite"


def of_pairs(m: Material) -> list[str]:
    """Return the question after pairs that some works join, fewer than chance would have it or perhaps so."""
    if not m.ran("gaps"):
        return []
    below = result_gaps.below_chance(m)
    found = below or undecided(m.findings, "gaps")
    some = [g for g in result_gaps.reported_pairs(m) if g in found and m.findings.value("gaps", "joint_works", g)]
    named = [group for group in some if group not in m.notes.other_forms][:MOST_NAMED]
    if not named:
        return []
    them = plural(len(named), "this pair", "these pairs")
    basis = f"The list joins {them} less often than chance would have it." if below else _pair_undecided(them)
    return [f"Which works beyond the list join {result_gaps.pairs_in_words(m, named)}? {basis}"]


def _pair_undecided(them: str) -> str:
    return f"The list seldom joins {them}, and the test does not decide whether that is chance."


def of_trends(m: Material) -> list[str]:
    """Return the questions after words whose works are later or earlier than others, or perhaps so."""
    if not m.ran("trends"):
        return []
    ranked = [m.shown_term(group) for group in result_trends.ranked_groups(m)]
    later, earlier = ([word for word in ranked if word in words] for words in result_trends.shifted(m))
    asked = [
        f"Has research turned to {_quoted(later)}, or only this list? {_basis(later, 'later')}" if later else "",
        f"Has research turned from {_quoted(earlier)}, or does it say the same in other words? "
        f"{_basis(earlier, 'earlier')}"
        if earlier
        else "",
    ]
    open_ = [m.shown_term(group) for group in undecided(m.findings, "trends")]
    if open_ and not later and not earlier:
        asked.append(
            f"Does the use of {_quoted(open_, 'or')} change over the years in works beyond the list? On the list, the "
            "test does not decide."
        )
    return [question for question in asked if question]


def _quoted(words: list[str], conjunction: str = "and") -> str:
    return listed([f"``{word}''" for word in words[:MOST_NAMED]], conjunction)


def _basis(words: list[str], when: str) -> str:
    each = "The works of the list that use it are" if len(words) == 1 else "For each, the works that use it are"
    return f"{each} {when} than chance would have it."


def of_clusters(m: Material) -> list[str]:
    """Return the question after how firm the clusters are: all of them, or one or two by name."""
    total = len(m.notes.clusters)
    if total < 2 or not m.ran("stability"):
        return []
    firmer = f"Do the works fall into firmer groups by something else than their words, {ELSEWHERE}? By their words,"
    if result_stability.all_dissolved(m):
        return [f"{firmer} {shares(total, total, 'cluster')} dissolve on drawn works."]
    gains = m.findings.per_seed("stability", "adjusted_rand_gain")
    above = sum(gain.value > 0 for gain in gains)
    if above < len(gains):
        held = shares(above, len(gains), "seed")
        return [f"{firmer} the clusters hold up better than clusters of shuffled words in {held}."]
    return _dissolved(m) or _apart(m)


def _dissolved(m: Material) -> list[str]:
    named = [cluster for cluster in result_stability.dissolved(m) if says_much(cluster)]
    return [
        f"What, beside their words, do the works under ``{escape(cluster.name)}''{cite(m.citable(cluster.keys)[:3])} "
        "have in common? As a cluster they dissolve on drawn works."
        for cluster in named[:1]
    ]


def _apart(m: Material) -> list[str]:
    named = [cluster for cluster in result_stability.stable(m) if says_much(cluster)]
    if len(named) < 2:
        return []
    names = " and ".join(f"``{escape(cluster.name)}''" for cluster in named[:2])
    return [
        f"Which works beyond the list bridge {names}? Both clusters are stable on drawn works, so by their words the "
        "list keeps the two apart."
    ]


def of_doubtful_clusters(m: Material) -> list[str]:
    """Return the question after a cluster that is neither stable nor dissolved: for a list that raises no other."""
    if len(m.notes.clusters) < 2 or not m.ran("stability"):
        return []
    settled = {cluster.label for cluster in (*result_stability.stable(m), *result_stability.dissolved(m))}
    named = [cluster for cluster in m.notes.clusters if cluster.label not in settled and says_much(cluster)]
    return [
        f"Would a longer list bear out the cluster ``{escape(cluster.name)}''{cite(m.citable(cluster.keys)[:3])}? On "
        "drawn works it is neither stable nor dissolved."
        for cluster in named[:1]
    ]


def says_much(cluster: Cluster) -> bool:
    """Return whether a cluster's name says enough for a question: one word that two works share may say nothing."""
    return len(" ".join(cluster.terms).split()) > 1 or (len(cluster.keys) > 2 and bool(cluster.terms))
