"""A bibliography to a BibTeX file that compiles, and reads back as the same words."""

from __future__ import annotations

import re
from urllib.parse import unquote

from peercycle.agents.literature.bibtex.encoding import to_latex
from peercycle.agents.literature.bibtex.identifiers import OWN_FIELDS, address_of, as_address, ids_of
from peercycle.agents.literature.bibtex.keys import is_usable, usable_key
from peercycle.agents.literature.bibtex.names import authors_of, is_proper, to_author_field
from peercycle.agents.literature.bibtex.preamble import definitions, own
from peercycle.agents.literature.bibtex.safety import safe_latex
from peercycle.agents.literature.bibtex.titles import protected, title_to_latex
from peercycle.agents.literature.bibtex.words import VENUES, words_of
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.naming import family_word

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_:.+-]*")
_OPEN_BACKSLASH = re.compile(r"(?<!\\)(?:\\\\)*\\\Z")
_VERBATIM_UNSAFE = re.compile(r"[^A-Za-z0-9_.;()/:+<>?=@\[\]!*',-]+")
_VERBATIM = {"doi", "eprint", "archiveprefix", "eprinttype", "primaryclass", *OWN_FIELDS.values()}
_VENUE_FIELDS = {
    "article": "journal",
    "inproceedings": "booktitle",
    "conference": "booktitle",
    "incollection": "booktitle",
    "phdthesis": "school",
    "mastersthesis": "school",
    "techreport": "institution",
    "book": "publisher",
}


def write(bibliography: Bibliography) -> str:
    """Return a BibTeX file in ASCII that BibTeX and every LaTeX engine compile.

    Fields are kept as written where they say what the reference's words say, made safe; otherwise the
    words count. Of entries under one key the first is written, as BibTeX uses no other. Of preambles
    only definitions are passed on. Writing what was read from the result gives the same text.
    """
    preambles, names = definitions(bibliography.preamble)
    defined = frozenset(names)
    blocks = [
        f"@string{{{name} = {{{safe_latex(value, defined)}}}}}"
        for name, value in bibliography.macros.items()
        if _IDENTIFIER.fullmatch(name)
    ]
    taken = {entry.key.lower() for entry in bibliography.entries if is_usable(entry.key)}
    written: dict[str, dict[str, str]] = {}
    seen: set[str] = set()
    types: dict[str, str] = {}
    for entry in bibliography.entries:
        key = _key(entry, taken)
        if key.lower() not in seen:
            seen.add(key.lower())
            written[key], types[key] = _fields(entry, defined), _entry_type(entry)
    _drop_cross_references(written)
    blocks += (_block(types[key], key, fields) for key, fields in written.items())
    heads = [f"@preamble{{{{{body}}}}}" for body in [own(blocks), *preambles] if body]
    return "\n\n".join([*heads, *blocks]) + "\n" if heads or blocks else ""


def _block(entry_type: str, key: str, fields: dict[str, str]) -> str:
    lines = [f"@{entry_type}{{{key},", *(f"  {name} = {{{value}}}," for name, value in fields.items()), "}"]
    return "\n".join(lines)


def _key(entry: Reference, taken: set[str]) -> str:
    if is_usable(entry.key):
        return entry.key
    family = family_word(entry.authors[0]) if entry.authors else ""
    key = usable_key(entry.key, family, entry.year, entry.line or 0, taken)
    taken.add(key.lower())
    return key


def _entry_type(entry: Reference) -> str:
    kind = entry.entry_type.lower()
    usable = _IDENTIFIER.fullmatch(kind) and kind not in {"string", "preamble", "comment"}
    return kind if usable else "misc"


def _fields(entry: Reference, defined: frozenset[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, raw in entry.fields.items():
        if not _IDENTIFIER.fullmatch(name):
            continue
        text = " ".join(raw.split())
        if name == "url":
            fields[name] = address_of({"url": text}) or ""
        elif name == "doi":
            fields[name] = _doi(text)
        elif name in _VERBATIM:
            fields[name] = _verbatim(text)
        else:
            text = safe_latex(text, defined)
            fields[name] = protected(text) if name == "title" else text
    for name in ("author", "editor"):
        if name in fields and not is_proper(fields[name]):
            fields[name] = to_author_field(authors_of(fields[name]))
        if name in fields and fields[name].endswith("\\") and _OPEN_BACKSLASH.search(fields[name]):
            # A last backslash alone would make the closing brace part of the text.
            fields[name] += "textbackslash{}"
    return _agreeing(fields, entry)


def _verbatim(text: str) -> str:
    return _VERBATIM_UNSAFE.sub("", unquote(text.replace("\\_", "_")))


def _doi(text: str) -> str:
    """Return a DOI with `#` and `&`, which may be part of one, escaped."""
    parts = re.split(r"\\?([#&])", unquote(text))
    return "".join(f"\\{part}" if part in {"#", "&"} else _verbatim(part) for part in parts)


def _agreeing(fields: dict[str, str], entry: Reference) -> dict[str, str]:
    """Change what does not say the same as the words of `entry`."""
    said, unchanged = words_of(fields), dict(fields)
    if said.get("title") != entry.title:
        _put(fields, "title", title_to_latex(entry.title))
    if said.get("authors") != entry.authors:
        _put(fields, "author", to_author_field(entry.authors))
    if said.get("venue") != entry.venue:
        _put_venue(fields, entry)
    if said.get("year") != entry.year:
        fields.pop("date", None)
        # Four digits are read as a year; before the first year and after the last that has four, none is written.
        _put(fields, "year", f"{entry.year:04d}" if 0 < (entry.year or 0) <= 9999 else "")
    if said.get("abstract") != entry.abstract:
        _put(fields, "abstract", to_latex(" ".join((entry.abstract or "").split())))
    if said.get("url") != entry.url:
        _put(fields, "url", as_address(entry.url or ""))
    if fields != unchanged or not entry.ids.items() <= said.get("ids", {}).items():
        _put_ids(fields, entry)
    return fields


def _put(fields: dict[str, str], name: str, value: str) -> None:
    if value:
        fields[name] = value
    else:
        fields.pop(name, None)


def _put_venue(fields: dict[str, str], entry: Reference) -> None:
    name = _VENUE_FIELDS.get(entry.entry_type, "howpublished")
    venue = entry.venue or ""
    if name == "howpublished" and ("://" in venue or "\\url" in venue):
        name = "journal"
    for other in VENUES if not venue else VENUES[: VENUES.index(name)]:
        fields.pop(other, None)
    _put(fields, name, to_latex(" ".join(venue.split())))


def _put_ids(fields: dict[str, str], entry: Reference) -> None:
    said = ids_of(fields, address_of(fields))
    for scheme, value in entry.ids.items():
        if said.get(scheme) == value:
            continue
        if scheme == "arxiv":
            fields["eprint"], fields["archiveprefix"] = _verbatim(value), "arXiv"
        elif scheme == "doi":
            _put(fields, "doi", _doi(value))
        elif scheme in OWN_FIELDS:
            _put(fields, OWN_FIELDS[scheme], _verbatim(value))


def _drop_cross_references(written: dict[str, dict[str, str]]) -> None:
    """Keep a `crossref` only to an entry that comes later, as BibTeX demands."""
    position = {key.lower(): index for index, key in enumerate(written)}
    for index, fields in enumerate(written.values()):
        target = fields.get("crossref")
        if target is not None and position.get(target.lower(), -1) <= index:
            del fields["crossref"]
