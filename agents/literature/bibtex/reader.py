"""A BibTeX file to a bibliography: every entry that can be read, and what was wrong with the rest."""

from __future__ import annotations

import re

from peercycle.agents.literature.bibtex.entry import FieldReader, Fields
from peercycle.agents.literature.bibtex.preamble import is_own
from peercycle.agents.literature.bibtex.problems import Problems
from peercycle.agents.literature.bibtex.references import Entry, references_of
from peercycle.agents.literature.bibtex.scanner import ENTRY_TYPES, HEADER, NAME, Source
from peercycle.agents.literature.bibtex.values import Values
from peercycle.core.literature import Bibliography

_KEY = re.compile(r"([^\s,{}\"=@]++)\s*+([,})])")
_LOOSE_KEY = re.compile(r"[^,=\n@]{0,300}+")
_BLANKS = re.compile(r"\s*+")
_ABSTRACT = re.compile(r"[ \t]*+abstract[ \t]*+:", re.IGNORECASE)
_PARAGRAPH_END = re.compile(r"\n[ \t]*+(?=\n|@)|\n[ \t]*+\Z")
_INLINE_ENTRY = re.compile(rf"@(?:{'|'.join(sorted(ENTRY_TYPES, reverse=True))})\s*+\{{[^\s,{{}}]++,", re.IGNORECASE)
_LOST_AT = re.compile(
    rf"^[ \t]*+({'|'.join(sorted(ENTRY_TYPES, reverse=True))})\s*+[{{(]\s*+[^\s,{{}}]++\s*+,\s*+{NAME}\s*+=",
    re.IGNORECASE | re.MULTILINE,
)
_CUT_OFF = re.compile(r"(?:\A|\n)[ \t]*+@[ \t]*+[A-Za-z]*+\s*+\Z")
_KINDS = ENTRY_TYPES | {"string", "preamble", "comment"}


def read(text: str) -> Bibliography:
    """Read a BibTeX file; any text gives a bibliography.

    Entries keep their order, duplicates included. Damage costs at most the damaged field: the entry is
    marked `recovered` and a problem names its line. An `Abstract:` line belongs to the next entry.
    """
    return _Reader(text).bibliography()


