"""The journal: intent before the act, outcome after it, and never the same act twice."""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import dataclass

from peercycle.core.errors import StoreError
from peercycle.core.journal import EffectKey, EffectOutcome, EffectTicket
from peercycle.core.modelling import Usage
from peercycle.core.runs import Budget
from peercycle.store.bodies import Body
from peercycle.store.budget import end_attempt, usage_columns, usage_of
from peercycle.store.fitting import check_budget
from peercycle.store.schema import KEY_COLUMNS

KEY_MATCHES = f"({KEY_COLUMNS}) = (?, ?, ?, ?, ?, ?)"

_SETTLED = (
    "SELECT result, result_ref, error_type, error_message, attempts, effect_id FROM effects "  # noqa: S608 - as below
    f"WHERE {KEY_MATCHES} AND state = 'settled'"
)


_ANY = f"SELECT effect_id, attempts FROM effects WHERE {KEY_MATCHES}"  # noqa: S608 - column names of our own


@dataclass(frozen=True, slots=True)
class JournalledOutcome:
    """A settled effect as its row holds it: the result may lie in the artifact store."""

    result: Body
    error_type: str | None
    error_message: str
    usage: Usage
    attempts: int

    def outcome(self, result: str | None) -> EffectOutcome:
        """Return the outcome, given the text of its result."""
        return EffectOutcome(
            result=None if result is None else json.loads(result),
            error_type=self.error_type,
            error_message=self.error_message,
            usage=self.usage,
            attempts=self.attempts,
        )


def key_columns(key: EffectKey) -> tuple[str, str, int, str, str, int]:
    """Return a key in the order of its columns."""
    return (key.candidate, key.stage, key.visit, key.kind, key.request_sha256, key.occurrence)


def journalled_outcome(connection: sqlite3.Connection, key: EffectKey) -> JournalledOutcome | None:
    """Return what a settled effect answered, or None: what stands between a crash and a repeated act."""
    row = connection.execute(_SETTLED, key_columns(key)).fetchone()
    if row is None:
        return None
    used = connection.execute(
        "SELECT prompt_tokens, completion_tokens, model_calls, sandbox_seconds, requests, cost FROM spending "
        "WHERE effect_id = ? AND state = 'settled' ORDER BY attempt LIMIT 1",
        (row[5],),
    ).fetchone()
    usage = Usage() if used is None else usage_of(used)
    return JournalledOutcome(Body(row[0], row[1]), row[2], row[3], usage, row[4])


def begin(
    connection: sqlite3.Connection,
    key: EffectKey,
    request: Body,
    reserve: Usage,
    budget: Budget,
    fence: int,
    *,
    finishing: bool,
) -> JournalledOutcome | EffectTicket:
    """Return the journalled outcome, or record the intent and its reservation. Raises `BudgetExceededError`."""
    row = connection.execute(_ANY, key_columns(key)).fetchone()
    if row is None:
        check_budget(connection, budget, reserve, finishing=finishing)
        effect_id, attempt = _insert_intent(connection, key, request), 1
    else:
        found = journalled_outcome(connection, key)
        if found is not None:
            return found
        check_budget(connection, budget, reserve, finishing=finishing)
        effect_id, attempt = row[0], row[1] + 1
        _repeat_intent(connection, effect_id, attempt)
    connection.execute(
        "INSERT INTO spending (effect_id, attempt, candidate, stage, kind, state, prompt_tokens, completion_tokens, "
        "model_calls, sandbox_seconds, requests, cost, fence) "
        "VALUES (?, ?, ?, ?, ?, 'reserved', ?, ?, ?, ?, ?, ?, ?)",
        (effect_id, attempt, key.candidate, key.stage, key.kind, *usage_columns(reserve), fence),
    )
    return EffectTicket(effect_id=effect_id, attempt=attempt, key=key)


def settle(
    connection: sqlite3.Connection, ticket: EffectTicket, outcome: EffectOutcome, result: Body, error_message: str
) -> None:
    """Journal an outcome and turn the reservation into what was used. The first outcome of an effect stays."""
    end_attempt(connection, ticket.effect_id, ticket.attempt, "settled", outcome.usage)
    connection.execute(
        "UPDATE effects SET state = 'settled', attempts = MAX(attempts, ?), result = ?, result_ref = ?, "
        "error_type = ?, error_message = ?, ended_at = ? WHERE effect_id = ? AND state <> 'settled'",
        (
            outcome.attempts,
            result.text,
            result.ref,
            outcome.error_type,
            error_message,
            time.time(),
            ticket.effect_id,
        ),
    )


def release(
    connection: sqlite3.Connection, ticket: EffectTicket, error: str, used: Usage | None, answered: Body
) -> None:
    """Give a reservation back, less what was used; the effect may be begun again."""
    end_attempt(connection, ticket.effect_id, ticket.attempt, "released", used or Usage())
    connection.execute(
        "UPDATE effects SET state = 'released', result = ?, result_ref = ?, error_message = ?, ended_at = ? "
        "WHERE effect_id = ? AND attempts = ? AND state = 'begun'",
        (answered.text, answered.ref, error, time.time(), ticket.effect_id, ticket.attempt),
    )


def _insert_intent(connection: sqlite3.Connection, key: EffectKey, request: Body) -> int:
    cursor = connection.execute(
        f"INSERT INTO effects ({KEY_COLUMNS}, state, attempts, request, request_ref, begun_at) "  # noqa: S608
        "VALUES (?, ?, ?, ?, ?, ?, 'begun', 1, ?, ?, ?)",
        (*key_columns(key), request.text, request.ref, time.time()),
    )
    if cursor.lastrowid is None:
        raise StoreError("the journal took no row for an intent")
    return cursor.lastrowid


def _repeat_intent(connection: sqlite3.Connection, effect_id: int, attempt: int) -> None:
    # An attempt that is still in flight here was given up without a word: it may have happened, so it is paid for.
    left = connection.execute(
        "SELECT attempt FROM spending WHERE effect_id = ? AND state = 'reserved'", (effect_id,)
    ).fetchall()
    for (earlier,) in left:
        end_attempt(connection, effect_id, earlier, "lost", None)
    connection.execute(
        "UPDATE effects SET state = 'begun', attempts = ?, result = NULL, result_ref = NULL, error_message = '', "
        "ended_at = NULL WHERE effect_id = ?",
        (attempt, effect_id),
    )
