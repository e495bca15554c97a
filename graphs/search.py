"""One answer out of several literature sources."""

from __future__ import annotations

import re
from collections.abc import Sequence

from peercycle.core.literature import Reference

RRF_K = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke and Buettcher 2009, SIGIR)."""


def fuse(answers: Sequence[Sequence[Reference]], limit: int) -> tuple[Reference, ...]:
    """Fuse ranked answers: score 1 / (60 + rank) summed over sources; one work is returned once.

    Works are the same where they share a DOI or an arXiv id, else title, year and first author.
    """
    scores: dict[str, float] = {}
    works: dict[str, Reference] = {}
    for answer in answers:
        for rank, work in enumerate(answer, start=1):
            identity = work_identity(work)
            scores[identity] = scores.get(identity, 0.0) + 1 / (RRF_K + rank)
            works.setdefault(identity, work)
    order = sorted(scores, key=lambda identity: (-scores[identity], works[identity].key))
    return tuple(works[identity] for identity in order[:limit])


def work_identity(work: Reference) -> str:
    """Return what makes two records one work."""
    for scheme in ("doi", "arxiv"):
        if value := work.ids.get(scheme):
            return f"{scheme}:{value.lower()}"
    title = re.sub(r"\W+", " ", work.title.lower()).strip()
    first = work.authors[0].split()[-1].lower() if work.authors else ""
    return f"title:{title}|{work.year or ''}|{first}" if title else f"key:{work.key}"
