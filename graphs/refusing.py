"""What a run is refused for before it begins, and what `auto` becomes where no sandbox need be asked."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from peercycle.core.contracts import SimulatingPolicy
from peercycle.core.errors import UnknownNameError, UsageError
from peercycle.core.nearest import did_you_mean
from peercycle.core.runs import SKIPPABLE, RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.graphs.models import HOW_TO_NAME
from peercycle.graphs.settings import backend_of, component_settings
from peercycle.graphs.trained import use_trained
from peercycle.plugins.manager import Kind, Plugins
from peercycle.store.policies import list_policies

AUTO, LOCAL, ONLINE = "auto", "local", "semantic-scholar"
"""Literature: what `auto` stands for with works to start from, and what it adds without any. Of policies, `auto` is
the one that uses a model where one is configured."""


def refuse_early(task: ResearchTask, options: RunOptions, plugins: Plugins) -> None:
    """Raise what a run with these options would be refused for, as far as no weights are hashed for it."""
    if options.policy != AUTO and options.policy in list_policies(Path(options.policies_dir)):
        return
    options, _ = resolve_literature(options, task)
    options, _ = with_policy(use_trained(options, plugins)[0], plugins)
    require_workable(options, plugins)


def with_policy(options: RunOptions, plugins: Plugins) -> tuple[RunOptions, str]:
    """Return the options with the policy that `auto` stands for, and a line on it."""
    if options.policy != AUTO:
        return options, f"policy: {options.policy}"
    configured = bool({"policy", "default"} & options.models.keys())
    policy = "prompted" if configured else "extractive"
    roles = f" to write with, but one as {', '.join(sorted(options.models))}" if options.models else ""
    why = (
        "a model is configured"
        if configured
        else f"no model is configured{roles} (--model, settings or PEERCYCLE_MODEL)"
    )
    if policy not in plugins.names("policies"):
        others = ", ".join(plugins.names("policies"))
        mend = f"; name one of {others} with --policy" if others else ", nor any other; load one that does"
        raise UsageError(f"{why}, and no loaded plugin offers the policy {policy!r} that would write then{mend}")
    return options.model_copy(update={"policy": policy}), f"policy: {policy}, because {why}"


def require_workable(options: RunOptions, plugins: Plugins) -> None:
    """Raise for what cannot work: a component, a setting, a price, a time, a stage that is left out."""
    _require_known(options, plugins)
    _require_skippable(options)
    require_prices(options)
    _require_time(options)
    _require_simulating(options, plugins)


def resolve_literature(options: RunOptions, task: ResearchTask) -> tuple[RunOptions, list[str]]:
    """Return the options with the sources that `auto` stands for, and a line where that is more than what is at hand."""
    if AUTO not in options.literature:
        return options, []
    corpora = component_settings(options, "literature", LOCAL).get("corpora")
    at_hand = bool(task.bibliography.entries or corpora)
    chosen = (LOCAL,) if at_hand else (LOCAL, ONLINE)
    named = tuple(dict.fromkeys(n for name in options.literature for n in (chosen if name == AUTO else (name,))))
    line = f"literature: {ONLINE}, because there is no bibliography to start from"
    return options.model_copy(update={"literature": named}), [] if at_hand else [line]


def _require_known(options: RunOptions, plugins: Plugins) -> None:
    """Make every component once: factories do no I/O, and a name or setting to mend must not leave a run behind."""
    named: list[tuple[Kind, str, str]] = [
        ("policies", options.policy, "policy"),
        ("reviewers", options.reviewer, "reviewer"),
        ("rewards", options.reward, "reward"),
    ]
    if options.judge:
        named.append(("reviewers", options.judge, "judge"))
    named.extend(("literature", name, "source") for name in options.literature)
    named.extend(("exporters", name, "exporter") for name in options.exporters)
    for kind, name, role in named:
        made = plugins.create(kind, name, component_settings(options, kind, name))
        if getattr(made, "needs_model", False) and not {role, "default"} & set(options.models):
            raise UsageError(f"the {role} {name!r} asks a language model, and none is configured: {HOW_TO_NAME}")
    for choice in options.models.values():
        backend, settings = backend_of(choice, options)
        _require_backend(choice.name, backend, plugins)
        plugins.create("models", backend, settings)


def _require_backend(model: str, backend: str, plugins: Plugins) -> None:
    """Raise for a model whose name begins with no backend, such as `gpt-4` or `openai:gpt-4`."""
    try:
        plugins.find("models", backend)
    except UnknownNameError:
        known = plugins.names("models")
        before, colon, behind = model.partition(":")
        # A whole name with a slash in it may be one that a compatible server gives: openai/meta-llama/Llama-3.
        meant = f"{before}/{behind}" if colon and before in known else f"openai/{model}"
        near = did_you_mean(backend, known) if "/" in model else ""
        raise UnknownNameError(
            f"model {model!r} names no backend{near or f': write BACKEND/MODEL, such as {meant}'}; backends are "
            f"{', '.join(known) or 'offered by no loaded plugin'}"
        ) from None


def _require_skippable(options: RunOptions) -> None:
    if unknown := sorted(set(options.skip) - SKIPPABLE):
        raise UsageError(f"stage {unknown[0]!r} cannot be skipped; these can: {', '.join(sorted(SKIPPABLE))}")
    if "conclude" in options.skip and options.rounds:
        raise UsageError("a run without 'conclude' cannot revise: set rounds = 0, or do not skip it")


def _require_time(options: RunOptions) -> None:
    until = options.budget.until
    if until is not None and until <= time.time():
        said = datetime.fromtimestamp(until, UTC).isoformat(" ", "seconds")
        raise UsageError(f"the budget ends at {said} (until = {until!r}), which is past; give a later time, or none")


def require_prices(options: RunOptions) -> None:
    """Raise `UsageError` for a money limit where a model has no price: what is unknown cannot be limited."""
    if options.budget.cost is None:
        return
    unpriced = [
        f"models.{role}.{name}"
        for role, choice in sorted(options.models.items())
        for name in ("prompt_price", "completion_price")
        if getattr(choice, name) is None
    ]
    if unpriced:
        raise UsageError(
            f"a money limit of {options.budget.cost} needs prices: set {', '.join(unpriced)}, or limit tokens instead"
        )


def _require_simulating(options: RunOptions, plugins: Plugins) -> None:
    if options.experiments != "simulate":
        return
    name = options.policy
    policy = plugins.create("policies", name, component_settings(options, "policies", name))
    if not isinstance(policy, SimulatingPolicy):
        raise UsageError(f"policy {name!r} was not trained to simulate experiments; use --experiments run or off")
