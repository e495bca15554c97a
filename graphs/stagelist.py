"""The stages as they stand: ours, then what the plugins do to them."""

from __future__ import annotations

from peercycle.core.contracts import Stage
from peercycle.graphs.builder import StageBuilder
from peercycle.graphs.stages.experimenting import ExperimentStage, PlanStage
from peercycle.graphs.stages.judging import CheckStage, ReviewStage
from peercycle.graphs.stages.writing import ConcludeStage, OutlineStage, RelatedStage, ReviseStage, WriteStage
from peercycle.plugins.manager import Plugins


def build_stages(plugins: Plugins) -> StageBuilder:
    """Return both paths with what the plugins added, replaced and wrapped."""
    ours = (
        OutlineStage(),
        RelatedStage(),
        WriteStage(),
        ReviseStage(),
        PlanStage(),
        ExperimentStage(),
        ConcludeStage(),
        CheckStage(),
        ReviewStage(),
    )
    # Our stages take the driver's own context, a subtype of what the protocol promises to a plugin's stage.
    stages: dict[str, Stage] = {stage.name: stage for stage in ours}  # type: ignore[misc]
    builder = StageBuilder(
        paths={
            "draft": ["outline", "related", "write", "plan", "experiment", "conclude", "check", "review"],
            "improve": ["revise", "plan", "experiment", "conclude", "check", "review"],
        },
        stages=stages,
    )
    plugins.extend_graph(builder)
    return builder
