"""`peercycle answer`: answer what a run asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from peercycle.cli.endings import shown
from peercycle.cli.loops import wait_for
from peercycle.cli.output import print_json, say
from peercycle.cli.parameters import AsJson, RunName, RunsDir

if TYPE_CHECKING:
    from peercycle.core.journal import Question


def answer(
    name: RunName,
    value: Annotated[
        str | None, typer.Argument(metavar="VALUE", help="The answer; for several fields, a JSON object.")
    ] = None,
    *,
    json_value: Annotated[
        str | None, typer.Option("--json-value", metavar="JSON", help="The answer as JSON.")
    ] = None,
    question: Annotated[
        str | None, typer.Option(metavar="ID", help="Which question, where several are open.")
    ] = None,
    runs_dir: RunsDir = None,
    as_json: AsJson = False,
) -> None:
    """Answer what a run asked.

    A run that waits for an answer goes on with `peercycle resume`.
    """
    from peercycle.cli.configuring import runs_dir as kept_in
    from peercycle.core.errors import UsageError
    from peercycle.store.directory import answer_question, find_run, read_run, run_status

    path = find_run(name, kept_in(runs_dir))
    if (value is None) == (json_value is None):
        raise UsageError("give the answer once: as VALUE, or as --json-value JSON")
    asked = which(wait_for(read_run(path).questions(open_only=True)), question, path.name)
    given = fitted(asked, value) if value is not None else _json(json_value or "", asked)
    wait_for(answer_question(path, asked.id, given))
    driven = run_status(path) == "running"
    if as_json:
        print_json({"run_id": path.name, "path": str(path), "question": asked.id, "answer": given, "driven": driven})
    else:
        say(f"answered {asked.id}" + ("" if driven else f"; go on with: peercycle resume {shown(path)}"))


def which(questions: tuple[Question, ...], wanted: str | None, run: str) -> Question:
    """Return the question meant. Raises `UsageError` where that is not clear."""
    from peercycle.core.errors import UsageError

    if not questions:
        raise UsageError(f"run {run!r} has no open question")
    if wanted is None and len(questions) == 1:
        return questions[0]
    found = [q for q in questions if wanted is not None and q.id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    listed = "; ".join(f"{q.id}: {q.question}" for q in questions)
    raise UsageError(f"say which question with --question ID; open: {listed}")


def fitted(question: Question, text: str) -> Any:
    """Return the answer in the shape that the question's schema asks for.

    A schema with one field is answered by that field's value alone; one with several by a JSON object.
    """
    from peercycle.core.errors import UsageError

    fields: Mapping[str, Any] = question.schema.get("properties") or {}  # type: ignore[assignment]
    parsed = _parsed(text)
    if isinstance(parsed, dict) and (set(parsed) <= set(fields) or not fields):
        return _complete(question, parsed)
    if len(fields) == 1:
        ((field, schema),) = fields.items()
        return {field: text if schema.get("type") == "string" else parsed}
    raise UsageError(
        f"question {question.id} has {len(fields)} fields; answer with a JSON object of {', '.join(fields)}"
    )


def _json(text: str, question: Question) -> Any:
    from peercycle.core.errors import UsageError

    try:
        return _complete(question, json.loads(text))
    except ValueError as error:
        raise UsageError(f"--json-value {text!r} is not JSON: {error}") from None


def _complete(question: Question, value: Any) -> Any:
    from peercycle.core.errors import UsageError

    required = question.schema.get("required") or []
    missing = (
        [name for name in required if isinstance(value, dict) and name not in value]
        if isinstance(required, list)
        else []
    )
    if missing:
        raise UsageError(f"question {question.id}: the answer lacks {', '.join(map(str, missing))}")
    return value


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
