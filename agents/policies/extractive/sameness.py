"""Which entries of a bibliography are one work."""

from __future__ import annotations

import unicodedata

from peercycle.core.literature import Reference

_ARXIV_DOI = "10.48550/arxiv."


class KnownWorks:
    """The works met so far, found again by identifier, else by title, year and first author.

    Entries with different DOIs or different arXiv ids are different works whatever their titles; a title is compared
    with its digits, so that two parts or versions stay two.
    """

    def __init__(self) -> None:
        self._by_id: dict[tuple[str, str], dict[str, str]] = {}
        self._by_title: dict[tuple[str, int | None], list[tuple[dict[str, str], str]]] = {}

    def __contains__(self, entry: Reference) -> bool:
        ids, author = _identifiers(entry), _family(entry)
        for name in ids.items():
            known = self._by_id.get(name)
            if known is not None and not _contradict(ids, known):
                return True
        title = _letters(entry.title)
        alike = self._by_title.get((title, entry.year), []) if title else []
        return any(
            not _contradict(ids, known) and (not author or not other or author == other) for known, other in alike
        )

    def add(self, entry: Reference) -> None:
        """Note an entry as met."""
        ids = _identifiers(entry)
        for name in ids.items():
            self._by_id.setdefault(name, ids)
        if title := _letters(entry.title):
            self._by_title.setdefault((title, entry.year), []).append((ids, _family(entry)))


def _contradict(one: dict[str, str], other: dict[str, str]) -> bool:
    return any(one[scheme] != other[scheme] for scheme in one.keys() & other.keys())


def _identifiers(entry: Reference) -> dict[str, str]:
    """Return DOI and arXiv id; a DOI that arXiv gave is its id."""
    found = {scheme: entry.ids[scheme].strip().lower() for scheme in ("doi", "arxiv") if entry.ids.get(scheme)}
    if found.get("doi", "").startswith(_ARXIV_DOI):
        found.setdefault("arxiv", found.pop("doi").removeprefix(_ARXIV_DOI))
        found.pop("doi", None)
    return found


def _letters(text: str) -> str:
    """Return the letters and digits of a text, without case and accents."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in plain if character.isalnum())


def _family(entry: Reference) -> str:
    first = entry.authors[0].strip() if entry.authors else ""
    return _letters(first.partition(",")[0] if "," in first else first.rpartition(" ")[2])
