"""Checks of what stands behind a comparison: repetitions, and how sure the numbers are."""

from __future__ import annotations

import re
from statistics import mean

from peercycle.agents.reviewers.rubric.findings import Fault, Finding, nothing_there
from peercycle.agents.reviewers.rubric.inspection import Inspection, without_results
from peercycle.agents.reviewers.rubric.paper import Paper
from peercycle.agents.reviewers.rubric.quantities import P_VALUE, REPEATS, Pool, counts, estimates, intervals, masked
from peercycle.core.experiments import ExperimentResults, Measurement

ENOUGH_SEEDS = 3
FIRM_SEEDS = 5
"""With fewer, Student's factor is 3.2 or more; six seeds have 2.6, and hundreds 2.0."""
MANY_SEEDS = 10
"""More seeds than this add little to an interval over them."""
_INTERVAL_PARTS = frozenset({"ci95_low", "ci95_high", "sd"})
_PROSE = ("abstract", "results", "discussion", "conclusion", "other")


def seeds_suffice(i: Inspection) -> Finding:
    """Every experiment whose numbers are printed was run over at least three seeds."""
    name = "experiments-are-repeated"
    results = i.results
    if results is None:
        return without_results(i, name)
    seeds = seeds_by_experiment(results)
    faults = tuple(
        Fault(
            f"experiment {e!r} was run over {n} seed{'s' * (n != 1)}: repeat it over at least {ENOUGH_SEEDS}",
            None,
            "evidence",
        )
        for e, n in sorted(seeds.items())
        if n < ENOUGH_SEEDS
    )
    listed = ", ".join(f"{e}: {n}" for e, n in sorted(seeds.items()))
    depth = mean(min(1.0, n / MANY_SEEDS) for n in seeds.values())
    suggestions = _more_seeds(results, seeds)
    return Finding(name, f"seeds per experiment: {listed}", faults, 0.7 + 0.3 * depth, suggestions=suggestions)


def _more_seeds(results: ExperimentResults, seeds: dict[str, int]) -> tuple[Fault, ...]:
    """Suggest more seeds once for all experiments with few; a variant, read beside its study, is none of them."""
    few = [e for e, n in sorted(seeds.items()) if ENOUGH_SEEDS <= n < FIRM_SEEDS and not is_variant(e, results)]
    if not few:
        return ()
    listed = ", ".join(f"{e!r} over {seeds[e]}" for e in few)
    text = f"run over few seeds, so that Student's intervals are wide: {listed}; run each over {FIRM_SEEDS} at least"
    return (Fault(text, None, "evidence"),)


def is_variant(experiment: str, results: ExperimentResults) -> bool:
    """Tell whether an experiment is the program of another one before it with other parameters: an ablation."""
    known = next((e for e in results.experiments if e.id == experiment), None)
    earlier = results.experiments[: results.experiments.index(known)] if known else ()
    return known is not None and any(e.script == known.script and e.parameters != known.parameters for e in earlier)


def seeds_by_experiment(results: ExperimentResults) -> dict[str, int]:
    """Return over how many seeds each experiment has numbers."""
    seeds: dict[str, set[int]] = {m.experiment: set() for m in results.measurements}
    for m in results.measurements:
        if m.seed is not None:
            seeds[m.experiment].add(m.seed)
    return {experiment: max(1, len(found)) for experiment, found in seeds.items()}


def means_have_intervals(i: Inspection) -> Finding:
    """A printed mean over seeds is printed with its interval or standard deviation."""
    name = "means-have-intervals"
    results = i.results
    if results is None:
        return without_results(i, name)
    by_id = {m.id: m for m in results.measurements}
    shown = [by_id[n.measurement] for n in i.numbers if n.measurement in by_id and n.status in {"bound", "simulated"}]
    means = {m.id: frozenset(m.derived.of) for m in shown if m.derived and m.derived.statistic in {"mean", "median"}}
    if not means:
        return nothing_there(name, "no mean over seeds is printed", absent=0.5)
    groups = [[by_id[name] for name in group if name in by_id] for group in i.together]
    bare = sorted(m for m, parts in means.items() if not any(_has_interval(m, parts, g) for g in groups))
    faults = tuple(
        Fault(
            f"the mean {m!r} is printed without its interval",
            None,
            "text" if _has_spread(results, means[m]) else "evidence",
        )
        for m in bare
    )
    return Finding(name, f"{len(means) - len(bare)} of {len(means)} printed means come with an interval", faults)


def _has_interval(mean: str, parts: frozenset[str], group: list[Measurement]) -> bool:
    """Tell whether a paragraph or table shows a mean together with both ends of its interval, or its deviation."""
    kinds = {m.derived.statistic for m in group if m.derived and frozenset(m.derived.of) == parts}
    return any(m.id == mean for m in group) and ("sd" in kinds or {"ci95_low", "ci95_high"} <= kinds)


def _has_spread(results: ExperimentResults, parts: frozenset[str]) -> bool:
    return any(
        m.derived and m.derived.statistic in _INTERVAL_PARTS and frozenset(m.derived.of) == parts
        for m in results.measurements
    )