class _Reader:
    def __init__(self, text: str) -> None:
        self._source = Source(text)
        self._values = Values(self._source)
        self._fields = FieldReader(self._source, self._values)
        self._problems = Problems(self._source)
        self._entries: list[Entry] = []
        self._preamble: list[str] = []
        self._abstract: tuple[int, str] | None = None

    def bibliography(self) -> Bibliography:
        self._scan()
        references = references_of(self._entries, self._problems)
        return Bibliography(
            entries=references,
            problems=self._problems.found(),
            preamble=tuple(self._preamble),
            macros=dict(self._values.macros),
        )

    def _scan(self) -> None:
        source, position = self._source, 0
        header = HEADER.search(source.text)
        while True:
            if header is not None and header.start() < position:
                header = HEADER.search(source.text, position)
            start = header.start() if header else source.size
            abstract = source.next_abstract(position)
            if abstract < start:
                self._remark_gap(position, abstract)
                position = self._abstract_line(abstract)
                continue
            self._remark_gap(position, start)
            if header is None:
                break
            position = self._block(header)
        self._drop_abstract()

    def _block(self, header: re.Match[str]) -> int:
        if header[1] is None:
            return self._misspelt(header)
        kind, opening = header[1].lower(), header[2]
        if opening is None:
            return self._headless(header)
        closer = "}" if opening == "{" else ")"
        if kind not in _KINDS and self._source.text[max(0, header.start() - 1)].isalnum():
            return header.end(1)  # an address of electronic mail
        if kind == "comment":
            end = self._source.closing.get(header.start(2)) if opening == "{" else None
            if end is None:
                end = self._source.text.find("\n", header.end())
            return end + 1 if end >= 0 else self._source.size
        if kind == "preamble":
            return self._read_preamble(header, closer)
        if kind == "string":
            fields = self._fields.read(header.end(), closer)
            self._problems.from_fields(fields, None, header.start())
            for name, value in fields.values.items():
                if self._values.define(name, value):
                    self._problems.add(header.start(), f"macro {name!r} is too long and was cut off")
            return fields.end
        return self._read_entry(header, kind, closer)

    def _misspelt(self, header: re.Match[str]) -> int:
        """An entry with a stray mark in its type."""
        kind = "".join(filter(str.isalpha, header[3].lower()))
        return self._read_entry(header, kind or "misc", "}" if header[4] == "{" else ")")

    def _headless(self, header: re.Match[str]) -> int:
        """An entry without its opening brace: `@article key, title = ...`."""
        word, text = header[1], self._source.text
        kind = next(
            (name for name in sorted(ENTRY_TYPES, key=len, reverse=True) if word.lower().startswith(name)), ""
        )
        comma = text.index(",", header.end())
        if not kind:
            return header.end()
        key = word[len(kind) :] + text[header.end() : comma].strip()
        self._problems.add(header.start(), "the entry's opening brace is missing", key=key, lost=False)
        return self._finish_entry(header.start(), kind, key, self._fields.read(comma + 1, "}"), damaged=True)

    def _read_entry(self, header: re.Match[str], kind: str, closer: str) -> int:
        start, at = header.start(), header.end()
        damaged = False
        found = _KEY.match(self._source.text, at)
        if found and found[2] in {",", closer}:
            key, at = found[1], found.end() if found[2] == "," else found.start(2)
        else:
            key, at, damaged = self._loose_key(at, closer)
        where = key.strip("{}") or None
        if damaged:
            self._problems.add(start, "the entry's key is not followed by a comma", key=where, lost=False)
        if header[1] is None:
            message = f"stray mark in the entry's type {header[3]!r}"
            self._problems.add(start, message, key=where, lost=False)
            damaged = True
        return self._finish_entry(start, kind, key, self._fields.read(at, closer), damaged=damaged)

    def _loose_key(self, at: int, closer: str) -> tuple[str, int, bool]:
        """Find the key where the grammar does not: it, where fields begin, and whether it is damaged."""
        text = self._source.text
        found = _LOOSE_KEY.match(text, at)
        chunk, end = (found[0], found.end()) if found else ("", at)
        mark = text[end : end + 1]
        words = chunk.split()
        if mark == "=":
            if len(words) < 2:
                return "", at, True
            return " ".join(words[:-1]), at + chunk.rindex(words[-1]), True
        if chunk.rstrip().endswith(closer) and "{" not in chunk:
            return chunk.rstrip()[:-1], at + len(chunk.rstrip()) - 1, True
        return chunk.strip(), end + 1 if mark in {",", "\n"} else end, bool(chunk.strip("{ \t"))

    def _finish_entry(self, start: int, kind: str, key: str, fields: Fields, *, damaged: bool = False) -> int:
        key = key.strip().strip("{}").strip()
        if not key and not fields.values and (fields.damage or damaged):
            self._problems.add(start, f"'@{kind[:30]}' begins no entry")
            return fields.end
        line = self._source.line(start)
        self._problems.from_fields(fields, key, start)
        abstract = self._abstract[1] if self._abstract else None
        self._abstract = None
        recovered = damaged or bool(fields.damage)
        self._entries.append(Entry(kind, key, line, fields.values, abstract, recovered))
        return fields.end

    def _read_preamble(self, header: re.Match[str], closer: str) -> int:
        text, at = self._source.text, header.end()
        read = self._values.strict(at)
        self._values.undefined.clear()
        blanks = _BLANKS.match(text, read[1]) if read else None
        if read and blanks and text[blanks.end() : blanks.end() + 1] == closer:
            if not is_own(read[0]):
                self._preamble.append(read[0])
            return blanks.end() + 1
        end = self._source.closing.get(header.start(2))
        if end is None:
            self._problems.add(header.start(), "a preamble is never closed and was left out")
            return at
        self._problems.add(header.start(), "a preamble is not a quoted text; it is kept as written", lost=False)
        self._preamble.append(text[at:end].strip())
        return end + 1

    def _abstract_line(self, start: int) -> int:
        text = self._source.text
        found = _ABSTRACT.match(text, start)
        begin = found.end() if found else start
        limit = self._source.next_abstract(begin)
        stop = _PARAGRAPH_END.search(text, begin, limit)
        end = stop.start() if stop else limit
        if inline := _INLINE_ENTRY.search(text, begin, end):
            end = inline.start()
        self._drop_abstract()
        words = " ".join(text[begin:end].split())
        self._abstract = (start, words) if words else None
        return end

    def _drop_abstract(self) -> None:
        if self._abstract is not None:
            self._problems.add(self._abstract[0], "no entry follows this abstract")
            self._abstract = None

    def _remark_gap(self, start: int, end: int) -> None:
        """Report what between two entries looks as if it was meant to be more than a comment."""
        gap = self._source.text[start:end]
        if not gap or gap.isspace():
            return
        if (found := _LOST_AT.search(gap)) is not None:
            where = start + found.start(1)
            self._problems.add(where, f"an entry without its '@' is a comment: {found[1]!r}", lost=False)
        elif self._source.net(start, end) < 0:
            self._problems.add(start + gap.index("}"), "stray '}' between entries", lost=False)
        if end == self._source.size and (found := _CUT_OFF.search(gap)) is not None:
            self._problems.add(start + gap.rindex("@"), "the file ends where an entry begins")
