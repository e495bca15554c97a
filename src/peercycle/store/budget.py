"""Reserving, spending and giving back: what a run may still use, decided inside the effect's transaction."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from typing import Literal

from peercycle.core.counting import counted
from peercycle.core.errors import BudgetExceededError, StoreError
from peercycle.core.modelling import Usage
from peercycle.core.runs import Budget, SpendingLine

SpendingState = Literal["reserved", "settled", "released", "lost"]

_SLACK = 1e-9
"""Relative slack of a comparison, so that three times 0.1 fits into 0.3."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What all attempts of a run have used, and what those in flight may use at worst."""

    tokens: int
    cost: float
    unknown_costs: int
    """How many attempts used a model at an unknown price."""
    model_calls: int
    sandbox_seconds: float
    hours: float
    reserved_tokens: int
    reserved_cost: float
    reserved_model_calls: int
    reserved_sandbox_seconds: float


def uses_nothing(usage: Usage) -> bool:
    """Whether a use leaves every total as it is."""
    return not (
        usage.prompt_tokens
        or usage.completion_tokens
        or usage.model_calls
        or usage.sandbox_seconds
        or usage.requests
        or usage.cost
    )


def has_unknown_cost(usage: Usage) -> bool:
    """Whether a model was used at a price that nobody stated; what uses no model costs nothing."""
    return usage.cost is None and bool(usage.tokens or usage.model_calls)


def read_totals(connection: sqlite3.Connection) -> Totals:
    """Read what was spent and what is in flight."""
    spent = connection.execute(
        "SELECT tokens_spent, cost_spent, unknown_costs, model_calls_spent, sandbox_seconds_spent, seconds_worked "
        "FROM runs"
    ).fetchone()
    reserved = connection.execute(
        "SELECT COALESCE(SUM(prompt_tokens + completion_tokens), 0), TOTAL(cost), "
        "COALESCE(SUM(model_calls), 0), TOTAL(sandbox_seconds) FROM spending WHERE state = 'reserved'"
    ).fetchone()
    tokens, cost, unknown, calls, seconds, worked = spent
    return Totals(tokens, cost, unknown, calls, seconds, worked / 3600, *reserved)


def check_budget(connection: sqlite3.Connection, budget: Budget, reserve: Usage, *, finishing: bool) -> None:
    """Raise `BudgetExceededError` where the worst case of the next effect does not fit.

    An effect that reserves nothing (a look at the clock, a question) always fits. `finishing` may use the
    share that is kept back, and may work after `until`: that is the time at which a run begins to finish.
    """
    if uses_nothing(reserve):
        return
    totals = read_totals(connection)
    _check_cost_is_known(budget, totals, reserve)
    share = 1.0 if finishing else 1.0 - budget.kept_for_finish
    wants: tuple[tuple[str, float | None, float, float], ...] = (
        ("tokens", budget.tokens, totals.tokens + totals.reserved_tokens, reserve.tokens),
        ("cost", budget.cost, totals.cost + totals.reserved_cost, reserve.cost or 0.0),
        ("model_calls", budget.model_calls, totals.model_calls + totals.reserved_model_calls, reserve.model_calls),
        (
            "sandbox_seconds",
            budget.sandbox_seconds,
            totals.sandbox_seconds + totals.reserved_sandbox_seconds,
            reserve.sandbox_seconds,
        ),
    )
    for name, limit, used, want in wants:
        if limit is not None and want > 0 and used + want > limit * share * (1 + _SLACK):
            raise _exceeded(name, limit, used, want, kept=limit * (1 - share))
    if budget.requests is not None and reserve.requests:
        used = read_requests(connection, "reserved", "settled", "lost", "released")
        if used + reserve.requests > budget.requests * share:
            raise _exceeded("requests", budget.requests, used, reserve.requests, kept=budget.requests * (1 - share))
    if budget.hours is not None and totals.hours >= budget.hours * share:
        raise _exceeded("hours", budget.hours, totals.hours, 0.0, kept=budget.hours * (1 - share))
    if budget.until is not None and not finishing and time.time() >= budget.until:
        raise BudgetExceededError("the time that the budget ends at has come; resume with a later `--until`")


def read_requests(connection: sqlite3.Connection, *states: SpendingState) -> int:
    """Return how many requests to online sources the attempts in these states have sent, or may send."""
    marks = ", ".join("?" * len(states))
    row = connection.execute(
        f"SELECT COALESCE(SUM(requests), 0) FROM spending WHERE requests > 0 AND state IN ({marks})",  # noqa: S608
        states,
    ).fetchone()
    return int(row[0])


def _check_cost_is_known(budget: Budget, totals: Totals, reserve: Usage) -> None:
    if budget.cost is None or not (reserve.cost or has_unknown_cost(reserve)):
        return
    if has_unknown_cost(reserve):
        raise BudgetExceededError(
            f"the budget has a cost limit of {budget.cost:g}, and the price of the next model call is unknown; "
            "give the model its prices, or resume without a cost limit"
        )
    if totals.unknown_costs:
        raise BudgetExceededError(
            f"the budget has a cost limit of {budget.cost:g}, and the price of "
            f"{counted(totals.unknown_costs, 'earlier model call')} is unknown; resume without a cost limit"
        )