def estimates_have_spread(i: Inspection) -> Finding:
    """Estimates in the text come with intervals, deviations or p-values; a sentence said twice counts once."""
    name = "estimates-have-uncertainty"
    covered = pool_of_spread(i)
    lines = {masked(line): line for part in i.paper.of(*_PROSE) for line in part.sentences}.values()
    values = sum(not covered.holds(n.number) for line in lines for n in estimates(line))
    spans = sum(len(intervals(line)) for line in lines)
    tests = sum(len(list(P_VALUE.finditer(line))) for line in lines) if named_tests(i.paper) else 0
    cells = [c for t in i.paper.tables for row in t.data for c in row[1:] if c.numbers]
    spread = sum(c.spread for c in cells)
    if not (values or cells or spans):
        return nothing_there(name, "no estimate is stated")
    evidence = (
        f"{values} estimates that no table gives with a spread stand beside {spans} intervals or deviations and "
        f"{tests} "
        f"p-values; {spread} of {len(cells)} table cells show a spread"
    )
    if not (spans or tests or spread):
        fault = Fault("no number comes with an interval, a standard deviation or a test", None, "evidence")
        return Finding(name, evidence, (fault,), 0.3)
    in_text = spans / max(1, spans + values)
    in_tests = tests / max(1, tests + values)
    in_tables = spread / max(1, len(cells))
    return Finding(
        name, evidence, credit=0.75 + 0.25 * min(1.0, (1.2 * in_text + 0.6 * in_tests + 0.6 * in_tables) / 1.8)
    )


def pool_of_spread(i: Inspection) -> Pool:
    """Return the numbers that tables give with a spread: where the text repeats them, they have one."""
    cells = (c for t in i.paper.tables for row in t.data for c in row[1:] if c.spread)
    return Pool(n.number.value for c in cells for n in c.numbers)


def repetitions_are_stated(i: Inspection) -> Finding:
    """The text says how often runs were repeated, or how many things were sampled, where it gives results."""
    name = "sample-sizes-are-stated"
    places: dict[str, set[str]] = {}
    for part in i.paper.parts:
        if part.role in {"related", "references", "introduction", "aside"}:
            continue
        for _, unit in counts(part.prose):
            places.setdefault(unit, set()).add(part.heading)
    mentions = sum(len(found) for found in places.values())
    repeated = sum(1 for what in places if REPEATS.search(what) or what == "n")
    if not i.paper.tables and not estimates("\n\n".join(p.prose for p in i.paper.of(*_PROSE))):
        return nothing_there(name, "no result is stated")
    credit = 0.6 * min(1.0, mentions / 3) + 0.4 * min(1.0, len(places) / 2) if places else 0.0
    faults = [Fault("say how many seeds, runs or samples stand behind the results")] * (not places)
    faults += [Fault(f"the paper never says that {n} runs stand behind its means") for n in _untold_runs(i)]
    evidence = (
        f"{len(places)} kinds of samples or runs are counted ({repeated} of repetitions) in {mentions} mentions"
    )
    return Finding(name, evidence, tuple(faults), 0.6 + 0.4 * credit if places else 0.2)


def _untold_runs(i: Inspection) -> list[int]:
    """Return the numbers of seeds, over which the results were repeated, that no section gives as a count."""
    ran = {n for n in seeds_by_experiment(i.results).values() if n > 1} if i.results else set[int]()
    told = {n for part in i.paper.parts if part.role != "related" for n, _ in counts(part.prose)}
    return sorted(ran) if ran and not ran & told else []


def tests_are_named(i: Inspection) -> Finding:
    """Where p-values stand, the test they come from is named."""
    name = "tests-are-named"
    prose = "\n\n".join(p.prose for p in i.paper.parts if p.role not in {"related", "references"})
    values = list(P_VALUE.finditer(prose))
    if not values:
        return nothing_there(name, "no p-value is stated", absent=0.5)
    named = named_tests(i.paper)
    fault = Fault(f"{len(values)} p-values are stated, but no test is named", weight=2.0)
    return Finding(
        name, f"{len(values)} p-values; tests named: {', '.join(named[:4]) or 'none'}", () if named else (fault,)
    )


def named_tests(paper: Paper) -> tuple[str, ...]:
    """Return the statistical tests that a paper names as its own, in lower case."""
    prose = "\n\n".join(p.prose for p in paper.parts if p.role not in {"related", "references", "limitations"})
    return _tests_in(prose)


def _tests_in(prose: str) -> tuple[str, ...]:
    return tuple(sorted({m.group().lower() for m in _TEST.finditer(prose)}))


_TEST = re.compile(
    r"\b(?:t[- ]tests?|wilcoxon|mann[–-]whitney|(?:permutation|randomi[sz]ation)s?[- ](?:\w+[- ])?(?:tests?|p)\b|permutation[- ]based|"
    r"permut(?:ed?|ing) (?:the )?(?:\w+ )?labels|anova|chi-?squared?|fisher|kruskal|log-?rank|mcnemar|"
    r"sign test|"
    r"regression(?! to the mean)|mixed[- ](?:effects?|model)|bootstrap\w*|likelihood[- ]ratio|z[- ]tests?|friedman|spearman|pearson|"
    r"kolmogorov|binomial test|wald|cox)\b",
    re.IGNORECASE,
)
