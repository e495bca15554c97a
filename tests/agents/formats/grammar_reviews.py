"""Writes CycleReviewer and DeepReviewer outputs in every published form and drift, and knows what they say."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from tests.agents.formats.grammar_words import listed, paragraph, points, sentence

_GRADES = {1: "poor", 2: "fair", 3: "good", 4: "excellent"}
_RATINGS = {
    1: "strong reject",
    3: "reject, not good enough",
    5: "marginally below the acceptance threshold",
    6: "marginally above the acceptance threshold",
    8: "accept, good paper",
    10: "strong accept",
}
_ACCEPTED = (
    "Accept",
    "accept",
    "**Accept**",
    "Accept (poster)",
    "This paper is accepted.",
    "The decision is to accept.",
)
_REJECTED = (
    "Reject",
    "reject",
    "**Reject**",
    "Not accepted",
    "The paper is not accepted.",
    "Unacceptable",
    "Rejected.",
)


@dataclass
class Said:
    """What one review says."""

    scores: dict[str, float | None] = field(default_factory=dict)
    summary: str = ""
    lists: dict[str, list[str]] = field(default_factory=dict)
    ethics: str = ""


@dataclass
class Written:
    """An output, and what it says."""

    text: str
    reviews: list[Said]
    decision: str | None
    meta: str | None = None
    verification: str | None = None
    verdicts: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    meta_rating: float | None = None


def cyclereviewer(rng: random.Random) -> Written:
    """Write an output in the 8B or the 123B form."""
    large = rng.random() < 0.5
    mark, between = ("###", "*" * rng.choice([6, 10, 14])) if large else ("##", "*" * 10)
    reviews = [_review(rng) for _ in range(rng.choice([1, 4, 5]))]
    chunks = []
    for number, review in enumerate(reviews, 1):
        head = rng.choice(["## Reviewer\n\n", f"## Reviewer {number}\n\n"]) if large else ""
        chunks.append(head + _fields(rng, review, mark, colon=False, with_ethics=True))
    if large and rng.random() < 0.3:
        chunks[0] = chunks[0].partition("\n\n")[2]
    meta = f"{paragraph(rng)}\n\n### justification_for_why_not_higher_score\n\n{sentence(rng)}"
    meta += f"\n\n### justification_for_why_not_lower_score\n\n{sentence(rng)}"
    decision, said = _decision(rng)
    joined = f"\n\n{between}\n\n".join(chunks)
    gap = f"\n\n{between}\n\n" if large or rng.random() < 0.7 else "\n\n"
    text = f"{joined}{gap}## Meta Review\n\n{meta}{rng.choice([gap, chr(10) * 2])}## Paper Decision\n\n{said}\n"
    return Written(text, reviews, decision, meta=meta)


def deepreviewer(rng: random.Random, mode: str) -> Written:
    """Write an output of the fast or standard mode, or the questions of best mode's first turn."""
    if mode == "questions":
        return _questions(rng)
    decision, said = _decision(rng)
    final = _review(rng)
    final.scores = {**final.scores, "rating": rng.choice([5.67, 6.0, 3.25])}
    last = _fields(rng, final, "##", colon=True, with_ethics=False) + f"\n\n## Decision:\n\n{said}"
    box = f"\\boxed_review{{\n{last}\n}}"
    if mode == "fast":
        return Written(box, [final], decision)
    reviews = [_review(rng) for _ in range(rng.choice([2, 3, 4]))]
    simulated = "".join(
        f"## Reviewer {n}\n\n{_fields(rng, review, '###', colon=False, with_ethics=False)}\n\n**********\n\n"
        for n, review in enumerate(reviews, 1)
    ).rstrip()
    verification, verdicts = _verification(rng)
    close = rng.choice(["\n}", "}"])
    text = f"\\boxed_simreviewers{{\n{simulated}\n}}\n\n\\boxed_verification{{\n{verification}{close}\n\n{box}"
    return Written(
        text,
        reviews,
        decision,
        meta=last,
        verification=verification,
        verdicts=verdicts,
        meta_rating=final.scores["rating"],
    )


