"""What to do where a log gives no pair: it depends on what took most of them away."""

from __future__ import annotations

from collections.abc import Mapping

ADVICE: Mapping[str, str] = {
    "candidates that failed": "see `peercycle logs RUN` for what ended them",
    "candidates without a completion of the policy's model": "a policy without a model, such as extractive, gives none",
    "candidates without a reward": "run them with a reviewer and a reward",
    "candidates whose reward is not finite": "mend the reward",
    "candidates without text": "see `peercycle logs RUN` for what the model answered",
    "candidates without token ids": "sample with an engine that logs ids, or give --retokenize MODEL",
    "candidates cut at the token limit": "raise the engine's limit, or set truncated to may-lose",
    "candidates that repeat another": "sample at a higher temperature",
    "tasks with one candidate": "sample with --candidates 2 or more",
    "tasks whose rewards are all equal": "sample more candidates, or take a reward that tells them apart",
    "tasks that another iteration trains on": "lower shards, or name another iteration",
    "tasks of a later iteration": "raise iteration",
    "pairs whose winner was cut at the token limit": "raise the engine's limit of tokens",
    "pairs below the least margin": "lower --min-margin",
    "pairs whose margin is within the reviewers' noise": "lower min_margin_errors, or repeat the reviews",
    "pairs over the length ratio": "raise --max-length-ratio",
    "pairs that balance the lengths": "leave out --balance-lengths",
    "pairs beyond the most of a task": "raise --max-per-task",
    "pairs with a prompt over the limit": "raise --max-prompt-tokens",
    "pairs over the token limit": "raise --max-tokens",
    "pairs of two tokenizers": "give --retokenize MODEL",
    "pairs of nearly equal texts": "sample at a higher temperature, or raise near_duplicate",
    "pairs of a damaged run": "restore it from a copy",
    "episodes without token ids": "sample with an engine that logs ids, or give --retokenize MODEL",
    "episodes whose thoughts were told apart": "sample with an engine that logs ids",
    "episodes of more than one tokenizer": "give --retokenize MODEL",
    "episodes whose ids do not continue the turn before": "set discontinued to segment",
}
"""By what was left out, as a report names it."""


def advice(dropped: Mapping[str, int]) -> str:
    """Return what to do about that which was left out most; of two as many, about what was left out first."""
    if not dropped:
        return "nothing was scored: run tasks with --candidates 2 or more, and a reviewer"
    order = [*ADVICE]
    if all(reason.startswith("runs ") for reason in dropped):
        return "`peercycle status` says how each run stands, `peercycle resume RUN` goes on with one"
    most = max(dropped, key=lambda reason: (dropped[reason], -order.index(reason) if reason in ADVICE else -99))
    return ADVICE.get(most, "sample more candidates per task")
