"""What the sections are written from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from peercycle.agents.policies.extractive.corpus import is_citable
from peercycle.agents.policies.extractive.findings import Findings
from peercycle.agents.policies.extractive.latex import escape
from peercycle.agents.policies.extractive.notes import Notes
from peercycle.agents.policies.extractive.planning import ABLATIONS, base_of
from peercycle.agents.policies.extractive.prose import capital, counted, number_word, plural
from peercycle.agents.policies.extractive.settings import ExtractiveSettings
from peercycle.core.common_words import STOPWORDS
from peercycle.core.content_words import fold, words_of
from peercycle.core.contracts import Work
from peercycle.core.literature import Bibliography, Reference


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that a section may state."""

    notes: Notes
    settings: ExtractiveSettings
    topic: str
    """As it stands in a sentence, escaped."""
    topic_given: str
    """As it was given, escaped."""
    references: Mapping[str, Reference]
    findings: Findings
    study: str | None
    """Name of the user's own study, escaped."""
    experiments_run: bool
    concluded: bool
    """False in the text that is written before anything was run."""

    @classmethod
    def of(cls, work: Work, notes: Notes, settings: ExtractiveSettings, *, concluded: bool) -> Material:
        """Return the material of a candidate as it stands."""
        return cls(
            notes=notes,
            settings=settings,
            topic=topic_phrase(work.task.topic, work.bibliography),
            topic_given=escape(" ".join(work.task.topic.split())),
            references={r.key: r for r in reversed(work.bibliography.entries)},
            findings=Findings(work.results),
            study=escape(work.task.study.name) if work.task.study else None,
            experiments_run=work.experiments_run,
            concluded=concluded,
        )

    def ran(self, experiment: str) -> bool:
        """Return whether an experiment's numbers may be reported."""
        return self.concluded and self.findings.has(experiment)

    @property
    def quotes(self) -> bool:
        """Whether any cluster quotes its works."""
        return any(cluster.quotes for cluster in self.notes.clusters)

    @property
    def reported(self) -> tuple[str, ...]:
        """The studies of the bibliography with numbers, ablations left out, in order."""
        return tuple(s for s in self.notes.planned if s in _ORDER and self.ran(s))

    @property
    def ablations(self) -> tuple[str, ...]:
        """The ablations with numbers."""
        return tuple(s for s in ABLATIONS if self.ran(s) and self.ran(base_of(s)))

    def shown_term(self, group: str) -> str:
        """Return a word as printed, by its name in measurements."""
        return next((escape(term.shown) for term in self.notes.terms if term.group == group), escape(group))

    def citable(self, keys: Sequence[str]) -> tuple[str, ...]:
        """Return those of some keys that can be cited."""
        return tuple(key for key in keys if is_citable(key) and key in self.references)

    @property
    def on_topic(self) -> bool:
        """Whether the works may be spoken of as works on the topic; else they were given for it, and no more."""
        return self.off_topic is None and self.notes.topic.verdict != "partial"

    @property
    def off_topic(self) -> str | None:
        """The run's judgement of a list that has nothing or little to do with the topic, without its ground; else None."""
        return self.notes.off_topic and capital(self.notes.off_topic.partition(":")[0])

    @property
    def placed(self) -> str:
        """The works that lie in clusters, with their article: `the nine works`, `eight of the nine works`."""
        outside = len(self.notes.unplaced)
        return (
            f"{number_word(self.notes.facts.works - outside)} of the {self.works}" if outside else f"the {self.works}"
        )

    @property
    def works(self) -> str:
        """The number of works with its noun, in words."""
        return counted(self.notes.facts.works, "work")

    @property
    def span(self) -> str:
        """The years of the works, with a blank before; nothing where none is dated."""
        facts = self.notes.facts
        return dated_span(facts.first_year, facts.last_year, facts.dated, facts.works)


LONGEST_PHRASE = 14
"""A topic of more words is quoted in a sentence, not built into it."""


def topic_phrase(topic: str, bibliography: Bibliography) -> str:
    """Return the topic for the middle of a sentence: in quotation marks where it is a question or long.

    A capital at its beginning goes where the works write the word without one; where they do not write it, it may
    be a name, and the topic is quoted too.
    """
    plain = " ".join(topic.split())
    if plain.endswith("?"):
        return f"the question ``{escape(plain)}''"
    plain = plain.rstrip(".!:; ")
    if len(plain.split()) > LONGEST_PHRASE or re.search(r"[.!?:;]\s", plain):
        return f"the topic ``{escape(plain)}''"
    first = plain.split(" ")[0]
    if not first[:1].isupper() or not (first[1:].islower() or len(first) == 1):
        return escape(plain)
    small = {
        fold(word) for r in bibliography.entries for word in words_of(f"{r.title} {r.abstract}") if word.islower()
    }
    if first.lower() in STOPWORDS or fold(first) in small:
        return escape(plain[:1].lower() + plain[1:])
    return f"``{escape(plain)}''"


_ORDER = ("stability", "retrieval", "trends", "gaps")


def span_of(first: int | None, last: int | None) -> str:
    """Return ` from 2001 to 2020`, ` of 2001`, or nothing."""
    if first is None or last is None:
        return ""
    return f" of {first}" if first == last else f" from {first} to {last}"


def dated_span(first: int | None, last: int | None, dated: int, works: int) -> str:
    """Return the years of some works; where not all of them have one, as those of the dated ones, in brackets."""
    years = span_of(first, last)
    return f" (the dated {plural(dated, 'one', 'ones')}{years})" if years and dated < works else years
