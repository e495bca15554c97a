"""The index of a log: one light row per candidate, read without opening a single body.

What a pair is decided by stands here; the texts and token ids of the chosen pairs are read later, one pair at a time.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from peercycle.core.counting import counted
from peercycle.core.errors import BadInputError, PeercycleError
from peercycle.core.runs import RunRecord
from peercycle.store.database import DATABASE_FILE, check_version, connect_read_only, damaged
from peercycle.store.directory import run_status
from peercycle.store.record import logged_record
from peercycle.trainers.pair_settings import FEW, name_run

NOT_THE_POLICY = ("reviewer", "judge", "reward")
"""Roles of models whose completions are never policy tokens."""
NOT_WRITING = ("literature", "check", "review", "select", "finish")
"""Stages in which nothing is written by the policy."""
ENDED = ("finished", "stopped")
"""Statuses of runs whose candidates count."""


class IndexRow(NamedTuple):
    """A candidate's first version: what was sampled N times for one task."""

    run: str
    """Path of the run directory."""
    run_id: str
    candidate: str
    task_hash: str
    iteration: int
    policy: str
    reward: float | None
    reward_error: float | None
    """Standard error of the reward, where its judgements were repeated."""
    judge: float | None
    length: int
    """Bytes of text that the policy wrote."""
    turns: int
    truncated: bool
    """A completion of it was cut at the token limit."""
    has_ids: bool
    digest: str
    """Equal for equal texts."""

    @property
    def id(self) -> str:
        """Name of its episode."""
        return f"{self.run_id}/{self.candidate}"


def index_runs(
    runs: Iterable[Path],
    dropped: Counter[str],
    *,
    iterations: Mapping[str, int] | None = None,
    left_out: dict[str, list[str]] | None = None,
) -> list[IndexRow]:
    """Return the rows of every run that has ended; `iterations` gives the training iteration by run id.

    What is left out is counted in `dropped`, and the first few runs are named in `left_out`. Raises `BadInputError` where no run has ended.
    """
    rows: list[IndexRow] = []
    paths = sorted(set(runs), key=str)
    statuses: Counter[str] = Counter()
    left_out = {} if left_out is None else left_out
    for path in paths:
        try:
            status = run_status(path, logged_record)
            statuses[status] += 1
            if status not in ENDED:
                dropped[f"runs that are {status}"] += 1
                name_run(left_out, f"runs that are {status}", path.name)
                continue
            record = logged_record(path)
            rows += index_run(path, record, dropped, iteration=(iterations or {}).get(record.run_id, 0))
        except PeercycleError:
            if len(paths) == 1:
                raise
            dropped["runs that cannot be read"] += 1
            name_run(left_out, "runs that cannot be read", path.name)
    if not any(statuses[status] for status in ENDED):
        found = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items())) or "none readable"
        named = ", ".join([name for names in left_out.values() for name in names][:FEW])
        of = f": {named}{' …' if len(paths) > FEW else ''}" if named else ""
        raise BadInputError(
            f"none of {counted(len(paths), 'run')} has finished ({found}){of}; pairs are made of finished runs: "
            "`peercycle resume RUN` goes on with one"
        )
    return rows


def index_run(path: Path, record: RunRecord, dropped: Counter[str], *, iteration: int = 0) -> list[IndexRow]:
    """Return the rows of one run, in the order of its candidates."""
    database = path / DATABASE_FILE
    try:
        with closing(connect_read_only(database)) as connection:
            check_version(connection, database)
            candidates = connection.execute(_CANDIDATES).fetchall()
            written = _written(connection, drafting_stages(record))
    except sqlite3.DatabaseError as error:
        raise damaged(database, str(error)) from error
    rows: list[IndexRow] = []
    for candidate, status, reward, reward_json, judge in candidates:
        if status != "complete":
            dropped["candidates that failed"] += 1
            continue
        if candidate not in written:
            dropped["candidates without a completion of the policy's model"] += 1
            continue
        length, turns, truncated, has_ids, digest = written[candidate]
        rows.append(
            IndexRow(
                str(path),
                record.run_id,
                candidate,
                record.task.removeprefix("sha256:"),
                iteration,
                record.options.policy,
                reward,
                _error_of(reward_json),
                judge,
                length,
                turns,
                truncated,
                has_ids,
                digest,
            )
        )
    return rows


def drafting_stages(record: RunRecord) -> tuple[str, ...]:
    """Return the stages of a draft in which the policy writes, as this run's graph had them."""
    graph = record.fingerprint.get("graph")
    draft = graph.get("draft") if isinstance(graph, dict) else None
    names = [str(name) for name in draft] if isinstance(draft, list) else []
    return tuple(name for name in names if name not in NOT_WRITING)


def policy_rows(stages: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the condition on `completions` that keeps what the policy wrote for a draft, and its arguments.

    Tries that were refused are left out; one without a verdict is of a policy that asks once and takes what comes.
    """
    where = f"visit = 1 AND accepted IS NOT 0 AND role NOT IN ({_marks(NOT_THE_POLICY)})"
    if stages:
        return f"{where} AND stage IN ({_marks(stages)})", (*NOT_THE_POLICY, *stages)
    return f"{where} AND stage NOT IN ({_marks(NOT_WRITING)})", (*NOT_THE_POLICY, *NOT_WRITING)


def _written(connection: sqlite3.Connection, stages: Sequence[str]) -> dict[str, tuple[int, int, bool, bool, str]]:
    where, arguments = policy_rows(stages)
    query = _WRITTEN.format(where=where)
    found: dict[str, tuple[int, int, bool, bool, str]] = {}
    by_candidate: dict[str, list[tuple[int, str | None, bool, str]]] = {}
    for candidate, size, finish, has_ids, text in connection.execute(query, arguments):
        by_candidate.setdefault(candidate, []).append((size or 0, finish, bool(has_ids), text))
    for candidate, rows in by_candidate.items():
        digest = hashlib.sha256("\n".join(text for *_, text in rows).encode()).hexdigest()[:32]
        found[candidate] = (
            sum(size for size, *_ in rows),
            len(rows),
            any(finish == "length" for _, finish, *_ in rows),
            all(has_ids for _, _, has_ids, _ in rows),
            digest,
        )
    return found


def _error_of(reward_json: str | None) -> float | None:
    if reward_json is None:
        return None
    reward = json.loads(reward_json)
    n, spread = reward.get("n") or 0, reward.get("spread")
    return None if spread is None or n < 2 else float(spread) / float(n) ** 0.5


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" for _ in values)


_CANDIDATES = """
    SELECT c.candidate, c.status, c.reward, a.reward_json, j.rating
    FROM candidates c
    LEFT JOIN assessments a ON a.candidate = c.candidate AND a.round = 0 AND a.role = 'reviewer'
    LEFT JOIN assessments j ON j.candidate = c.candidate AND j.round = 0 AND j.role = 'judge'
    WHERE c.round = 0 ORDER BY c.candidate"""

# The text's own digest is its reference where it is long, and the text itself where it stands in the row.
_WRITTEN = """
    SELECT completions.candidate, COALESCE(length(CAST(text AS BLOB)), artifacts.size), finish_reason,
           tokens_json IS NOT NULL OR tokens_json_ref IS NOT NULL, COALESCE(text_ref, text, '')
    FROM completions LEFT JOIN (SELECT ref, MAX(size) AS size FROM artifacts GROUP BY ref) artifacts
        ON artifacts.ref = completions.text_ref
    WHERE {where} ORDER BY completions.rowid"""
