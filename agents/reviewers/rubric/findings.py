"""What a check hands back: faults with their places, a credit, and the figures that a reader can recount."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PASSING_CREDIT = 0.6


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and where."""

    text: str
    where: str | None = None
    asks: Literal["text", "evidence"] = "text"
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check."""

    check: str
    evidence: str
    faults: tuple[Fault, ...] = ()
    credit: float = 1.0
    """How much of what the check looks for is there, 0 to 1; faults divide it."""
    applies: bool = True
    """False where the paper has nothing of the kind: such a check is neither passed nor failed."""
    absent: float = 0.0
    """The score where it does not apply: never above that of one right thing, nor below that of one wrong thing."""
    suggestions: tuple[Fault, ...] = ()
    """What would make it firmer though it holds; they become points and cost nothing."""
    given: bool = True
    """False where the reviewer was not handed what the check needs; such a check is left out of the rating."""

    @property
    def passed(self) -> bool | None:
        """Whether it holds without a fault; None where it does not apply."""
        if not (self.applies and self.given):
            return None
        return not self.faults and self.credit >= PASSING_CREDIT

    @property
    def score(self) -> float:
        """0 to 1, strictly lower with every fault.

        Where there is nothing to check it is `absent`: adding one wrong thing to nothing must not raise it, and
        leaving out one right thing must not either.
        """
        if not (self.applies and self.given):
            return self.absent
        return self.credit / (1 + sum(fault.weight for fault in self.faults))


def not_given(check: str, evidence: str) -> Finding:
    """Return the finding of a check whose material was not handed in."""
    return Finding(check, evidence, given=False)


def nothing_there(check: str, evidence: str, absent: float = 0.0) -> Finding:
    """Return the finding of a check that found nothing in the paper to look at."""
    return Finding(check, evidence, applies=False, absent=absent)
