"""Damage to the text: what a careless or dishonest editor does to argument, structure and citations."""

from __future__ import annotations

import random
import re
from dataclasses import replace

from tests.agents.reviewers.independent.trial_drafts import Draft, Edits

damage = Edits()

CITE = re.compile(r"(~| )?\\((?:paren|text)?cite[tp]?)\{([^}]*)\}")


def cited_keys(draft: Draft) -> list[str]:
    """Return the keys that the paper cites, in order, once each."""
    text = "".join(section.body for section in draft.sections)
    return list(dict.fromkeys(key.strip() for m in CITE.finditer(text) for key in m[3].split(",")))


@damage("the paper no longer says what its findings do not show")
def limitations_deleted(draft: Draft) -> Draft:
    return draft.without("limitations")


@damage("the limitations are a formula that fits every paper")
def limitations_boilerplate(draft: Draft) -> Draft:
    text = "As with any study, this work has some limitations. They will be addressed in future work."
    return draft.with_body("limitations", text)


@damage("the paper no longer stands in its literature")
def related_deleted(draft: Draft) -> Draft:
    return draft.without("related")


@damage("statements of others stand without their source")
def citations_stripped(draft: Draft) -> Draft:
    return draft.map_bodies(lambda text: CITE.sub("", text))


@damage("a citation names a key that no bibliography has")
def citation_key_misspelt(draft: Draft) -> Draft:
    first = cited_keys(draft)[0]
    return draft.map_bodies(lambda text: text.replace(first, first[:-1] + "zz"))


@damage("a cited work is missing from the bibliography")
def cited_work_removed(draft: Draft) -> Draft:
    keys = set(cited_keys(draft)[1:3])
    entries = tuple(entry for entry in draft.bibliography.entries if entry.key not in keys)
    return replace(draft, bibliography=draft.bibliography.model_copy(update={"entries": entries}))


@damage("every statement is ascribed to a work that does not make it")
def citations_rotated(draft: Draft) -> Draft:
    keys = cited_keys(draft)
    other = dict(zip(keys, keys[3:] + keys[:3], strict=True))

    def rotate(match: re.Match[str]) -> str:
        renamed = ", ".join(other[key.strip()] for key in match[3].split(","))
        return f"{match[1] or ''}\\{match[2]}{{{renamed}}}"

    return draft.map_bodies(lambda text: CITE.sub(rotate, text))


@damage("all works are cited in one lump, and none where it is spoken of")
def citations_lumped(draft: Draft) -> Draft:
    lump = ", ".join(cited_keys(draft))
    bare = draft.map_bodies(lambda text: CITE.sub("", text))
    return bare.map_section("introduction", lambda t: t + f" Much has been written on this \\cite{{{lump}}}.")


@damage("nobody could repeat the work")
def method_gutted(draft: Draft) -> Draft:
    return draft.with_body("method", "We used standard methods with suitable parameters.")


@damage("the conclusion claims far more than was shown")
def overclaimed(draft: Draft) -> Draft:
    claim = (
        " This proves conclusively that our approach is always superior to every existing method in all settings and"
        " solves the problem once and for all."
    )
    return draft.map_section("conclusion", lambda body: body + claim)


@damage("related work was copied from the abstracts of its sources")
def related_plagiarised(draft: Draft) -> Draft:
    entries = draft.bibliography.entries
    return draft.with_body("related", "\n\n".join(f"{entry.abstract} \\cite{{{entry.key}}}" for entry in entries))


@damage("the paper breaks off in the middle of a sentence")
def broken_off(draft: Draft) -> Draft:
    short = draft.map_section("discussion", lambda body: body[: len(body) // 2].rsplit(" ", 1)[0])
    return short.without("limitations", "conclusion")


@damage("the introduction was pasted a second time")
def introduction_pasted_twice(draft: Draft) -> Draft:
    again = draft.body("introduction")
    return draft.map_section("discussion", lambda body: f"{body}\n\n{again}")


@damage("the editor's own notes were left standing")
def notes_left(draft: Draft) -> Draft:
    marked = draft.map_section("introduction", lambda body: body + " TODO: say why this matters. [citation needed]")
    return marked.map_section("discussion", lambda body: body + " XXX check this number before submission ???")


@damage("the abstract no longer says what was found")
def abstract_vague(draft: Draft) -> Draft:
    text = "We study an important problem, propose a novel approach and obtain very promising results in experiments."
    return replace(draft, abstract=text)


@damage("an environment is opened and never closed, so the paper does not compile")
def environment_unclosed(draft: Draft) -> Draft:
    return draft.map_section("results", lambda t: re.sub(r"\\end\{(table\*?)\}", "", t))


@damage("the sections stand in an order in which no reader can follow")
def sections_shuffled(draft: Draft) -> Draft:
    order = ("conclusion", "results", "limitations", "method", "discussion", "related", "introduction")
    return replace(draft, sections=tuple(s for role in order for s in draft.sections if s.role == role))


@damage("the words of the method were scrambled")
def method_scrambled(draft: Draft) -> Draft:
    words = draft.body("method").split()
    random.Random(7).shuffle(words)
    return draft.with_body("method", " ".join(words))


@damage("a section was pasted in from a paper on something else")
def foreign_section(draft: Draft) -> Draft:
    foreign = (
        "Twelve horses were fed oats and hay in two groups for ninety days. Blood was drawn every second week, and serum"
        " was frozen until assayed. Riders kept diaries of gait and temper. The stables were cleaned by the same staff"
        " throughout, and a veterinary surgeon looked at the hooves of every animal before and after the trial."
    )
    return draft.with_body("discussion", foreign)
