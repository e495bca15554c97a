"""What to research: a topic, the works to start from, and perhaps a study of the user's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peercycle.core.literature import Bibliography
    from peercycle.core.writing import ResearchTask


def read_bibliography(source: str | Path) -> Bibliography:
    """Read BibTeX: the file at a path, or the text itself where it holds an `@` or a line break.

    Raises `BadInputError` where the file is missing, binary, or holds no usable entry.
    """
    from peercycle.agents.literature import bibtex
    from peercycle.core.errors import BadInputError

    text, named = str(source), "the text"
    if isinstance(source, Path) or not ("@" in text or "\n" in text):
        named = repr(text)
        text = _read_text(Path(source), "a BibTeX file with at least one entry")
    bibliography = bibtex.read(text)
    if not any(entry.title.strip() for entry in bibliography.entries):
        first = f": line {p.line}: {p.message}" if (p := next(iter(bibliography.problems), None)) else ""
        if bibliography.entries:
            entry = bibliography.entries[0]
            first = f": line {entry.line}: the entry {entry.key!r} has no title, nor has any other"
        raise BadInputError(
            f"{named} holds no usable BibTeX entry{first}; an entry looks like @article{{key, title = {{…}}}}"
        )
    return bibliography


def _read_text(path: Path, wanted: str) -> str:
    from peercycle.core.errors import BadInputError

    try:
        body = path.read_bytes()
    except OSError as error:
        raise BadInputError(f"cannot read {str(path)!r}: {error.strerror}") from None
    if not body.strip():
        raise BadInputError(f"{str(path)!r} is empty; give {wanted}")
    if b"\0" in body[:4096]:
        raise BadInputError(f"{str(path)!r} is binary; give {wanted}")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("latin-1")


def make_task(
    topic: str,
    bibliography: str | Path | Bibliography | None = None,
    *,
    experiment: str | Path | None = None,
    data: Iterable[str | Path] = (),
    notes: str = "",
) -> ResearchTask:
    """Return a task: a topic, what to start from, and perhaps a study of the user's own with its data."""
    from peercycle.core.errors import BadInputError
    from peercycle.core.literature import Bibliography as Works
    from peercycle.core.writing import ResearchTask as Task
    from peercycle.core.writing import UserStudy

    _require_kind("topic", topic, str, "a few words")
    _require_kind("bibliography", bibliography, str | Path | Works | None, "a path, BibTeX text or a Bibliography")
    _require_kind("experiment", experiment, str | Path | None, "the path of a Python program")
    if not topic.strip():
        raise BadInputError("the topic is empty; say in a few words what the paper shall be about")
    works = (
        bibliography
        if isinstance(bibliography, Works)
        else read_bibliography(bibliography)
        if bibliography
        else Works()
    )
    study = None
    if experiment is not None:
        script = _read_text(Path(experiment), "a Python program that writes results.json")
        study = UserStudy(name=Path(experiment).stem, script=script, data=_data_specs([Path(path) for path in data]))
    return Task(topic=topic.strip(), bibliography=works, study=study, notes=notes)


def _require_kind(name: str, value: object, kind: Any, wanted: str) -> None:
    from peercycle.core.errors import UsageError

    if not isinstance(value, kind):
        raise UsageError(f"{name} is {value!r}, of type {type(value).__name__}; give {wanted}")


def _data_specs(paths: Sequence[Path]) -> tuple[Any, ...]:
    from peercycle.core.errors import UsageError

    names = [path.name for path in paths]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(
            f"two data files are called {doubled[0]!r}; a study sees them by name only, as data/{doubled[0]}"
        )
    return tuple(_data_spec(path) for path in paths)


def _data_spec(path: Path) -> Any:
    import hashlib

    from peercycle.core.errors import BadInputError
    from peercycle.core.sandboxing import DataSpec

    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise BadInputError(f"cannot read the data file {str(path)!r}: {error.strerror}") from None
    return DataSpec(name=path.name, kind="path", source=str(path.resolve()), sha256=digest)
