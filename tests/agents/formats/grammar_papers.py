"""Writes CycleResearcher outputs in the published shape and its drifts, and knows what they hold."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass

from tests.agents.formats.grammar_words import paragraph, sentence

_TITLES = (
    "A {B} of $x^{2}$",
    "{P}reference \\& Reward: $\\mathcal{O}(n)$ Steps",
    "Learning \\textsc{Fast}",
    "Plain Words",
    "On \\emph{Nested {Braces}} and $\\{a\\}$",
)
_LAST = (("Conclusion",), ("Discussion and Future Work",), ("Numerical Study",), ("Conclusion", "Disclosure"), ())


@dataclass
class Paper:
    """An output, and what it holds."""

    text: str
    motivation: str
    idea: str
    ratings: tuple[int, int, int]
    title: str
    abstract: str
    front: str
    back: str
    setup: object
    results: object


def paper(rng: random.Random) -> Paper:
    """Write the turns of the protocol glued as one-shot inference leaves them, or with gaps between them."""
    ratings = (rng.randint(5, 9), rng.randint(5, 9), rng.randint(5, 9))
    title, abstract = rng.choice(_TITLES), paragraph(rng)
    front = f"\\title{{{title}}}\n\n\\begin{{abstract}}\n{abstract}\n\\end{{abstract}}\n\n" + _sections(
        rng, ("Introduction", "Related Work", "Methods")
    )
    back = _sections(rng, ("Experiments", "Results", *rng.choice(_LAST)))
    if rng.random() < 0.3:
        back += "\n\n\\section*{Acknowledgments}\nWe thank nobody."
    setup = [{"name": f"Study {n}", "description": paragraph(rng)} for n in range(rng.randint(3, 8))]
    results = [{"name": f"Study {n}", "result": _result(rng)} for n in range(rng.randint(1, 6))]
    motivation, idea = paragraph(rng), paragraph(rng)
    glue = rng.choice(["", "\n\n"])
    hashes, results_head = (
        rng.choice(["##", "##", "###"]),
        rng.choice(["Experimental_results", "Experimental Results"]),
    )
    heads = ("Motivation", "Main Idea", "Interestingness", "Feasibility", "Novelty")
    outline = "".join(
        f"{hashes} {head}{rng.choice(['', ':'])}\n\n{value}\n\n"
        for head, value in zip(heads, (motivation, idea, *ratings), strict=True)
    )
    text = (
        f"{outline}```latex\n{front}\n```\n\n{hashes} Experimental Setup\n\n```json\n{_json(rng, setup)}\n```{glue}"
        f"{hashes} {results_head}\n\n```json\n{_json(rng, results)}```{glue}```latex\n{back}\n```"
    )
    return Paper(text, motivation, idea, ratings, title, abstract, front, back, setup, results)


def _sections(rng: random.Random, heads: tuple[str, ...]) -> str:
    return "\n\n".join(f"\\section{{{head}}}\n{paragraph(rng)}\n\n{paragraph(rng)}" for head in heads)


def _result(rng: random.Random) -> dict[str, object]:
    whole: dict[str, object] = {
        "table": [["Method", "Score"], ["\\textsc{Ours}", "0.91"], ["Base", "0.88"]],
        "description": sentence(rng),
        "notes": [sentence(rng), "\\nabla stays"],
        "image": "A caption.",
    }
    kept = rng.sample(list(whole), rng.randint(1, 4))
    return {name: whole[name] for name in kept}


def _json(rng: random.Random, value: object) -> str:
    """Return JSON, its LaTeX escaped as it should be, or as models write it."""
    spelled = json.dumps(value, ensure_ascii=False)
    return spelled.replace("\\\\", "\\") if rng.random() < 0.5 else spelled
