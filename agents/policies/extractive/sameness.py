"""Which entries of a bibliography are one work."""

from __future__ import annotations

from peercycle.core.literature import Reference
from peercycle.core.sameness import first_family, normalised_id, normalised_title


class KnownWorks:
    """The works met so far, found again by identifier, else by title, year and first author.

    Entries with different DOIs or different arXiv ids are different works whatever their titles; a title is compared
    with its digits, so that two parts or versions stay two.
    """

    def __init__(self) -> None:
        self._by_id: dict[tuple[str, str], dict[str, str]] = {}
        self._by_title: dict[tuple[str, int | None], list[tuple[dict[str, str], str]]] = {}

    def __contains__(self, entry: Reference) -> bool:
        ids, author = _identifiers(entry), first_family(entry)
        for name in ids.items():
            known = self._by_id.get(name)
            if known is not None and not _contradict(ids, known):
                return True
        title = normalised_title(entry.title)
        alike = self._by_title.get((title, entry.year), []) if title else []
        return any(
            not _contradict(ids, known) and (not author or not other or author == other) for known, other in alike
        )

    def add(self, entry: Reference) -> None:
        """Note an entry as met."""
        ids = _identifiers(entry)
        for name in ids.items():
            self._by_id.setdefault(name, ids)
        if title := normalised_title(entry.title):
            self._by_title.setdefault((title, entry.year), []).append((ids, first_family(entry)))


def _contradict(one: dict[str, str], other: dict[str, str]) -> bool:
    return any(one[scheme] != other[scheme] for scheme in one.keys() & other.keys())


def _identifiers(entry: Reference) -> dict[str, str]:
    """Return arXiv id and DOI; a DOI that arXiv gave is its id."""
    found: dict[str, str] = {}
    for given in ("arxiv", "doi"):
        if entry.ids.get(given):
            scheme, _, value = normalised_id(given, entry.ids[given]).partition(":")
            found.setdefault(scheme, value)
    return found
