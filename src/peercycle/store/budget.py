"""Reserving, spending and giving back: what a run has used of its budget, counted inside the effect's transaction."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal

from peercycle.core.errors import StoreError
from peercycle.core.modelling import Usage
from peercycle.core.runs import Budget, SpendingLine

SpendingState = Literal["reserved", "settled", "released", "lost"]


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


def read_requests(connection: sqlite3.Connection, *states: SpendingState) -> int:
    """Return how many requests to online sources the attempts in these states have sent, or may send."""
    marks = ", ".join("?" * len(states))
    row = connection.execute(
        f"SELECT COALESCE(SUM(requests), 0) FROM spending WHERE requests > 0 AND state IN ({marks})",  # noqa: S608
        states,
    ).fetchone()
    return int(row[0])


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
