"""What a point of a review asks for, by its check and its words."""

from __future__ import annotations

import re
from typing import Literal

from peercycle.core.reviews import ReviewPoint

Kind = Literal[
    "overlap",
    "limitations",
    "uncited",
    "citations",
    "novelty",
    "data",
    "ablation",
    "seeds",
    "floats",
    "numbers",
    "clarity",
    "repetition",
    "unknown",
]

_PATTERNS: tuple[tuple[Kind, str], ...] = (
    ("overlap", r"overlap|verbatim|plagiar|copied|quot(?:e|ation)"),
    ("repetition", r"nothing is repeated|said twice|redundan|duplicat"),
    ("limitations", r"limitation|caveat|threats? to validity"),
    ("uncited", r"uncited|unused|never cited|not cited|un-?cited|missing (?:citation|reference)|listed but"),
    ("ablation", r"ablat|sensitiv|robust|baseline|control condition|without (?:the )?(?:stop|title)"
     r"|hyper-?parameter"),
    ("seeds", r"seed|repeat|replicat|repetition|single run|one run|interval|uncertaint|confidence|error bar|variance"
     r"|standard deviation|spread|significan|statistical|power|sample size|more runs"),
    ("citations", r"citation|cite|reference|bibliograph|related work|prior work"),
    ("novelty", r"novel|original|contribution|incremental|trivial"),
    ("data", r"more data|larger|data ?set|more works|more papers|other (?:corpus|corpora|list)|human|expert|annotat"
     r"|full text|real[- ]world|gpu"),
    ("floats", r"figure|table|plot|caption|referred"),
    ("numbers", r"number|unbound|bound|rounding|measur|value"),
    ("clarity", r"clar|unclear|explain|defin|readab|hard to (?:read|follow)|jargon|writing|structure|what .* means?"),
)  # fmt: skip


def kind_of(point: ReviewPoint) -> Kind:
    """Return what a point asks for: by the name of its check where that says it, else by its text."""
    for text in ((point.check or "").replace("-", " "), point.text.removeprefix(f"{point.check}: ")):
        for kind, pattern in _PATTERNS:
            if re.search(pattern, text.replace("_", " "), re.IGNORECASE):
                return kind
    return "unknown"


_STUDY_WORDS: tuple[tuple[str, str], ...] = (
    ("stability", r"stabil|cluster|rand index|jaccard"),
    ("retrieval", r"retriev|bm25|tf-?idf|recall|reciprocal"),
    ("trends", r"trend|over the years|year shift"),
    ("gaps", r"\bgaps?\b|co-?occur|pairs?\b"),
    ("study", r"supplied study|\bthe study that came"),
)


def studies_named(point: ReviewPoint) -> tuple[str, ...]:
    """Return the studies that a point names; none where it speaks of all."""
    text = f"{point.text} {point.where or ''}"
    return tuple(name for name, pattern in _STUDY_WORDS if re.search(pattern, text, re.IGNORECASE))
