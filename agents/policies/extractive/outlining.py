"""What the map will hold, and what to search the literature for."""

from __future__ import annotations

from peercycle.agents.policies.extractive.latex import escape
from peercycle.agents.policies.extractive.notes import Notes
from peercycle.agents.policies.extractive.prose import counted
from peercycle.agents.policies.extractive.terms import content_tokens
from peercycle.core.contracts import Work
from peercycle.core.writing import Outline, SectionPlan

MOST_QUERIES = 6


def search_queries(work: Work, notes: Notes | None) -> tuple[str, ...]:
    """Return the topic and its content words, or the names of the clusters where there are notes."""
    if notes is not None and notes.clusters:
        return tuple(" ".join(cluster.terms) for cluster in notes.clusters if cluster.terms)[:MOST_QUERIES]
    topic = " ".join(work.task.topic.split())
    words = " ".join(content_tokens(topic))
    return tuple(dict.fromkeys(query for query in (topic, words) if query))


def outline_of(work: Work, notes: Notes) -> Outline:
    """Return the outline of a systematic map."""
    facts = notes.facts
    topic = escape(work.task.topic.strip())
    size = counted(facts.works, "work")
    questions = ["What does the list hold, and into which parts does it fall?", "What does it leave out?"]
    if work.task.study is not None:
        questions.insert(0, f"What does the supplied study {escape(work.task.study.name)} measure?")
    return Outline(
        title=f"A systematic map of {size} given on {topic}",
        motivation=f"{size[:1].upper()}{size[1:]} were given on {topic}; a reader needs to see what they hold.",
        idea="Order the works by their words, quote them, measure the list itself, and name what it does not cover.",
        questions=tuple(questions),
        sections=(
            SectionPlan(heading="Introduction", purpose="topic, question and list"),
            SectionPlan(heading="Background", purpose="the works nearest to the topic", cites=notes.nearest),
            SectionPlan(heading="Method", purpose="how the list is read, clustered and measured"),
            *(
                SectionPlan(heading=escape(cluster.name), purpose="a cluster of the map", cites=cluster.keys)
                for cluster in notes.clusters
            ),
            SectionPlan(heading="Results", purpose="what is measured on the list"),
            SectionPlan(heading="Discussion", purpose="coverage, gaps and open questions"),
            SectionPlan(heading="Limitations", purpose="what the map cannot show"),
        ),
        nearest_prior=(*notes.nearest, *notes.found),
    )
