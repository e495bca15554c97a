"""Reading corpora: BibTeX, and JSON lines in the shapes that dumps of the literature have."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peercycle.agents.literature.bibtex import read as read_bibtex
from peercycle.core.errors import BadInputError
from peercycle.core.literature import Bibliography, BibliographyProblem, Provenance, Reference

_SCHEMES = {"doi": "doi", "arxiv": "arxiv", "arxivid": "arxiv", "acl": "acl", "corpusid": "corpus", "s2": "s2"}
_UNUSABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What UTF-8 or TeX cannot hold, breaks a line or drives a terminal. BibTeX's reader leaves most of it out, too."""


def read_corpus(path: Path) -> Bibliography:
    """Return the works of a `.bib` or `.jsonl` file that have a title, and what was wrong with it.

    Raises `BadInputError` where it cannot be read, is binary, or holds no such work.
    """
    try:
        body = path.read_bytes()
    except OSError as error:
        raise BadInputError(f"cannot read the corpus {str(path)!r}: {error.strerror}") from None
    if b"\0" in body[:4096]:
        raise BadInputError(f"the corpus {str(path)!r} is binary; give a .bib or a .jsonl file")
    text = body.decode("utf-8-sig", "replace")
    found = _titled(read_bibtex(text)) if path.suffix.lower() == ".bib" else read_jsonl(text)
    if text.lstrip().startswith("[") and _is_array(text):
        # Checked whatever was found: of an array with a work a line, only the last one looks like JSON lines.
        raise BadInputError(
            f"the corpus {str(path)!r} is one JSON array; give JSON lines, one work a line, such as "
            "`jq -c '.[]'` makes of it"
        )
    if not found.entries:
        raise BadInputError(f"the corpus {str(path)!r} holds no usable work; give a .bib or a .jsonl file")
    return found


def _is_array(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except (ValueError, RecursionError):
        return False


def _titled(read: Bibliography) -> Bibliography:
    """Leave out the entries without a title, as JSON lines without one are: nothing could be found or cited by them."""
    untitled = [work for work in read.entries if not work.title.strip()]
    if not untitled:
        return read
    problems = [
        BibliographyProblem(line=work.line or 1, key=work.key, message="not a work: a work needs a title")
        for work in untitled
    ]
    return read.model_copy(
        update={
            "entries": tuple(work for work in read.entries if work.title.strip()),
            "problems": tuple(sorted([*read.problems, *problems], key=lambda problem: problem.line)),
        }
    )


def read_jsonl(text: str) -> Bibliography:
    """Return one work per line; a bad line is reported with its number and costs only itself."""
    works: list[Reference] = []
    problems: list[BibliographyProblem] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if not isinstance(row, dict) or (title := _text(row.get("title"))) is None:
                raise ValueError("a work needs a title")
            works.append(_reference(row, title, number))
        except (ValueError, RecursionError) as error:
            problems.append(BibliographyProblem(line=number, message=f"not a work: {error}"))
    return Bibliography(entries=tuple(works), problems=tuple(problems))


def _reference(row: Mapping[str, Any], title: str, number: int) -> Reference:
    ids = _ids(row)
    return Reference(
        key=_key(row, number),
        title=title,
        authors=_authors(row.get("authors") or row.get("author")),
        year=_year(row.get("year")),
        venue=_text(row.get("venue") or row.get("journal")),
        abstract=_text(row.get("abstract")),
        url=_text(row.get("url")),
        ids=ids,
        provenance=(Provenance(source="jsonl"),),
        line=number,
    )


def _year(value: object) -> int | None:
    """Return a year in which a work may have appeared, and which BibTeX can hold; None for any other number."""
    given = isinstance(value, int | str) and re.fullmatch(r"[0-9]{1,4}", str(value))
    return int(given[0]) or None if given else None


def _text(value: object) -> str | None:
    """Return a text that can be kept and shown, on one line; None for one without a word."""
    return " ".join(_UNUSABLE.sub(" ", value).split()) or None if isinstance(value, str) else None


def _authors(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in re.split(r"\s+and\s+|;", _text(value) or "") if part.strip())
    if not isinstance(value, list):
        return ()
    names = [item.get("name") if isinstance(item, dict) else item for item in value]
    return tuple(text for name in names if (text := _text(name)) is not None)


def _ids(row: Mapping[str, Any]) -> dict[str, str]:
    given: dict[str, Any] = {}
    for holder in (row.get("ids"), row.get("externalIds"), row):
        if isinstance(holder, dict):
            given |= {name: value for name, value in holder.items() if name.lower() in _SCHEMES}
    if isinstance(row.get("paperId"), str):
        given["s2"] = row["paperId"]
    return {
        _SCHEMES[name.lower()]: text
        for name, value in given.items()
        if isinstance(value, str | int) and value and (text := _text(str(value)))
    }


def _key(row: Mapping[str, Any], number: int) -> str:
    for name in ("key", "id", "paperId"):
        if isinstance(row.get(name), str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9:._+/-]{0,79}", row[name]):
            return str(row[name])
    return f"work{number}"
