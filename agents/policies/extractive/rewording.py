"""Points that are answered in the text."""

from __future__ import annotations

import re
from collections.abc import Callable

from peercycle.agents.policies.extractive.answering import Kind
from peercycle.agents.policies.extractive.corpus import is_citable
from peercycle.agents.policies.extractive.material import Material
from peercycle.agents.policies.extractive.notes import Notes
from peercycle.agents.policies.extractive.paper import compose
from peercycle.agents.policies.extractive.prose import counted
from peercycle.agents.policies.extractive.sections.mapping import printed_quotes
from peercycle.agents.policies.extractive.settings import ExtractiveSettings
from peercycle.core.contracts import Work
from peercycle.core.reviews import ReviewPoint
from peercycle.core.writing import Manuscript, PointResponse

LEAST_QUOTE_WORDS = 12
_CITED = re.compile(r"\\cite[a-z]*\*?(?:\[[^\]]*\])*\{([^}]*)\}")
_LABEL, _REFERENCE = re.compile(r"\\label\{([^}]*)\}"), re.compile(r"\\ref\{([^}]*)\}")


def cited_keys(manuscript: Manuscript) -> frozenset[str]:
    """Return the keys that a manuscript cites."""
    groups = _CITED.findall(manuscript.latex)
    return frozenset(key.strip() for group in groups for key in group.split(","))


class Rewording:
    """The changes of text that a revision makes, gathered in the notes; a change that changes nothing is declined."""

    def __init__(self, work: Work, notes: Notes, settings: ExtractiveSettings) -> None:
        self.notes = notes
        self._work, self._settings = work, settings
        self._said: dict[Kind, str] = {}

    def answer(self, point: ReviewPoint, kind: Kind) -> PointResponse:
        """Answer a point by a change of text, or decline it with the reason."""
        ways: dict[Kind, Callable[[], tuple[Notes, str] | str]] = {
            "overlap": self._shorter_quotes,
            "limitations": self._limits,
            "uncited": self._uncited,
            "citations": self._uncited,
            "novelty": lambda: "A systematic map claims no novelty; the questions it proposes are called questions.",
            "data": lambda: "The list is given with the task; other works or data cannot be had here.",
            "floats": self._floats,
            "numbers": self._numbers,
            "clarity": self._guide,
            "repetition": lambda: (
                "Each section is written so that it can be read alone, and states again what its reader needs; what is "
                "stated is true in each place."
            ),
        }
        way = ways.get(kind)
        if way is None:
            return _declined(point, self._no_way())
        if kind in self._said:
            return PointResponse(point=point.id, action="text", answer=self._said[kind])
        result = way()
        if isinstance(result, str):
            return _declined(point, result)
        notes, said = result
        if self._compose(notes).latex == self._compose(self.notes).latex:
            return _declined(point, "The text has already what can be said of it, and nothing would change.")
        self.notes = notes
        self._said[kind] = said
        return PointResponse(point=point.id, action="text", answer=said)

    def _no_way(self) -> str:
        if self.notes.declined is not None:
            return f"Nothing was measured that could be reported: {self.notes.declined}."
        if not self._work.experiments_run:
            return "Nothing was measured that could be reported, because this run had no experiments."
        return "No change of the text that this policy can make truthfully would answer it."

    def _compose(self, notes: Notes) -> Manuscript:
        return compose(Material.of(self._work, notes, self._settings, concluded=True))

    def _shorter_quotes(self) -> tuple[Notes, str] | str:
        printed = [quote for cluster in self.notes.clusters for quote in printed_quotes(cluster, self.notes)]
        longest = max((len(quote.text.split()) for quote in printed), default=0)
        if longest > LEAST_QUOTE_WORDS:
            words = max(LEAST_QUOTE_WORDS, round(longest * 0.6))
            return (
                self.notes.model_copy(update={"quote_words": words}),
                f"Quotations are cut to at most {counted(words, 'word')}, each in quotation marks with its source.",
            )
        return (
            self.notes.model_copy(update={"quotes": 1}),
            "Each cluster quotes one work only, in quotation marks and with its source.",
        )

    def _limits(self) -> tuple[Notes, str] | str:
        return (
            self.notes.model_copy(update={"detailed_limits": True}),
            "The limitations name the works and clusters concerned, and the smallest effects that could be seen.",
        )

    def _uncited(self) -> tuple[Notes, str] | str:
        cited = cited_keys(self._compose(self.notes))
        missing = [e.key for e in self._work.bibliography.entries if e.key not in cited and is_citable(e.key)]
        missing = [key for key in dict.fromkeys(missing) if key not in self.notes.facts.merged]
        missing = [key for key in missing if key not in self.notes.facts.untitled]
        if not missing:
            return "Every work that can be cited is cited, and every citation is of a work in the bibliography."
        return (
            self.notes.model_copy(update={"list_uncited": (*self.notes.list_uncited, *missing)}),
            f"{counted(len(missing), 'work')} of the list that no section named "
            f"{'is' if len(missing) == 1 else 'are'} "
            "cited in the background section.",
        )

    def _floats(self) -> str:
        text = self._compose(self.notes).latex
        floats = [label for label in _LABEL.findall(text) if label.startswith(("tab:", "fig:"))]
        loose = set(floats) - set(_REFERENCE.findall(text))
        if loose:
            return f"Not referred to: {', '.join(sorted(loose))}; the text has no sentence that belongs to them."
        return "Every figure and table has a caption and is referred to in the text."

    def _numbers(self) -> str:
        return (
            "Every number that an execution produced is bound to its measurement; other numbers in the text are "
            "years, parameters of the method, or counts of the list."
        )

    def _guide(self) -> tuple[Notes, str] | str:
        return (
            self.notes.model_copy(update={"reading_guide": True}),
            "The method explains in plain words what each figure says.",
        )


def _declined(point: ReviewPoint, reason: str) -> PointResponse:
    return PointResponse(point=point.id, action="decline", answer=reason)
