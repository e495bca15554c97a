"""Whether the next effect fits into the budget, decided inside its transaction: what is in flight counts whole."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Iterator

from peercycle.core.counting import counted
from peercycle.core.errors import BudgetExceededError
from peercycle.core.modelling import Usage
from peercycle.core.runs import Budget
from peercycle.store.budget import Totals, has_unknown_cost, read_requests, read_totals, uses_nothing

_SLACK = 1e-9
"""Relative slack of a comparison, so that three times 0.1 fits into 0.3."""


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
    problems = list(_problems(connection, budget, totals, reserve, share))
    if problems:
        # What no waiting mends comes first.
        raise min(problems, key=lambda problem: problem.may_come_back)
    if budget.hours is not None and totals.hours >= budget.hours * share:
        raise _exceeded("hours", budget.hours, totals.hours, 0.0, share)
    if budget.until is not None and not finishing and time.time() >= budget.until:
        raise BudgetExceededError("the time that the budget ends at has come; resume with a later `--until`")


def _problems(
    connection: sqlite3.Connection, budget: Budget, totals: Totals, reserve: Usage, share: float
) -> Iterator[BudgetExceededError]:
    """Yield an error for every limit that the worst case does not fit into."""
    wants: list[tuple[str, float | None, float, float, float]] = [
        ("tokens", budget.tokens, totals.tokens, totals.reserved_tokens, reserve.tokens),
        ("cost", budget.cost, totals.cost, totals.reserved_cost, reserve.cost or 0.0),
        ("model_calls", budget.model_calls, totals.model_calls, totals.reserved_model_calls, reserve.model_calls),
        (
            "sandbox_seconds",
            budget.sandbox_seconds,
            totals.sandbox_seconds,
            totals.reserved_sandbox_seconds,
            reserve.sandbox_seconds,
        ),
    ]
    if budget.requests is not None and reserve.requests:
        sent = read_requests(connection, "settled", "lost", "released")
        wants.append(("requests", budget.requests, sent, read_requests(connection, "reserved"), reserve.requests))
    for name, limit, spent, reserved, want in wants:
        if limit is None or want <= 0:
            continue
        most = limit * share * (1 + _SLACK)
        if spent + reserved + want > most:
            error = _exceeded(name, limit, spent + reserved, want, share)
            error.may_come_back = spent + want <= most
            yield error


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


def _exceeded(name: str, limit: float, used: float, want: float, share: float) -> BudgetExceededError:
    kept = limit * (1 - share)
    asks = f", and the next effect may use {want:g}" if want else ""
    keeps = f" ({kept:g} kept for the finish)" if kept else ""
    # What was kept is used by the finish that comes now. Hours have no worst case: nobody knows how many would do.
    enough = f" (at least {_enough((used + kept + want) / share, cents=name == 'cost')})" if want else ""
    return BudgetExceededError(
        f"budget of {name}: {used:g} of {limit:g}{keeps} is spent or reserved{asks}; "
        f"resume with a larger budget{enough} to go on"
    )


def _enough(amount: float, *, cents: bool) -> str:
    """Return a limit that takes an amount: rounded up to whole units, or to cents."""
    amount *= 1 - _SLACK
    return f"{math.ceil(amount * 100) / 100:.2f}" if cents else str(math.ceil(amount))
