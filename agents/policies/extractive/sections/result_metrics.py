"""A study whose metrics this policy did not choose: every metric with mean, spread and interval."""

from __future__ import annotations

from peercycle.agents.policies.extractive.findings import bound
from peercycle.agents.policies.extractive.latex import escape, figure, join, paragraphs, table
from peercycle.agents.policies.extractive.material import Material
from peercycle.agents.policies.extractive.numeric import study_named
from peercycle.agents.policies.extractive.planning import STUDY
from peercycle.agents.policies.extractive.prose import counted, listed
from peercycle.core.experiments import Measurement

MOST_ROWS = 24


def digits_for(value: float) -> int:
    """Return the decimals that print three to four significant digits."""
    size = abs(value)
    if size == 0 or size >= 1000:
        return 0 if float(value).is_integer() else 1
    for limit, digits in ((100, 1), (10, 2), (1, 3), (0.1, 3), (0.01, 4), (0.001, 5), (0.0001, 6)):
        if size >= limit:
            return digits
    return 9


def supplied(m: Material) -> str:
    """Return the subsection on the user's own study."""
    return paragraphs(
        join(_head(m, STUDY, f"The supplied study ``{m.study}''"), *comparisons(m, STUDY), _failures(m, STUDY)),
        _table(m, STUDY, "tab:study", "The supplied study"),
        *_figures(m),
    )


def numerical(m: Material, name: str) -> str:
    """Return the subsection on a built-in numerical study."""
    study = study_named(name)
    return paragraphs(
        join(f"{study.question} {_head(m, name, 'The study')}", *comparisons(m, name), _failures(m, name)),
        _table(m, name, "tab:numerical", f"The numerical study: {study.quantity}"),
    )


def _label(tab: str) -> str:
    return f"Table~\\ref{{{tab}}}"


def _head(m: Material, experiment: str, subject: str) -> str:
    metrics = m.findings.metrics(experiment)
    seeds = m.findings.seeds(experiment)
    names = listed([f"``{escape(metric)}''" for metric in metrics])
    tab = "tab:study" if experiment == STUDY else "tab:numerical"
    of = "it" if len(metrics) == 1 else "each of them"
    spread = ", with its 95\\% interval over seeds" if seeds > 1 else ""
    return (
        f"{subject} was run with {counted(seeds, 'seed')} and reports {names}. {_label(tab)} gives the mean of "
        f"{of}{spread}."
    )


def comparisons(m: Material, experiment: str) -> list[str]:
    """Return, for each metric with several groups, which has the highest mean and whether intervals keep apart."""
    return [text for metric in m.findings.metrics(experiment) if (text := _comparison(m, experiment, metric))]


def _comparison(m: Material, experiment: str, metric: str) -> str:
    groups = [group for group in m.findings.groups(experiment, metric) if group is not None]
    means = {g: value for g in groups if (value := m.findings.value(experiment, metric, g)) is not None}
    if len(means) < 2:
        return ""
    order = sorted(means, key=lambda g: (-means[g], g))
    top, second, last = order[0], order[1], order[-1]
    name = f"``{escape(metric)}''"
    if means[top] == means[last]:
        return f"In {name} all groups have the same mean."
    digits = digits_for(means[top])
    if means[top] == means[second]:
        return f"In {name} the highest mean is shared by several groups; the lowest is that of ``{escape(last)}''."
    shown = m.findings.interval(experiment, metric, top, digits)
    lowest = m.findings.interval(experiment, metric, last, digits_for(means[last]))
    text = (
        f"In {name} the highest mean is that of ``{escape(top)}'' ({shown}), the lowest that of ``{escape(last)}'' "
    )
    text += f"({lowest})"
    first_ends, other_ends = (m.findings.ends(experiment, metric, group) for group in (top, last))
    if first_ends is None or other_ends is None:
        return f"{text}; with one seed no interval can be given."
    apart = "do not overlap" if first_ends[0] > other_ends[1] else "overlap"
    return f"{text}; their intervals {apart}."


def _table(m: Material, experiment: str, label: str, caption: str) -> str:
    f = m.findings
    rows: list[tuple[str, ...]] = []
    keys = [(metric, group) for metric in f.metrics(experiment) for group in f.groups(experiment, metric)]
    for metric, group in keys[:MOST_ROWS]:
        mean = f.statistic(experiment, metric, group, "mean")
        if mean is None:
            continue
        rows.append(
            (
                escape(metric) + (f" ({escape(mean.unit)})" if mean.unit else ""),
                escape(group or "all"),
                f.interval(experiment, metric, group, digits_for(mean.value)),
                _or_dash(f.statistic(experiment, metric, group, "sd")),
                f.number_of_seeds(experiment, metric, group),
            )
        )
    more = f" The first {len(rows)} of {len(keys)} rows." if len(keys) > len(rows) else ""
    return table(
        f"{caption}: mean over seeds with its 95\\% interval, standard deviation and number of seeds.{more}",
        label,
        "llrrr",
        ("Metric", "Group", "Mean", "SD", "Seeds"),
        rows,
    )


def _or_dash(measurement: Measurement | None) -> str:
    return "--" if measurement is None else bound(measurement, digits_for(measurement.value))


def _failures(m: Material, experiment: str) -> str:
    failed = m.findings.failures(experiment)
    if not failed:
        return ""
    return f"With {counted(len(failed), 'further seed')} it failed and gave no number."


def figure_name(path: str) -> str:
    """Return the name under which a file of the supplied study is printed."""
    stem = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in path)
    return f"study-{stem}"[-80:] if len(stem) > 74 else f"study-{stem}"


def _figures(m: Material) -> list[str]:
    return [
        figure(
            figure_name(file.path),
            f"A figure that the supplied study drew with seed {run.seed} ({escape(file.path)}).",
            f"fig:study{index + 1}",
        )
        for index, (run, file) in enumerate(m.findings.files(STUDY)[:3])
    ]
