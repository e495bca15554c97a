"""Writes `answers.json`: what the scripted model says in the authored run, each answer beside what it answers."""

# ruff: noqa: E501 - an answer is one line

from __future__ import annotations

import json
import re
from pathlib import Path

SCRIPT = """\
import json
import math
import random

request = json.load(open("request.json"))
rng = random.Random(request["seed"])
DIMENSIONS, HELD_OUT, STEPS, RATE = 8, 500, 200, 0.5


def drawn():
    return [rng.gauss(0, 1) for _ in range(DIMENSIONS)]


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def judged(truth, count):
    pairs = []
    for _ in range(count):
        difference = [x - y for x, y in zip(drawn(), drawn())]
        prefers = rng.random() < 1 / (1 + math.exp(-dot(truth, difference)))
        pairs.append(difference if prefers else [-x for x in difference])
    return pairs


def fitted(pairs):
    weights = [0.0] * DIMENSIONS
    for _ in range(STEPS):
        gradient = [0.0] * DIMENSIONS
        for difference in pairs:
            miss = 1 / (1 + math.exp(dot(weights, difference)))
            for i, x in enumerate(difference):
                gradient[i] += miss * x
        weights = [w + RATE * (g / len(pairs) - 0.01 * w) for w, g in zip(weights, gradient)]
    return weights


truth = drawn()
test = [[x - y for x, y in zip(drawn(), drawn())] for _ in range(HELD_OUT)]
measurements = []
for count in (20, 80, 320):
    weights = fitted(judged(truth, count))
    agree = sum((dot(weights, d) > 0) == (dot(truth, d) > 0) for d in test) / HELD_OUT
    measurements.append({"metric": "agreement", "group": f"n{count}", "value": agree})
json.dump({"measurements": measurements}, open("results.json", "w"))
"""
MEASURED = {
    3: {"n20": ("0.881", "0.036"), "n80": ("0.926", "0.012"), "n320": ("0.961", "0.005")},
    6: {"n20": ("0.810", "0.096"), "n80": ("0.928", "0.010"), "n320": ("0.957", "0.014")},
}
"""Mean and standard deviation over runs, as the program gave them: filled in after it had run."""

NEVER = "The program never says how many seeds were drawn."
SEEDS = "Three seeds are too few for a statement about the spread."
LINEAR = "Only linear rewards are tried."
UNCLEAR = "The introduction does not say what agreement means."


def shown(statistic: str, group: str, value: str) -> str:
    return f"\\measured{{reward-fit.agreement.{group}.{statistic}}}{{{value}}}"


def mean(runs: int, group: str) -> str:
    return shown("mean", group, MEASURED[runs][group][0])


def results(runs: int) -> str:
    rows = [
        f"With {group[1:]} pairs, the fitted reward agreed with the true one on {mean(runs, group)} of the held-out pairs "
        f"(standard deviation {shown('sd', group, MEASURED[runs][group][1])})."
        for group in ("n20", "n80", "n320")
    ]
    few = "More runs than these would narrow the spread further." if runs == 6 else "The runs are few."
    return " ".join(rows) + f"\n\nAgreement rises with the number of pairs, and most of the rise comes early. {few}"


def abstract(runs: int) -> str:
    return (
        "How many judged pairs does a linear reward need? We draw true rewards, have pairs judged by the Bradley-Terry model, "
        f"fit a reward, and count agreement on held-out pairs. It rises from {mean(runs, 'n20')} with the fewest pairs to "
        f"{mean(runs, 'n320')} with the most."
    )


INTRODUCTION = (
    "Rewards are learned from pairs of which a person prefers one~\\cite{christiano2017deep,ouyang2022training}. How many "
    "pairs are enough is seldom asked for a reward whose form is known. We ask it for the simplest one, a linear reward."
)
CLEARER = INTRODUCTION + (
    "\n\nAgreement is the share of held-out pairs that the fitted reward orders as the true one does."
)


def review(number: int, rating: int, weaknesses: list[tuple[str, str]]) -> dict[str, object]:
    return {
        "summary": "A linear reward is fitted to simulated preferences, and its agreement with the true one is counted.",
        "strengths": ["The question is small and is answered.", "The program is short enough to be read."],
        "weaknesses": [{"text": text, "asks": asks} for text, asks in weaknesses],
        "questions": ["Does the picture hold for noisier judgements?"] if number == 1 else [],
        "soundness": 3, "presentation": 3, "contribution": 2, "rating": rating, "confidence": 4, "decision": "reject",
    }  # fmt: skip


