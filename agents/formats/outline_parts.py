"""The parts of a CycleResearcher output: its headings, its LaTeX, its two lists of JSON."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from peercycle.agents.formats.lenient_json import NotJSONError, end_of_json, read_json
from peercycle.core.base import JSON

_NAMES = {
    "motivation": "motivation",
    "mainidea": "idea",
    "idea": "idea",
    "interestingness": "interestingness",
    "feasibility": "feasibility",
    "novelty": "novelty",
    "experimentalsetup": "setup",
    "experimentsetup": "setup",
    "experimentalresults": "results",
    "experimentresults": "results",
}
_HEADING = re.compile(
    r"(?:^[ ]{0,3}|(?<=```))#{1,4}[ \t]*[*_]{0,2}(?P<name>motivation|(?:main[ _]?)?idea|interestingness|feasibility|"
    r"novelty|experiment(?:al)?[ _]?(?:setup|results))[*_]{0,2}[ \t]*:?[ \t]*[*_]{0,2}(?P<inline>[^\n]*)",
    re.IGNORECASE | re.MULTILINE,
)
_LATEX = re.compile(
    r"```[ \t]*(?:latex|tex)\b[ \t]*\n?|^[ \t]*(?=\\(?:documentclass|title|begin\{abstract\}|section)\b)",
    re.IGNORECASE | re.MULTILINE,
)
_OPENING = re.compile(r"\s*```+[ \t]*(?:(?:latex|tex)\b[ \t]*\n?|\n|$)", re.IGNORECASE)
_REOPENING = re.compile(r"\n[ \t]*```[ \t]*\n\s*```[ \t]*(?:latex|tex)[ \t]*\n", re.IGNORECASE)
_JSON_BEGIN = re.compile(r"(?:\s|```|json)*+(?=[\[{])", re.IGNORECASE)


@dataclass(slots=True)
class Parts:
    """An output, taken apart."""

    named: dict[str, str] = field(default_factory=dict)
    latex: str = ""
    setup: JSON = None
    results: JSON = None
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Mark:
    part: str
    start: int
    end: int
    inline: str


def split_parts(text: str) -> Parts:
    """Take an output apart. A heading counts once: what begins a second paper is left out and told."""
    marks, stop, problems = _marks(text)
    parts = Parts(problems=problems)
    front: list[str] = []
    for mark, following in zip([_Mark("", 0, 0, ""), *marks], [*marks, None], strict=True):
        end = following.start if following else stop
        body = f"{mark.inline}\n{text[mark.end : end]}" if mark.inline else text[mark.end : end]
        if mark.part in {"setup", "results"}:
            value, rest = _json_part(mark.part, body, parts.problems)
            if mark.part == "setup":
                parts.setup = value
            else:
                parts.results = value
            front.append(rest)
        else:
            latex = _LATEX.search(body) if following is None or following.part in {"setup", "results"} else None
            named = body[: latex.start()] if latex else body
            if mark.part:
                parts.named[mark.part] = _unclosed(named)
            if latex:
                front.append(body[latex.start() :])
    parts.latex = "\n\n".join(piece for part in front if (piece := _without_fences(part)))
    return parts


def _marks(text: str) -> tuple[list[_Mark], int, list[str]]:
    """Return the headings, where the paper stops, and what was left out."""
    marks: list[_Mark] = []
    seen: set[str] = set()
    for found in _HEADING.finditer(text):
        part = _NAMES[re.sub(r"[ _]", "", found["name"].lower())]
        if part in seen:
            if part == "motivation":
                return marks, found.start(), ["a second paper begins in the answer; it was left out"]
            continue
        seen.add(part)
        marks.append(_Mark(part, found.start(), found.end(), found["inline"].strip()))
    return marks, len(text), []


def _json_part(name: str, body: str, problems: list[str]) -> tuple[JSON, str]:
    """Return a part's JSON, and what follows it; the text as written where it is no JSON."""
    begin = _JSON_BEGIN.match(body)
    end = end_of_json(body, begin.end()) if begin else None
    if begin is None or end is None:
        latex = _LATEX.search(body)
        cut = latex.start() if latex else len(body)
        written, rest = body[:cut], body[cut:]
    else:
        written, rest = body[begin.end() : end], body[end:]
    stripped = _without_fences(written)
    if not stripped:
        problems.append(f"the {_SPELLED[name]} is empty")
        return None, rest
    try:
        found = read_json(written)
    except NotJSONError as error:
        problems.append(f"the {_SPELLED[name]} is no JSON: {error}")
        return stripped, rest
    if found.mended:
        problems.append(f"the {_SPELLED[name]} had to be mended: {found.mended}")
    return found.value, rest


_SPELLED = {"setup": "experimental setup", "results": "experimental results"}


def _without_fences(text: str) -> str:
    """Return LaTeX without the fences around it."""
    begin = 0
    for _ in range(4):
        opening = _OPENING.match(text, begin)
        if opening is None:
            break
        begin = opening.end()
    return _unclosed(_REOPENING.sub("\n", text[begin:]))


def _unclosed(text: str) -> str:
    """Return the text without blanks around it and without a fence at its end."""
    body = text.strip()
    bare = body.rstrip("`")
    return bare.rstrip() if len(body) - len(bare) >= 3 else body
