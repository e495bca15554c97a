"""Title and introduction: the topic, the question, the list, and how far they belong together."""

from __future__ import annotations

from peercycle.agents.policies.extractive.corpus import LEAST_ABSTRACT_WORDS
from peercycle.agents.policies.extractive.latex import escape, join, paragraphs
from peercycle.agents.policies.extractive.material import Material
from peercycle.agents.policies.extractive.notes import CorpusFacts
from peercycle.agents.policies.extractive.prose import capital, counted, listed, number_word, plural, shares
from peercycle.agents.policies.extractive.sections.discussion import questions
from peercycle.agents.policies.extractive.sections.mapping import named
from peercycle.core.content_words import fold
from peercycle.core.topicality import names_subject
from peercycle.core.writing import Section

MOST_NAMED = 6
"""Works that use no word of the topic and are named as such; of more, the rest are counted."""


def title(m: Material) -> str:
    """Return the paper's title."""
    if m.notes.facts.works < 2:
        what = "One work" if m.notes.facts.works else "An empty list of works"
        return f"{what} given for the topic ``{m.topic_given}''"
    if not m.on_topic:
        return f"A systematic map of {m.works} given for the topic ``{m.topic_given}''"
    given = m.topic_given.rstrip(".:; ")
    return (
        f"{capital(given)}{'' if given.endswith(('?', '!')) else ':'} {'A' if given[-1:] in '?!' else 'a'} "
        f"systematic map of {m.works}"
    )


def introduction(m: Material) -> Section:
    """Return the introduction."""
    return Section(
        heading="Introduction",
        role="introduction",
        body=paragraphs(_question(m), _list(m), topic_sentences(m), _contents(m)),
    )


def _question(m: Material) -> str:
    works = m.notes.facts.works
    if works == 0:
        return (
            f"A map of the literature on {m.topic} was asked for, but the list that was given holds no work with a "
            "title or an abstract. There is nothing to map."
        )
    if works == 1:
        return (
            f"This paper describes the one work that was given for the topic ``{m.topic_given}''. A single work "
            "cannot be mapped; what can be said of it is said."
        )
    on = f"on {m.topic}" if m.on_topic else f"for the topic ``{m.topic_given}''"
    return join(
        f"This paper was given a list of {m.works}{m.span} {on}. What does the list hold, into which parts does it "
        "fall, and what does it leave out?",
        "The paper is a systematic map: it orders, counts and quotes the works, and describes which work there is; "
        "it does not weigh their evidence or pool their results.",
    )


def _list(m: Material) -> str:
    facts = m.notes.facts
    if facts.works == 0:
        return ""
    parts: list[str] = []
    if facts.farther:
        whole = facts.entries + facts.farther
        parts.append(
            f"The file that was given has {whole} entries; this paper reads the {facts.entries} of them whose words come "
            f"nearest to the topic (where too few share a word with it, the file's first others fill up), and says "
            f"nothing of the other {facts.farther}."
        )
    if facts.entries != facts.works:
        gone: list[str] = []
        if facts.merged:
            named = plural(len(facts.merged), "a work that an earlier entry names", "works that earlier entries name")
            gone.append(f"{counted(len(facts.merged), 'entry', 'entries')} for {named}")
        if facts.untitled:
            gone.append(f"{counted(len(facts.untitled), 'entry', 'entries')} with neither a title nor an abstract")
        left = listed(gone)
        are = plural(len(facts.merged) + len(facts.untitled), "is", "are")
        what = "What is read" if facts.farther else "The file"
        parts.append(f"{what} has {counted(facts.entries, 'entry', 'entries')}; left out {are} {left}.")
    missing = facts.works - facts.abstracts
    if missing == 0:
        parts.append("Every work comes with an abstract." if facts.works > 1 else "It comes with an abstract.")
    else:
        parts.append(_abstracts(facts, missing))
    undated = facts.works - facts.dated
    if facts.dated == 0:
        parts.append("No work has a year." if facts.works > 1 else "It has no year.")
    elif undated:
        parts.append(f"{capital(counted(undated, 'work'))} {plural(undated, 'has', 'have')} no year.")
    if facts.recovered:
        parts.append(
            f"{capital(counted(facts.recovered, 'entry', 'entries'))} {plural(facts.recovered, 'was', 'were')} "
            "damaged in the file and could be read in part."
        )
    if facts.uncitable:
        parts.append(
            f"{capital(counted(facts.uncitable, 'work'))} cannot be cited, because the key is not a key that LaTeX "
            "can cite or belongs to an earlier entry."
        )
    return join(*parts)


