"""A small Semantic Scholar: works, who cites whom, search by words. For tests of what asks the real one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from peercycle.plugins.testing.web import Received, Reply

GRAPH = "/graph/v1/paper"


class GraphService:
    """Answers the end points that peercycle uses, for `WebService(GraphService(works, cites))`.

    `works` are records in the service's own shape, each with `paperId` and `title`; `cites` names, by id, the ids
    that a work cites. Abstracts are left out of references and citations, as the real service often does.
    """

    def __init__(self, works: Sequence[Mapping[str, Any]], cites: Mapping[str, Sequence[str]]) -> None:
        self._works = {work["paperId"]: dict(work) for work in works}
        self._cites = cites

    def __call__(self, received: Received) -> Reply:
        """Answer one request."""
        path = unquote(received.path)
        if path == f"{GRAPH}/search":
            return self._search(received)
        if path == f"{GRAPH}/batch":
            return Reply.of([self._find(name) for name in received.json()["ids"]])
        if path.startswith("/recommendations/"):
            return Reply.of({"recommendedPapers": list(self._works.values())[:5]})
        found = re.fullmatch(rf"{GRAPH}/(.+)/(references|citations)", path)
        work = self._find(found[1]) if found else None
        if found is None or work is None:
            return Reply.of({"error": f"Paper with id {path} not found"}, 404)
        return self._neighbours(work["paperId"], found[2], received)

    def _search(self, received: Received) -> Reply:
        asked = set(_words(received.parameter("query") or ""))
        ranked = [
            (len(asked & set(_words(f"{w['title']} {w.get('abstract') or ''}"))), w) for w in self._works.values()
        ]
        found = [work for number, work in sorted(ranked, key=lambda pair: -pair[0]) if number]
        start, limit = int(received.parameter("offset") or 0), int(received.parameter("limit") or 100)
        page = {"total": len(found), "offset": start, "data": found[start : start + limit]}
        return Reply.of(page | ({"next": start + limit} if start + limit < len(found) else {}))

    def _neighbours(self, identity: str, direction: str, received: Received) -> Reply:
        if direction == "references":
            side, names = "citedPaper", list(self._cites.get(identity, ()))
        else:
            side, names = "citingPaper", [name for name, cited in self._cites.items() if identity in cited]
        limit = int(received.parameter("limit") or 100)
        data = [{side: {**self._works[name], "abstract": None}} for name in names[:limit] if name in self._works]
        return Reply.of({"offset": 0, "data": data})

    def _find(self, name: str) -> dict[str, Any] | None:
        scheme, _, value = name.rpartition(":")
        wanted = {"DOI": "DOI", "ARXIV": "ArXiv", "CorpusId": "CorpusId", "ACL": "ACL"}.get(scheme)
        for work in self._works.values():
            given = work["paperId"] if wanted is None else str((work.get("externalIds") or {}).get(wanted, ""))
            if given.lower() == value.lower():
                return work
        return None


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
