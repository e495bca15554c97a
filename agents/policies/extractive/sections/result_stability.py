"""Cluster stability in words, a table and a figure."""

from __future__ import annotations

from peercycle.agents.policies.extractive.findings import MOST_DIGITS, shown
from peercycle.agents.policies.extractive.latex import escape, figure, join, paragraphs, table
from peercycle.agents.policies.extractive.material import Material
from peercycle.agents.policies.extractive.notes import Cluster
from peercycle.agents.policies.extractive.prose import capital, listed, shares

STABLE, DISSOLVED = 0.75, 0.5
"""Hennig's (2007) marks: a mean Jaccard similarity of 0.75 is stable, one of 0.5 or less is dissolved."""
MARKS = (DISSOLVED, 0.6, STABLE, 0.85)
"""All marks: no similarity that is not one of them is printed as one."""


def stability(m: Material) -> str:
    """Return the subsection's text."""
    return paragraphs(join(_agreement(m), _per_cluster(m)), _table(m), _figure(m))


def _agreement(m: Material) -> str:
    f = m.findings
    observed, shuffled = (f.interval("stability", "adjusted_rand", group) for group in ("observed", "shuffled"))
    if not observed or not shuffled:
        return ""
    seeds = f.number_of_seeds("stability", "adjusted_rand", "observed")
    return join(
        f"Clusters found anew on drawn works agree with the map to a mean adjusted Rand index of {observed} over "
        f"{seeds} seeds. With the words shuffled over the works the index is {shuffled}{_gain(m)}.",
        verdict(m),
        "Figure~\\ref{fig:stability} shows the index of every sample of one seed." if _figure(m) else "",
    )


def _gain(m: Material) -> str:
    digits = m.findings.signed_digits(("stability", "adjusted_rand_gain", None))
    gain = m.findings.interval("stability", "adjusted_rand_gain", None, digits)
    return f"; the mean difference is {gain}" if gain else ""


def verdict(m: Material) -> str:
    """Return what the comparison with shuffled words says, seed by seed."""
    gains = m.findings.per_seed("stability", "adjusted_rand_gain")
    above = sum(gain.value > 0 for gain in gains)
    if not gains:
        return ""
    where = (
        "the index is higher for the works as they are than with words shuffled in "
        f"{shares(above, len(gains), 'seed')}"
    )
    if above == len(gains):
        return f"{capital(where)}."
    if above == 0:
        return (
            f"{capital(where)}: the clusters are a way of arranging the works, and no structure that the words "
            "impose."
        )
    return f"{capital(where)} only, so the clusters should be read as one arrangement among others."


def conclusion(m: Material) -> str:
    """Return what the comparison with shuffled words comes to."""
    gains = m.findings.per_seed("stability", "adjusted_rand_gain")
    total = len(_similarities(m))
    if not gains:
        return f"By Hennig's marks {_all_of(total)} dissolved." if all_dissolved(m) else ""
    better = all(gain.value > 0 for gain in gains)
    gone = f", {'but' if better else 'and'} by Hennig's marks {_all_of(total)} dissolved" if all_dissolved(m) else ""
    hold = "hold up better" if better else "do not reliably hold up better"
    return f"Under resampling the clusters {hold} than clusters of shuffled words do{gone}."


def _all_of(total: int) -> str:
    return f"{shares(total, total, 'cluster')} {'is' if total == 1 else 'are'}"


def group_of(cluster: Cluster) -> str:
    """Return a cluster's name in measurements."""
    return f"c{cluster.label + 1}"


def _similarities(m: Material) -> list[tuple[Cluster, float]]:
    rated = [(c, m.findings.value("stability", "cluster_jaccard", group_of(c))) for c in m.notes.clusters]
    return [(cluster, value) for cluster, value in rated if value is not None]


def all_dissolved(m: Material) -> bool:
    """Return whether the stability study was reported and found no cluster above the lowest of Hennig's marks."""
    known = _similarities(m) if m.ran("stability") else []
    return bool(known) and all(value <= DISSOLVED for _, value in known)


def dissolved(m: Material) -> list[Cluster]:
    """Return the clusters at or below the lowest of Hennig's marks, the least firm first."""
    known = sorted(_similarities(m), key=lambda rated: rated[1])
    return [cluster for cluster, value in known if value <= DISSOLVED]


def stable(m: Material) -> list[Cluster]:
    """Return the clusters that are stable by Hennig's marks, the firmest first."""
    known = sorted(_similarities(m), key=lambda rated: -rated[1])
    return [cluster for cluster, value in known if value >= STABLE]


def similarity_digits(m: Material) -> int:
    """Return the decimals, two or more, at which no mean similarity prints as a mark that it is not."""
    values = [value for _, value in _similarities(m) if all(abs(value - mark) > 1e-9 for mark in MARKS)]
    wide = (d for d in range(2, MOST_DIGITS) if not any(float(shown(value, d)) in MARKS for value in values))
    return next(wide, MOST_DIGITS)


def _per_cluster(m: Material) -> str:
    known = _similarities(m)
    if not known:
        return ""
    stable = [escape(c.name) for c, value in known if value >= STABLE]
    gone = [escape(c.name) for c, value in known if value <= DISSOLVED]
    total = len(known)
    if len(gone) == total:
        return f"By Hennig's marks {_all_of(total)} dissolved; Table~\\ref{{tab:clusters}} gives them one by one."
    first = f"By Hennig's marks {shares(len(stable), total, 'cluster')} {'is' if len(stable) < 2 else 'are'} stable"
    second = f"and {shares(len(gone), total, 'cluster')} {'is' if len(gone) < 2 else 'are'} dissolved"
    second = second if gone else f"and {'neither' if total == 2 else 'none'} is dissolved"
    quoted = listed([f"``{name}''" for name in gone])
    named = f" ({quoted})" if gone else ""
    if len(stable) == total:
        return f"{first}; Table~\\ref{{tab:clusters}} gives them one by one."
    return f"{first} {second}{named}; Table~\\ref{{tab:clusters}} gives them one by one."


def _table(m: Material) -> str:
    f = m.findings
    cells = [("stability", "cluster_jaccard", group_of(cluster)) for cluster in m.notes.clusters]
    similar = f.column(cells, similarity_digits(m))
    rows = [
        (escape(cluster.name), f.mean("stability", "cluster_size", group_of(cluster), 0), similarity)
        for cluster, similarity in zip(m.notes.clusters, similar, strict=True)
    ]
    return table(
        "The clusters, the number of their works, and the mean Jaccard similarity with the nearest cluster found on "
        "drawn works, with its 95\\% interval over seeds.",
        "tab:clusters",
        "p{0.5\\linewidth}rr",
        ("Cluster", "Size (works)", "Similarity"),
        rows,
    )


def _figure(m: Material) -> str:
    files = m.findings.files("stability")
    if not files:
        return ""
    return figure(
        "stability.png",
        f"Adjusted Rand index of every bootstrap sample of seed {files[0][0].seed}, for the works as they are and "
        "with words shuffled; lines are means.",
        "fig:stability",
    )
