"""Which version is the best so far, and whether to go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from peercycle.core.counting import counted
from peercycle.core.errors import StageError
from peercycle.core.runs import EndReason, RunOptions
from peercycle.graphs.result import candidate_number
from peercycle.graphs.state import said_of

Candidate = Mapping[str, Any]


def best_of(candidates: Mapping[str, Candidate]) -> Candidate | None:
    """Return the candidate with the highest reward; the first of equals, and an unscored one only last."""
    order = sorted(candidates, key=candidate_number)
    return max((candidates[c] for c in order if not candidates[c].get("failure")), key=reward_of, default=None)


def reward_of(candidate: Candidate) -> float:
    """Return a candidate's reward; minus infinity where it could not be scored."""
    reward = candidate.get("reward")
    return float("-inf") if reward is None else float(reward)


def select(state: Mapping[str, Any], options: RunOptions) -> dict[str, Any]:
    """Compare what just came in with the best, and decide whether the loop ends, and why."""
    candidates: Mapping[str, Candidate] = state.get("candidates") or {}
    best: Candidate | None = state.get("best")
    if best is None:
        best = best_of(candidates)
        if best is None:
            none_left = StageError(f"every candidate failed: {_failures(candidates)}")
            none_left.settled = all(each["failure"]["settled"] for each in candidates.values())
            raise none_left
        return {"best": dict(best), "round": 0, "stale": 0, "ending": decide_ending(best, 0, 0, options)}
    latest = candidates[str(best["candidate"])]
    gained = not latest.get("failure") and reward_of(latest) > reward_of(best)
    if gained:
        best = latest
    round_ = int(state.get("round", 0)) + 1
    stale = 0 if gained else int(state.get("stale", 0)) + 1
    return {
        "best": dict(best),
        "round": round_,
        "stale": stale,
        "ending": decide_ending(best, round_, stale, options),
    }


def _failures(candidates: Mapping[str, Candidate]) -> str:
    """Return each error once, after the candidates that it ended."""
    ended: dict[str, list[str]] = {}
    for name in sorted(candidates, key=candidate_number):
        ended.setdefault(said_of(candidates[name]["failure"]), []).append(name)
    return "; ".join(f"{', '.join(names)}: {error}" for error, names in ended.items())


def decide_ending(best: Candidate, round_: int, stale: int, options: RunOptions) -> dict[str, str] | None:
    """Return why the loop ends here, or None where it goes on."""
    reason: EndReason
    if best.get("decision") == "accept":
        reason, message = (
            "accepted",
            f"the reviewer {options.reviewer!r} accepted it after {counted(round_, 'round')}",
        )
    elif round_ >= options.rounds:
        reason, message = "round_limit", f"{round_} of {options.rounds} rounds were done"
    elif stale >= options.patience:
        reason, message = "no_gain", f"{counted(stale, 'round')} in a row without a better reward"
    else:
        return None
    return {"reason": reason, "message": message}


def revision_of(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state with which the best version enters the next round.

    Its visits are those of the candidate's whole path, discarded revisions included: no effect's key comes twice.
    """
    best = dict(state["best"])
    latest = state["candidates"][str(best["candidate"])]
    best["visits"] = dict(latest["visits"])
    best["outcomes"] = latest.get("outcomes", best.get("outcomes"))
    best["round"] = int(state.get("round", 0)) + 1
    best.pop("failure", None)
    return best