def _exceeded(name: str, limit: float, used: float, want: float, kept: float) -> BudgetExceededError:
    asks = f", and the next effect may use {want:g}" if want else ""
    keeps = f" ({kept:g} kept for the finish)" if kept else ""
    return BudgetExceededError(
        f"budget of {name}: {used:g} of {limit:g}{keeps} is spent or reserved{asks}; "
        f"resume with a larger budget to go on"
    )


def spend(connection: sqlite3.Connection, usage: Usage, sign: Literal[1, -1] = 1) -> None:
    """Add a use to the run's totals, or take one back that is about to be put right."""
    if uses_nothing(usage):
        return
    connection.execute(
        "UPDATE runs SET tokens_spent = tokens_spent + ?, cost_spent = cost_spent + ?, "
        "unknown_costs = unknown_costs + ?, model_calls_spent = model_calls_spent + ?, "
        "sandbox_seconds_spent = sandbox_seconds_spent + ?",
        (
            sign * usage.tokens,
            sign * (usage.cost or 0.0),
            sign * has_unknown_cost(usage),
            sign * usage.model_calls,
            sign * usage.sandbox_seconds,
        ),
    )


def end_attempt(
    connection: sqlite3.Connection, effect_id: int, attempt: int, state: SpendingState, used: Usage | None
) -> None:
    """Turn an attempt's reservation into what it used; None means all of it, for an attempt that was lost.

    An attempt that was settled already stays as it is; one that was counted as lost is put right.
    """
    row = connection.execute(
        "SELECT state, prompt_tokens, completion_tokens, model_calls, sandbox_seconds, requests, cost "
        "FROM spending WHERE effect_id = ? AND attempt = ?",
        (effect_id, attempt),
    ).fetchone()
    if row is None:
        raise StoreError(f"effect {effect_id} has no attempt {attempt}: its ticket is not of this run")
    before = usage_of(row[1:])
    if row[0] == "settled":
        return
    if row[0] != "reserved":
        spend(connection, before, -1)
    after = before if used is None else used
    if row[0] in ("reserved", "lost") and has_unknown_cost(after) and before.cost is not None:
        # The price is known, only the bill is missing: the worst case stands.
        after = after.model_copy(update={"cost": before.cost})
    spend(connection, after)
    connection.execute(
        "UPDATE spending SET state = ?, prompt_tokens = ?, completion_tokens = ?, model_calls = ?, "
        "sandbox_seconds = ?, requests = ?, cost = ?, engine_seconds = ? WHERE effect_id = ? AND attempt = ?",
        (state, *usage_columns(after), after.engine_seconds, effect_id, attempt),
    )


def write_off_reservations(connection: sqlite3.Connection, fence: int) -> int:
    """Count what dead drivers had in flight as spent, and return how many attempts that were."""
    lost = connection.execute(
        "SELECT effect_id, attempt FROM spending WHERE state = 'reserved' AND fence < ?", (fence,)
    ).fetchall()
    for effect_id, attempt in lost:
        end_attempt(connection, effect_id, attempt, "lost", None)
    return len(lost)


def spending_lines(connection: sqlite3.Connection, budget: Budget) -> tuple[SpendingLine, ...]:
    """Return every limit with what was used of it."""
    totals = read_totals(connection)
    cost = None if totals.unknown_costs else totals.cost
    return (
        SpendingLine(name="tokens", limit=budget.tokens, spent=totals.tokens, reserved=totals.reserved_tokens),
        SpendingLine(name="cost", limit=budget.cost, spent=cost, reserved=totals.reserved_cost),
        SpendingLine(name="hours", limit=budget.hours, spent=totals.hours),
        SpendingLine(
            name="model_calls",
            limit=budget.model_calls,
            spent=totals.model_calls,
            reserved=totals.reserved_model_calls,
        ),
        SpendingLine(
            name="sandbox_seconds",
            limit=budget.sandbox_seconds,
            spent=totals.sandbox_seconds,
            reserved=totals.reserved_sandbox_seconds,
        ),
        SpendingLine(
            name="requests",
            limit=budget.requests,
            spent=read_requests(connection, "settled", "lost", "released"),
            reserved=read_requests(connection, "reserved"),
        ),
    )


def usage_columns(usage: Usage) -> tuple[int, int, int, float, int, float | None]:
    """Return a usage in the order of the columns of `spending`."""
    return (
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.model_calls,
        usage.sandbox_seconds,
        usage.requests,
        usage.cost,
    )


def usage_of(columns: tuple[int, int, int, float, int, float | None]) -> Usage:
    """Return the usage that columns of `spending` hold."""
    prompt, completion, calls, seconds, requests, cost = columns
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        model_calls=calls,
        sandbox_seconds=seconds,
        requests=requests,
        cost=cost,
    )