def answers() -> list[dict[str, str]]:
    """Return the answers; the first whose pattern is found in a question is given."""
    listed: list[tuple[str, object]] = [
        ("Which searches of the scientific literature", {"queries": ["reward learning from pairwise preferences", "Bradley-Terry reward model sample size"]}),
        ("Find a question that this literature leaves open", {
            "title": "How Many Pairs Does a Linear Reward Need?",
            "motivation": "Preference data are dear, and works on reward models seldom say how much of it is enough.",
            "idea": "Fit a linear reward to simulated preferences and follow its agreement with the true one.",
            "questions": ["How does held-out agreement grow with the number of judged pairs?"],
            "sections": [
                {"heading": "Introduction", "role": "introduction", "purpose": "Say why the number of pairs matters.", "cites": ["christiano2017deep", "ouyang2022training"]},
                {"heading": "Related Work", "role": "related", "purpose": "Place the question among works on reward models.", "cites": ["gao2023scaling", "stiennon2020learning"]},
                {"heading": "Method", "role": "method", "purpose": "Say how pairs are drawn, judged and fitted.", "cites": []},
            ],
            "nearest_prior": ["gao2023scaling"], "interestingness": 5, "feasibility": 9, "novelty": 4,
        }),
        ("A second search, with the idea in hand", {
            "idea": "Fit a linear reward to simulated preferences and follow its agreement with the true one as pairs are added.",
            "motivation": "Scaling of reward models was studied for large networks; for the linear case the answer can be read off a page.",
            "nearest_prior": ["gao2023scaling", "biyik2018batch"], "novelty": 4,
        }),
        ('Write the section "Introduction"', {"body": INTRODUCTION}),
        ('Write the section "Related Work"', {"body": "Reward models were scaled up and over-optimised against~\\cite{gao2023scaling}, and used to summarise~\\cite{stiennon2020learning}. Batches of questions can be chosen so that fewer are needed~\\cite{biyik2018batch}. None of these reads the number of pairs off a known reward."}),
        ('Write the section "Method"', {"body": "A true reward is a vector of eight weights, each drawn from a normal distribution. A pair is two vectors of features; the first is preferred with the probability that the Bradley-Terry model gives the difference of their rewards. A reward is fitted by gradient ascent on the regularised likelihood, with a fixed number of steps.\n\nAgreement is counted on held-out pairs that were never judged. The whole is repeated under several seeds, each with a true reward of its own."}),
        ('Write the section "Results"[\\s\\S]*over 6 runs', {"body": results(6)}),
        ('Write the section "Results"', {"body": results(3)}),
        ('Write the section "Limitations"', {"body": "The judges are simulated and never tire; the reward has the form that is fitted; features are independent. For people, networks and text, other numbers are to be expected."}),
        ('Write the section "Conclusion"', {"body": "For a linear reward of known form, few pairs bring most of the agreement, and more pairs refine it."}),
        ("over 6 runs[\\s\\S]*Write its abstract", {"body": abstract(6)}),
        ("over 3 runs[\\s\\S]*Write its abstract", {"body": abstract(3)}),
        ("Write its abstract", {"body": "How many judged pairs does a linear reward need? We draw true rewards, have pairs judged by the Bradley-Terry model, fit a reward, and count agreement on held-out pairs."}),
        ("Reviewers ask for evidence", {
            "rationale": "The same program under fresh seeds says more about the spread.",
            "experiments": [{"id": "reward-fit", "question": "How does agreement spread over more seeds?", "method": "The same program again.", "metrics": ["agreement"], "seeds": 3, "answers": ["r1.w1"], "repeats": "reward-fit"}],
        }),
        ("Plan at most", {
            "rationale": "One simulation answers the question.",
            "experiments": [{"id": "reward-fit", "question": "How does held-out agreement grow with the number of judged pairs?", "method": "A linear reward is fitted to simulated preferences for three numbers of pairs, and its agreement with the true reward is counted on held-out pairs.", "metrics": ["agreement"], "seeds": 3}],
        }),
        ("Write the program of this experiment", f"```python\n{SCRIPT}```"),
        ("Reviewers raised these points", {
            "responses": [
                {"point": "r1.w1", "action": "experiment", "section": "Results", "answer": "The program is run under three more seeds."},
                {"point": "r1.q1", "action": "decline", "section": "Limitations", "answer": "Noisier judgements are a study of their own."},
                {"point": "r2.w1", "action": "text", "section": "Introduction", "answer": "A sentence says what agreement is."},
            ],
        }),
        ('Rewrite the section "Introduction"', {"body": CLEARER}),
        (
            "Agreement is the share[\\s\\S]*You look first for what would have to be true[\\s\\S]*Review the paper above",
            review(1, 8, []),
        ),
        (
            "Agreement is the share[\\s\\S]*You look first at how the experiments were done[\\s\\S]*Review the paper above",
            review(2, 6, [(LINEAR, "text")]),
        ),
        (
            "\\[r2\\.w1\\] Only linear[\\s\\S]*Check each against the paper itself",
            {"verdicts": [{"id": "r2.w1", "validity": "valid", "evidence": "Limitations: the reward has that form."}]},
        ),
        ("You look first for what would have to be true[\\s\\S]*Review the paper above", review(1, 6, [(SEEDS, "evidence"), (NEVER, "text")])),
        ("You look first at how the experiments were done[\\s\\S]*Review the paper above", review(2, 5, [(UNCLEAR, "text")])),
        ("Check each against the paper itself", {
            "verdicts": [
                {"id": "r1.w1", "validity": "valid", "evidence": "Results: the standard deviations are over three runs."},
                {"id": "r1.w2", "validity": "invalid", "evidence": "Method: the whole is repeated under several seeds; Results name the runs."},
                {"id": "r2.w1", "validity": "valid", "evidence": "Introduction: the word does not occur in it."},
            ],
        }),
        ("Weigh the reviews against each other", {"meta_review": "A small question, answered with care. What the reviewers ask for can be done.", "decision": "reject"}),
    ]  # fmt: skip
    return [
        {
            "when": when if "[" in when else re.escape(when),
            "text": said if isinstance(said, str) else json.dumps(said),
        }
        for when, said in listed
    ]


if __name__ == "__main__":
    path = Path(__file__).with_name("answers.json")
    path.write_text(json.dumps(answers(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
