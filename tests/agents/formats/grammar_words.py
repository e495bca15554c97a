"""Words for made-up outputs: sentences with LaTeX, mathematics and punctuation that parsers stumble over."""

from __future__ import annotations

import random

_PIECES = (
    "We study preference pairs",
    "the loss $\\mathcal{L}_{\\theta}(x) = \\frac{1}{n}\\sum_i \\ell_i$ is convex",
    "\\textbf{bold} and \\emph{not} so",
    "results hold for 50\\% of cases",
    "``quoted'' text~\\cite{smith2020,li_2021}",
    "a set $\\{a, b\\}$ with braces",
    "the gap is 0.91 versus 0.88",
    "see Section~\\ref{sec:method}",
    "Müller and Ångström agree",
    "an accepted baseline is rejected",
    "rated 3 of 4 by others",
    "\\textsc{Small} caps",
    "10: is no score here",
)


def sentence(rng: random.Random) -> str:
    """Return one sentence."""
    return ", ".join(rng.sample(_PIECES, rng.randint(1, 3))) + "."


def paragraph(rng: random.Random) -> str:
    """Return a few sentences on one line."""
    return " ".join(sentence(rng) for _ in range(rng.randint(1, 3)))


def points(rng: random.Random, most: int = 4) -> list[str]:
    """Return a few different points, none of which is a list or a heading."""
    return [f"Point {n}: {paragraph(rng)}" for n in range(rng.randint(1, most))]


def listed(rng: random.Random, texts: list[str]) -> str:
    """Return points as a list in one of the usual styles, or as paragraphs."""
    style = rng.choice(["- ", "* ", "{}. ", "{}) ", "• ", ""])
    if not style:
        return "\n\n".join(texts)
    gap = rng.choice(["\n", "\n\n"])
    return gap.join(style.format(n) + text for n, text in enumerate(texts, 1))
