"""A revision: each point answered by a change, an execution, or the reason why it is declined."""

from __future__ import annotations

from peercycle.agents.policies.extractive.answering import kind_of, studies_named
from peercycle.agents.policies.extractive.evidence import Round
from peercycle.agents.policies.extractive.material import Material
from peercycle.agents.policies.extractive.notes import Notes
from peercycle.agents.policies.extractive.paper import compose
from peercycle.agents.policies.extractive.rewording import Rewording
from peercycle.agents.policies.extractive.settings import ExtractiveSettings
from peercycle.core.contracts import Work
from peercycle.core.reviews import ReviewPoint
from peercycle.core.writing import PointResponse, Revision


def revision_of(work: Work, notes: Notes, settings: ExtractiveSettings, run_seed: int) -> tuple[Revision, Notes]:
    """Return the revision of a reviewed manuscript, and the notes with what it changed and planned.

    The round's allowance of seeds and ablations is spent whether or not a point asks for it.
    """
    points = work.assessment.points if work.assessment is not None else ()
    texts = Rewording(work, notes, settings)
    round_ = Round(work, notes, settings, run_seed)
    responses = tuple(_answer(point, texts, round_) for point in points)
    plan = round_.plan()
    changed = texts.notes
    manuscript = compose(Material.of(work, changed, settings, concluded=True))
    kept = changed.model_copy(update={"planned": round_.planned, "seeds": round_.seeds, "pending": plan})
    return Revision(manuscript=manuscript, responses=responses), kept


def _answer(point: ReviewPoint, texts: Rewording, round_: Round) -> PointResponse:
    kind = kind_of(point)
    if kind == "seeds":
        return round_.more_seeds(point, studies_named(point))
    if kind == "ablation":
        return round_.ablation(point, studies_named(point))
    if point.asks == "evidence":
        return round_.other_evidence(point, kind)
    return texts.answer(point, kind)