def _review(rng: random.Random) -> Said:
    scores: dict[str, float | None] = {
        name: float(rng.randint(1, 4)) for name in ("soundness", "presentation", "contribution")
    }
    scores |= {"rating": float(rng.choice(list(_RATINGS))), "confidence": float(rng.randint(1, 5))}
    if rng.random() < 0.2:
        scores[rng.choice(list(scores))] = None
    names = ("strengths", "weaknesses", "suggestions", "questions")
    return Said(scores, paragraph(rng), {name: points(rng) for name in names}, "No ethics review needed.")


def _value(rng: random.Random, name: str, value: float) -> str:
    whole = int(value) if value == int(value) else value
    if name == "rating":
        label = _RATINGS.get(int(value))
        return rng.choice([f"{whole}: {label}", f"{whole}", f"{whole}/10", f"**{whole}**", f"{whole}: {label}."])
    if name == "confidence":
        return rng.choice(
            [f"{whole}", f"{whole}: You are confident in your assessment, but not certain.", f"{whole}."]
        )
    return rng.choice(
        [f"{whole}", f"{whole} {_GRADES[int(value)]}", f"{whole}: {_GRADES[int(value)]}", _GRADES[int(value)]]
    )


def _fields(rng: random.Random, review: Said, mark: str, *, colon: bool, with_ethics: bool) -> str:
    end = ":" if colon else ""
    parts = [("Summary", review.summary)]
    for name in ("soundness", "presentation", "contribution"):
        if (value := review.scores[name]) is not None:
            parts.append((name.capitalize(), _value(rng, name, value)))
    for name in ("strengths", "weaknesses", "suggestions", "questions"):
        if name == "suggestions" and with_ethics:
            review.lists.pop(name, None)
            continue
        body = listed(rng, review.lists[name])
        if name == "weaknesses" and not with_ethics and not colon:
            body = f"#### Some Related Works\n\n#### comment\n\n{body}"
        parts.append((name.capitalize(), body))
    if with_ethics:
        parts.append(("Flag For Ethics Review", review.ethics))
    for name in ("rating", "confidence"):
        if (value := review.scores[name]) is not None:
            parts.append((name.capitalize(), _value(rng, name, value)))
    gap = rng.choice(["\n\n", "\n"])
    return "\n\n".join(f"{mark} {name}{end}{gap}{body}" for name, body in parts)


def _decision(rng: random.Random) -> tuple[str | None, str]:
    if rng.random() < 0.5:
        return "accept", rng.choice(_ACCEPTED)
    return "reject", rng.choice(_REJECTED)


def _verification(rng: random.Random) -> tuple[str, list[str]]:
    verdicts = [rng.choice(["Valid", "Partially Valid", "Invalid"]) for _ in range(rng.randint(1, 4))]
    if rng.random() < 0.3:
        entries = ",\n".join(
            f'  {{"Weakness Statement": "Thing {n}.", "Validity status": "{v}", "Confidence level": "High"}}'
            for n, v in enumerate(verdicts)
        )
        return f"```json\n[\n{entries}\n]\n```", [v.lower() for v in verdicts]
    forms = (
        "5. Conclusion:\n   - Validity status: {}\n   - Confidence level: High",
        "5. Conclusion:\n   - Validity status: **{}**\n   - Confidence level: **Medium**",
        "5. Conclusion: {}. Confidence level: High",
    )
    told = [
        f"1. Weakness Statement: Thing {n} is missing.\n2. Evidence Collection\n   a. Method-related: {sentence(rng)}\n"
        f"   b. Experiment-related: {sentence(rng)}\n3. Literature Gap Analysis: none\n"
        f"4. Validation Analysis: {sentence(rng)}\n{rng.choice(forms).format(v)}"
        for n, v in enumerate(verdicts)
    ]
    return "\n\n".join(told), [v.lower() for v in verdicts]


def _questions(rng: random.Random) -> Written:
    asked = [f"How does method {n} behave?\n{sentence(rng)} Is it stable?" for n in range(3)]
    form = rng.choice(["{}. {}", "### Question {}\n\n{}", "**Question {}:** {}", "{}) {}"])
    body = "\n\n".join(form.format(n, text) for n, text in enumerate(asked, 1))
    text = f"\\boxed_questions{{\n{body}\n}}\n\n\\boxed_analysis{{ {paragraph(rng)} }}"
    return Written(text, [], None, questions=asked)