def _abstracts(facts: CorpusFacts, missing: int) -> str:
    """Return which works have an abstract that is used, and what of the others was read."""
    least = number_word(LEAST_ABSTRACT_WORDS)
    titles = plural(missing, "title was", "titles were")
    none = missing - facts.short
    if facts.abstracts == 0 and facts.short == 0:
        return "No work comes with an abstract, so only titles were read."
    if facts.abstracts == 0:
        return (
            f"No work comes with an abstract of {least} words, the least that is used: in shorter ones only the topic's "
            "words were looked for, and otherwise only titles were read."
        )
    have = plural(facts.abstracts, "has", "have")
    used = f"{capital(number_word(facts.abstracts))} of the works {have} an abstract of at least {least} words"
    of_it = "it" if missing == 1 else "them"
    looked_for = "in which only the topic's words were looked for"
    if none == 0:
        its = plural(missing, "has an abstract of fewer", "have abstracts of fewer")
        return f"{used}; {number_word(missing)} {its}, {looked_for}, and otherwise only the {titles} read."
    if facts.short == 0:
        return f"{used}; {number_word(missing)} {plural(missing, 'has', 'have')} none, and of {of_it} only the {titles} read."
    return (
        f"{used}; {number_word(facts.short)} {plural(facts.short, 'has an abstract of fewer', 'have abstracts of fewer')}, "
        f"{looked_for}, and {number_word(none)} {plural(none, 'has', 'have')} none: of these otherwise only the {titles} read."
    )


def topic_sentences(m: Material) -> str:
    """Return how the topic's words occur in the list."""
    topic = m.notes.topic
    if m.notes.facts.works == 0:
        return ""
    if topic.verdict == "unknown":
        return (
            "The topic as given has no content word that could be looked for in the works, so nothing is said of how "
            "far the list belongs to it."
        )
    warning = ""
    if m.notes.off_topic:
        warning = f"{capital(m.notes.off_topic)}. What follows is a map of the list and not of the topic."
    elif topic.verdict == "partial":
        warning = "The list covers the topic in part at most, and the map should be read with that in mind."
    return join(_matches(m), warning)


def _matches(m: Material) -> str:
    """Return which of the topic's words occur, in how many works, and which do not."""
    topic, works = m.notes.topic, m.notes.facts.works
    total, found = len(topic.words), len(topic.matched)
    if not found:
        return "Match of topic and list: no content word of the topic occurs in the list."
    quoted = listed([f"``{escape(word)}''" for word in topic.matched])
    general = "" if any(names_subject(fold(word)) for word in topic.matched) else ", which any field uses,"
    form = "in this or another form" if found == 1 else "in these or other forms"
    verb = plural(found, "occurs", "occur")
    users = f"{shares(topic.works, works, 'work')} {plural(topic.works, 'uses', 'use')}"
    which = "it" if found == 1 else "at least one of them"
    absent = [f"``{escape(word)}''" for word in topic.words if word not in topic.matched]
    return join(
        f"Match of topic and list: {shares(found, total, 'content word')} of the topic {verb} in the list "
        f"({quoted}{general or ','} {form}), and {users} {which}.",
        "" if m.off_topic else _others(m),
        f"Not found as spelt: {listed(absent)}." if absent else "",
    )


def _others(m: Material) -> str:
    """Return which works use no word of the topic, by name as far as they are few."""
    without = m.notes.topic.without
    if not without:
        return ""
    number = len(without)
    them = plural(len(m.notes.topic.matched), "it", "any of them")
    head = f"{capital(counted(number, 'work'))} {plural(number, 'does', 'do')} not use {them}"
    shown = m.citable(without)[:MOST_NAMED]
    if not shown:
        return f"{head}."
    rest = number - len(shown)
    more = "" if not rest else f" and {counted(rest, 'other')}"
    return f"{head}: {named(m, shown)}{more}."


def _contents(m: Material) -> str:
    if not m.notes.clusters:
        return ""
    parts = [f"The paper gives the clusters of the list{' with passages from their works' if m.quotes else ''}"]
    if m.study and m.ran("study"):
        parts.append("the results of the study that came with the task")
    if m.reported:
        parts.append("measurements on the list itself")
    parts += ["what the list does not cover"]
    text = listed([part for part in parts if part])
    if not questions(m):
        return f"{text}."
    return (
        f"{text}. Questions that follow are put forward as questions; whether they have been answered outside the "
        "list is not known here."
    )
