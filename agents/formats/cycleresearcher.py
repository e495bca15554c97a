"""What CycleResearcher writes: ideas, the front of a paper, a set-up, perhaps results, and the rest of the paper.

Published inference lets the model write the results itself, so one output may hold all the turns of the protocol with
nothing between them; an output may also hold one turn, or stop anywhere.
"""

from __future__ import annotations

from peercycle.agents.formats.latex_parts import abstract_of, title_of
from peercycle.agents.formats.outline_parts import Parts, split_parts
from peercycle.agents.formats.plain import clean
from peercycle.agents.formats.scores import read_score
from peercycle.core.base import JSON, Word


class GeneratedPaper(Word):
    """Every field of an output that is there. What is missing is empty, or None where it would be a number or JSON."""

    text: str = ""
    """The output itself."""
    motivation: str = ""
    idea: str = ""
    interestingness: float | None = None
    feasibility: float | None = None
    novelty: float | None = None
    title: str = ""
    """LaTeX, braces and mathematics as written."""
    abstract: str = ""
    latex: str = ""
    """All of the paper's LaTeX, front and back, without fences."""
    experimental_setup: JSON = None
    """A list of `{"name", "description"}`; the text as written where it is no JSON."""
    experimental_results: JSON = None
    """A list of `{"name", "result"}`; the text as written where it is no JSON."""
    problems: tuple[str, ...] = ()
    """What could not be read, a line each."""

    def to_published_dict(self) -> dict[str, JSON]:
        """Return the fields under the keys of the published model card."""
        return {
            "generated_text": self.text,
            "motivation": self.motivation,
            "idea": self.idea,
            "interestingness": self.interestingness,
            "feasibility": self.feasibility,
            "novelty": self.novelty,
            "title": self.title,
            "abstract": self.abstract,
            "Experimental_Setup": self.experimental_setup,
            "Experimental_results": self.experimental_results,
            "latex": self.latex,
        }


def parse(text: str) -> GeneratedPaper:
    """Return every field that is in an output of CycleResearcher, or in any beginning of one. Never raises."""
    text = clean(text)
    parts = split_parts(text)
    problems = list(parts.problems)
    ratings: dict[str, float | None] = {}
    for name in ("interestingness", "feasibility", "novelty"):
        scored = read_score(name, parts.named.get(name), 0, 10)
        ratings[name] = scored.value
        if scored.problem:
            problems.append(scored.problem)
    problems += _missing(parts, text)
    return GeneratedPaper(
        text=text,
        motivation=parts.named.get("motivation", ""),
        idea=parts.named.get("idea", ""),
        title=title_of(parts.latex),
        abstract=abstract_of(parts.latex),
        latex=parts.latex,
        experimental_setup=parts.setup,
        experimental_results=parts.results,
        problems=tuple(problems),
        **ratings,
    )


def _missing(parts: Parts, text: str) -> list[str]:
    if not text.strip():
        return ["the answer is empty"]
    absent = [name for name in ("motivation", "idea") if not parts.named.get(name)]
    absent += ["latex"] if not parts.latex else []
    return [f"there is no {name}" for name in absent]
