"""A submission as the checks read it: parts with roles, sentences, tables, floats and references between them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from peercycle.agents.reviewers.rubric.plain_text import latex_from_text, looks_like_latex
from peercycle.agents.reviewers.rubric.prose import is_number_list, plain, sentences, to_prose
from peercycle.agents.reviewers.rubric.roles import role_by_heading, roles_by_content
from peercycle.agents.reviewers.rubric.tables import Table, read_markdown_tables, read_tables
from peercycle.core.latex_scan import Environment, LatexScan, Span, scan_latex
from peercycle.core.reviews import Submission
from peercycle.core.writing import Manuscript

OWN_RESULTS = frozenset({"abstract", "results", "discussion", "conclusion", "limitations", "other", "appendix"})
"""Roles of the parts in which a paper states what it found."""
_FLOATS = {"figure": "figure", "figure*": "figure", "wrapfigure": "figure", "sidewaysfigure": "figure",
           "table": "table", "table*": "table", "sidewaystable": "table"}  # fmt: skip
_SECTIONS = frozenset({"chapter", "section", "subsection", "subsubsection", "paragraph"})
_MACRO = re.compile(r"\\(?:re)?newcommand\*?\s*\{?\\([A-Za-z]+)\}?\s*\{([^{}\\#\n]{1,200})\}")


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the paper under one heading."""

    heading: str
    role: str
    prose: str
    sentences: tuple[str, ...]
    refrains: tuple[str, ...] = ()
    """Sentences left out of both because they are said again and again, with other numbers at most."""
    number_lists: int = 0
    """Paragraphs left out of `prose` because they list numbers without saying a word of them."""

    @property
    def words(self) -> int:
        """How many words it has."""
        return len(self.prose.split())


@dataclass(frozen=True, slots=True)
class Float:
    """A figure or table that floats."""

    kind: str
    caption: str
    labels: tuple[str, ...]
    files: tuple[str, ...]
    where: str


@dataclass(frozen=True, slots=True)
class Paper:
    """Everything that the checks look at."""

    title: str
    parts: tuple[Part, ...]
    tables: tuple[Table, ...]
    floats: tuple[Float, ...]
    labels: tuple[str, ...]
    refs: tuple[str, ...]
    bibitems: tuple[str, ...] | None
    """Keys of a list of references inside the text; None where there is no such list."""
    scan: LatexScan
    """The whole text."""
    manuscript: Manuscript | None
    from_latex: bool
    entries: dict[str, str] = field(default_factory=dict)
    """Text of each entry of that list, by key."""

    def of(self, *roles: str) -> tuple[Part, ...]:
        """Return the parts with one of these roles."""
        return tuple(part for part in self.parts if part.role in roles)

    @property
    def abstract(self) -> str:
        """The abstract's prose."""
        return "\n\n".join(part.prose for part in self.of("abstract"))

    @property
    def body(self) -> tuple[Part, ...]:
        """All parts except the abstract and the list of references."""
        return tuple(part for part in self.parts if part.role not in {"abstract", "references"})


def read_paper(submission: Submission) -> Paper:
    """Read the manuscript, or else the text, of a submission. Total on any string."""
    manuscript = submission.manuscript
    if manuscript is not None:
        return _assemble(manuscript.latex, manuscript, (), from_latex=True)
    text = submission.text or ""
    if looks_like_latex(text):
        return _assemble(_expand(text), None, (), from_latex=True)
    return _assemble(latex_from_text(text), None, read_markdown_tables(text), from_latex=False)


def _expand(text: str) -> str:
    """Replace macros without arguments that stand for plain words or numbers."""
    macros = {m.group(1): m.group(2) for m in _MACRO.finditer(text)}
    if not macros or len(macros) > 200:
        return text
    text = _MACRO.sub("", text)
    return re.sub(rf"\\({'|'.join(macros)})(?![A-Za-z])(?:\{{\}})?", lambda m: macros[m.group(1)], text)


def _assemble(latex: str, manuscript: Manuscript | None, more: tuple[Table, ...], *, from_latex: bool) -> Paper:
    scan = scan_latex(latex)
    environments = list(scan.environments())
    given = [(s.heading, s.role) for s in manuscript.sections] if manuscript else []
    parts = _parts(scan, environments, given)
    refs = [group for c in scan.commands if (group := _argument(scan, c.name, c.end))]
    items = _bibitems(scan, environments)
    return Paper(
        title=_title(scan),
        parts=tuple(parts),
        tables=read_tables(scan) + more,
        floats=tuple(_floats(scan, environments)),
        labels=tuple(_names(scan, "label")),
        refs=tuple(name for group in refs for part in group.split(",") if (name := part.strip())),
        bibitems=None if items is None else tuple(items),
        scan=scan,
        manuscript=manuscript,
        from_latex=from_latex,
        entries=items or {},
    )


