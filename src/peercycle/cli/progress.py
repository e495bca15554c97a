"""What a run is doing, as its log tells it: the stages in hand, the last score, how long it has been idle."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peercycle.core.events import RunEvent

ENDS = frozenset({"stage_finished", "stage_failed", "stage_paused"})


@dataclass(slots=True)
class Progress:
    """One run's progress, brought up to date event by event."""

    run_id: str
    label: str = ""
    in_hand: dict[tuple[str, str], float] = field(default_factory=dict)
    """Stages that began and have not ended: (candidate, stage), and when they began."""
    last_at: float | None = None
    """UTC time of the last event, seconds since the epoch."""
    last_message: str = ""
    outage: str = ""
    rating: float | None = None
    tokens: float | None = None

    def hear(self, event: RunEvent) -> None:
        """Take one event in."""
        self.last_at = event.at
        place = (event.candidate, event.stage)
        if event.kind == "stage_started":
            self.in_hand[place] = event.at
        elif event.kind in ENDS:
            self.in_hand.pop(place, None)
        elif event.kind in {"launched", "ended"}:
            # A dead driver's stages are not in hand any more.
            self.in_hand.clear()
        self.outage = event.message if event.kind == "outage" else ""
        if event.message:
            self.last_message = event.message

    @property
    def stages(self) -> str:
        """The stages in hand, such as `write c0, c1; review c2`."""
        by_stage: dict[str, list[str]] = {}
        for candidate, stage in sorted(self.in_hand):
            by_stage.setdefault(stage, []).append(candidate)
        return "; ".join(f"{stage} {', '.join(filter(None, who))}".strip() for stage, who in by_stage.items())

    def idle(self, now: float | None = None) -> float | None:
        """Return the seconds since anything happened; None where nothing has."""
        return None if self.last_at is None else max(0.0, (time.time() if now is None else now) - self.last_at)
