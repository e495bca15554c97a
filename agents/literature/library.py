"""Corpora that a person has imported: copies in one form, kept with the user's data, searched when asked for."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from peercycle.agents.literature.local.corpus import read_corpus
from peercycle.agents.literature.places import library_folder
from peercycle.core.base import JSON
from peercycle.core.literature import BibliographyProblem, Reference
from peercycle.core.sameness import deduplicate


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import came to."""

    path: Path
    """Where the corpus is kept."""
    works: int
    repeated: int
    """Records that were of a work among them."""
    problems: tuple[BibliographyProblem, ...]


def corpora() -> tuple[Path, ...]:
    """Return the imported corpora, by name."""
    folder = library_folder()
    return tuple(sorted(folder.glob("*.jsonl"))) if folder.is_dir() else ()


def import_corpus(source: Path) -> Imported:
    """Read a `.bib` or `.jsonl` file and keep its works, each once.

    What was imported of the same file before is replaced. Raises `BadInputError` where it holds no usable work.
    """
    read = read_corpus(source)
    works = deduplicate(read.entries)
    body = "".join(json.dumps(_line(work), ensure_ascii=False, sort_keys=True) + "\n" for work in works).encode()
    folder = library_folder()
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", source.stem).strip("-.")[:60] or "corpus"
    # Files of one name in several folders, and `refs.bib` beside `refs.jsonl`, are several corpora.
    prefix = f"{name}-{hashlib.sha256(os.fsencode(source.resolve())).hexdigest()[:8]}"
    target = folder / f"{prefix}-{hashlib.sha256(body).hexdigest()[:12]}.jsonl"
    _replace(target, body)
    # A file whose name begins with this prefix is a corpus of its own.
    ours = re.compile(rf"{re.escape(prefix)}-[0-9a-f]{{12}}\.jsonl")
    for earlier in folder.glob(f"{prefix}-*.jsonl"):
        if earlier != target and ours.fullmatch(earlier.name):
            earlier.unlink(missing_ok=True)
    return Imported(target, len(works), len(read.entries) - len(works), read.problems)


def _line(work: Reference) -> dict[str, JSON]:
    """Return a work as the local source reads it."""
    line: dict[str, JSON] = {"key": work.key, "title": work.title, "authors": list(work.authors), "year": work.year}
    line |= {"venue": work.venue, "abstract": work.abstract, "url": work.url, "ids": dict(work.ids)}
    return {name: value for name, value in line.items() if value}


def _replace(target: Path, body: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".importing-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)
