"""What a model said when `peercycle review` could not use it: the review's own run directory does not last."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peercycle.core.journal import RunReader

FOLDER = "reviews"
"""Beside the runs, whose `completions` are where a run keeps the same."""


async def keep_answers(run: RunReader, runs_dir: Path, why: str) -> str | None:
    """Write what models were asked and said in a review, whole; return where as a clause, None where nobody said anything.

    A disk that refuses is told in the clause: it must cost neither the review nor the error that it is kept for.
    """
    from peercycle.core.errors import PeercycleError

    try:
        where = await _written(run, runs_dir, why)
    except PeercycleError as error:
        return f"what the model said could not be kept: {error}"
    return None if where is None else f"what was answered is whole in {where}"


async def _written(run: RunReader, runs_dir: Path, why: str) -> Path | None:
    import json

    from peercycle.store.disk import DIRECTORY_MODE, disk_errors, replace_file

    answers = [_kept(row, _ANSWER) for row in await run.rows("completions")]
    refusals = [_kept(row, _REFUSAL) for row in await run.rows("effects") if row["error_type"] is not None]
    if not answers and not any(row["result"] for row in refusals):
        return None
    path = runs_dir / FOLDER / f"{run.path.name}.json"
    body = json.dumps({"why": why, "answers": answers, "refusals": refusals}, indent=2, ensure_ascii=False)
    with disk_errors("write", path):
        path.parent.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    replace_file(path, body.encode("utf-8", "replace"))
    return path


_ANSWER = ("role", "model", "accepted", "finish_reason", "text", "reasoning", "request")
_REFUSAL = ("kind", "error_type", "error_message", "result", "request")


def _kept(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: row[name] for name in names}
