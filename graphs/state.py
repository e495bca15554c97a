"""What the graph remembers: ids, scores, decisions and artefact references, never a paper's text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from langgraph.channels import EphemeralValue

# Before Python 3.12, pydantic makes no JSON schema of typing's own, and LangGraph's servers ask for one.
from typing_extensions import TypedDict

from peercycle.core.base import JSON
from peercycle.core.contracts import Channel
from peercycle.core.errors import StateError

MAX_VALUE_BYTES = 256 * 1024
"""A larger value is refused when a stage returns it: LangGraph writes the whole state at every step."""

CANDIDATE_CHANNELS: Mapping[str, str] = {
    "run": "where the run lies: id and directory",
    "candidate": "id of the candidate",
    "seed": "the candidate's seed",
    "round": "revisions so far",
    "visits": "how often each stage was entered on this candidate's path",
    "bibliography": "artefact: what may be cited",
    "outline": "artefact",
    "manuscript": "artefact",
    "plan": "artefact: what is to be run now",
    "planned": "how many experiments the plan holds",
    "results": "artefact: all executions so far",
    "executed": "ids of the executions of the plan in hand",
    "reviewed": "artefact: the manuscript that the assessment judges",
    "check": "artefact: citations and numbers checked",
    "assessment": "artefact: the latest, of the manuscript",
    "judgement": "artefact: the judge's assessment, where every version is judged",
    "reward": "value of the reward function, or null",
    "rating": "mean rating, or null",
    "decision": "the steering reviewer's decision, or null",
    "revision": "artefact: the revision in hand",
    "outcomes": "artefact: how the points of all rounds ended",
    "memory": "artefact: what the policy keeps",
    "failure": "stage and message of what ended this candidate, and whether a resume would end it so again",
}
"""The channels of one candidate's path. Plugins add theirs with `Channel`."""

OWN_CHANNELS = frozenset({"run", "candidate", "seed", "round", "visits", "failure"})
"""The channels by which the graph keeps its books: no stage, ours or a plugin's, may return them."""


def merge(old: dict[str, Any] | None, new: dict[str, Any] | None) -> dict[str, Any]:
    """Join two dictionaries, the newer value of a key standing; None forgets the old one."""
    return {} if new is None else {**(old or {}), **new}


def said_of(failure: Mapping[str, Any]) -> str:
    """Return why a candidate ended: the stage and the error, which may begin with the stage's name itself."""
    stage, error = str(failure["stage"]), str(failure["error"])
    return error if error.startswith(f"{stage}: ") else f"{stage}: {error}"


def next_visit(state: Mapping[str, Any], stage: str) -> int:
    """Return the number of the visit on which a stage is entered now, from 1."""
    return int((state.get("visits") or {}).get(stage, 0)) + 1


class TaskInput(TypedDict, total=False):
    """What `ainvoke` is given: a `ResearchTask`, or the parts of one."""

    topic: Annotated[str, EphemeralValue]
    bibliography: Annotated[Any, EphemeralValue]
    """A `Bibliography`, as a word or as JSON; with `peercycle.build_graph` also BibTeX text or a path to a file."""
    study: Annotated[Any, EphemeralValue]
    notes: Annotated[str, EphemeralValue]
    run: dict[str, Any]
    """Set by the driver, which has created the run already."""


class CycleState(TypedDict, total=False):
    """The run's own channels; `run` is its id, its directory and its candidates' seeds."""

    topic: Annotated[str, EphemeralValue]
    bibliography: Annotated[Any, EphemeralValue]
    study: Annotated[Any, EphemeralValue]
    notes: Annotated[str, EphemeralValue]
    run: dict[str, Any]
    visits: Annotated[dict[str, int], merge]
    works: str
    """Artefact: the bibliography after `literature`."""
    candidates: Annotated[dict[str, Any], merge]
    """The latest record of each candidate's path."""
    best: dict[str, Any] | None
    """The record of the best version so far."""
    round: int
    stale: int
    """Rounds in a row without gain."""
    extended: int
    """How many extensions of the run the latest selection knew of."""
    ending: dict[str, str] | None
    """Why the loop ended, once it has."""
    result: dict[str, Any] | None
    """Status, reason, rating and path, once the run has finished."""


class CycleOutput(TypedDict, total=False):
    """What a caller gets back."""

    run: dict[str, Any]
    best: dict[str, Any] | None
    result: dict[str, Any] | None


def candidate_schema(channels: Sequence[Channel]) -> type:
    """Return the state type of one candidate's path: our channels and those of plugins."""
    annotations: dict[str, Any] = dict.fromkeys([*CANDIDATE_CHANNELS, *(c.name for c in channels)], Any)
    annotations["candidates"] = dict[str, Any]
    return TypedDict("CandidateState", annotations, total=False)  # type: ignore[operator,no-any-return]


class CandidateOutput(TypedDict, total=False):
    """What a candidate's path hands back to the cycle."""

    candidates: dict[str, Any]


def check_updates(stage: str, updates: object, declared: frozenset[str]) -> dict[str, JSON]:
    """Return a stage's updates as plain JSON, or raise `StateError`: undeclared, not JSON, or over the size limit.

    An enumeration's text, a key that is a number or a tuple become what a checkpoint gives back after a crash.
    """
    if updates is None:
        return {}
    if not isinstance(updates, Mapping):
        raise StateError(
            f"stage {stage!r} returned {type(updates).__name__}; return a mapping of channels to JSON values"
        )
    plain: dict[str, JSON] = {}
    for name, value in updates.items():
        if name in OWN_CHANNELS:
            raise StateError(f"stage {stage!r} returned the channel {name!r}, which the graph keeps; leave it out")
        if name not in declared:
            raise StateError(
                f"stage {stage!r} returned the channel {name!r}, which nobody declared; "
                f"declare it with Channel({name!r}) where the stage is added"
            )
        try:
            text = json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise StateError(f"stage {stage!r} returned a value for {name!r} that is not JSON ({error})") from None
        # ASCII only, so that characters are bytes.
        if (size := len(text)) > MAX_VALUE_BYTES:
            raise StateError(
                f"stage {stage!r} returned {size} bytes for {name!r}, over the limit of {MAX_VALUE_BYTES}; "
                f"store the body with ctx.save and return its reference"
            )
        plain[name] = json.loads(text)
    return plain