def _argument(scan: LatexScan, name: str, end: int) -> str | None:
    if name not in {"ref", "eqref", "autoref", "cref", "Cref", "vref", "pageref", "subref", "nameref"}:
        return None
    group = scan.group(end + scan.text.startswith("*", end))
    return scan.at(group) if group else None


def _names(scan: LatexScan, command: str, span: Span | None = None) -> list[str]:
    found = []
    for c in scan.commands:
        if c.name == command and (span is None or span.start <= c.start < span.end):
            _, groups, _ = scan.arguments(c, 1)
            found += [scan.at(groups[0]).strip()] if groups else []
    return found


def _title(scan: LatexScan) -> str:
    return plain(next(iter(_names(scan, "title")), ""))


def _parts(scan: LatexScan, environments: list[Environment], given: Sequence[tuple[str, str]]) -> list[Part]:
    """Cut the text at its headings; a heading below a section keeps the section's role unless it names its own."""
    cuts: list[tuple[int, int, str, str]] = []
    for c in scan.commands:
        if c.name in _SECTIONS and (groups := scan.arguments(c, 1))[1]:
            heading = plain(scan.at(groups[1][0]))
            if c.name != "paragraph" or role_by_heading(heading) == "limitations":
                cuts.append((c.start, groups[2], c.name, heading))
    abstract = next((e for e in environments if e.name == "abstract"), None)
    parts: list[tuple[str, str | None, str]] = []
    if abstract is not None:
        parts.append(("abstract", "abstract", _prose_of(scan, abstract.body.start, abstract.body.end)))
    role: str | None = None
    upcoming = iter(given)
    for index, (_, begin, level, heading) in enumerate(cuts):
        end = cuts[index + 1][0] if index + 1 < len(cuts) else len(scan.text)
        own = role_by_heading(heading)
        if level in {"section", "chapter"}:
            role = own
            stated = next(upcoming, None)
            if stated is not None and stated[1] != "other":
                role = stated[1]
        parts.append(
            (heading, role if level in {"section", "chapter"} or own is None else own, _prose_of(scan, begin, end))
        )
    if not cuts:
        start = abstract.end if abstract else 0
        parts.append(("text", None, _prose_of(scan, start, len(scan.text))))
    known = [p[1] for p in parts]
    offset = 1 if abstract is not None else 0
    filled = known[:offset] + list(roles_by_content([p[2] for p in parts[offset:]], known[offset:]))
    return [_part(h, r or "other", prose) for (h, _, prose), r in zip(parts, filled, strict=True)]


def _part(heading: str, role: str, prose: str) -> Part:
    return replace(_telling(prose), heading=heading, role=role)


def _telling(prose: str) -> Part:
    """Return a part without a heading or role."""
    paragraphs = prose.split("\n\n")
    told = "\n\n".join(p for p in paragraphs if not is_number_list(p))
    lines = sentences(told)
    often = {line for line, n in Counter(map(_numberless, lines)).items() if n > REFRAIN and line.count(" ") >= 4}
    if often:
        kept = (" ".join(s for s in sentences(p) if _numberless(s) not in often) for p in told.split("\n\n"))
        told = "\n\n".join(p for p in kept if p)
    refrains = tuple(line for line in lines if _numberless(line) in often)
    return Part("", "", told, sentences(told), refrains, sum(map(is_number_list, paragraphs)))


REFRAIN = 5
"""A sentence said more often than this in one section, other numbers aside, tells nothing more."""


def _numberless(line: str) -> str:
    return re.sub(r"\d+", "0", line)


def _prose_of(scan: LatexScan, start: int, end: int) -> str:
    return _prose_of_piece(scan.text[start:end])


def _prose_of_piece(latex: str) -> str:
    return to_prose(scan_latex(latex))


def _floats(scan: LatexScan, environments: list[Environment]) -> list[Float]:
    found = []
    for e in sorted(environments, key=lambda e: e.start):
        if e.name in _FLOATS:
            captions = [plain(c) for c in _names(scan, "caption", e.body)]
            found.append(
                Float(
                    _FLOATS[e.name],
                    " ".join(captions),
                    tuple(_names(scan, "label", e.body)),
                    tuple(_names(scan, "includegraphics", e.body)),
                    f"{_FLOATS[e.name]} {captions[0][:40]!r}"
                    if captions
                    else f"a {_FLOATS[e.name]} without a caption",
                )
            )
    return found


def _bibitems(scan: LatexScan, environments: list[Environment]) -> dict[str, str] | None:
    holder = next((e for e in environments if e.name == "thebibliography"), None)
    if holder is None:
        return None
    items = [c for c in scan.commands if c.name == "bibitem" and holder.start <= c.start < holder.end]
    found: dict[str, str] = {}
    for index, item in enumerate(items):
        _, groups, end = scan.arguments(item, 1)
        if groups:
            stop = items[index + 1].start if index + 1 < len(items) else holder.body.end
            found.setdefault(scan.at(groups[0]).strip(), plain(scan.text[end:stop]))
    return found
