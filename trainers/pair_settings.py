"""How pairs are made of a log: settings, and the account of what was left out."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from peercycle.core.base import Word
from peercycle.core.counting import counted

Within = Literal["task", "run"]
Strategy = Literal["best-worst", "best-second", "best-random", "all"]

ALIASES = {
    "best-against-worst": "best-worst",
    "best-against-second": "best-second",
    "random": "best-random",
    "best-against-random": "best-random",
    "all-above-margin": "all",
}
"""Other names by which a strategy may be asked for."""


class PairSettings(Word):
    """Which of a task's candidates are set against each other. The defaults keep whatever has another reward."""

    strategy: Strategy = "best-worst"
    """`best-worst` is the published choice (N = 3, the middle one dropped); `all` takes every pair of a task."""
    within: Within = "task"
    """Whose candidates are set against each other: all of a task, or those of one run, where a task has several."""
    min_margin: float = Field(default=0.0, ge=0)
    """Least difference of rewards; a difference of 0 is never a pair."""
    min_margin_errors: float = Field(default=0.0, ge=0)
    """Least difference in standard errors of it, where the reviews were repeated; 0 does not ask."""
    max_pairs_per_task: int | None = Field(default=None, ge=1)
    """The widest margins first; of a run where pairs are made within one."""
    truncated: Literal["may-lose", "drop"] = "may-lose"
    """An episode cut at the token limit never wins: its text stops where the limit was, not where it ended."""
    near_duplicate: float = Field(default=0.95, gt=0, le=1)
    """Two episodes whose 5-token shingles have a Jaccard index above this are one text."""
    max_prompt_tokens: int | None = Field(default=None, ge=1)
    """An episode with a longer prompt is dropped and counted, never cut."""
    max_tokens: int | None = Field(default=None, ge=1)
    """The same for a prompt with its completion."""
    length_penalty: float = Field(default=0.0, ge=0)
    """Taken off the reward per 1,000 bytes that the policy wrote, before candidates are compared."""
    max_length_ratio: float | None = Field(default=None, ge=1)
    """Most that the longer text of a pair may be, as a multiple of the shorter."""
    balance_lengths: tuple[float, float] | None = None
    """Bounds of the share of pairs whose winner is the longer text, such as (0.4, 0.6); the narrowest margins of
    the side that has too many are dropped."""
    heldout: float = Field(default=0.1, ge=0, lt=1)
    """Share of the tasks that are never trained on, in any iteration: decided by the task's hash alone."""
    shards: int = Field(default=1, ge=1)
    """Into how many disjoint sets the training tasks fall; iteration i trains on set i modulo this."""
    iteration: int = Field(default=0, ge=0)
    replay: float = Field(default=0.0, ge=0, le=1)
    """Pairs of earlier iterations to add, as a share of the new ones."""
    discontinued: Literal["drop", "segment"] = "drop"
    """What becomes of an episode of which a turn's ids do not continue the turn before, as its messages say they
    do; `segment` scores such a turn under its own prompt."""
    seed: int = 0
    """Breaks ties of reward, and draws for `best-random`."""

    @field_validator("strategy", mode="before")
    @classmethod
    def _by_its_other_names(cls, name: object) -> object:
        return ALIASES.get(name, name) if isinstance(name, str) else name

    @model_validator(mode="after")
    def _bounds_are_in_order(self) -> PairSettings:
        if (
            self.balance_lengths is not None
            and not 0 <= self.balance_lengths[0] <= 0.5 <= self.balance_lengths[1] <= 1
        ):
            raise ValueError("balance_lengths must be two shares around one half, such as (0.4, 0.6)")
        return self


FEW = 5
"""Runs that are named for one reason; the others are counted."""


def name_run(left_out: dict[str, list[str]], reason: str, name: str) -> None:
    """Write down that a run was left out, where not many were for that reason."""
    names = left_out.setdefault(reason, [])
    if name not in names and len(names) < FEW:
        names.append(name)


class PairReport(Word):
    """What went in, what came out, and why the rest did not."""

    runs: int = 0
    candidates: int = 0
    tasks: int = 0
    pairs: int = 0
    train: int = 0
    heldout: int = 0
    replayed: int = 0
    multi_turn: int = 0
    retokenized: int = 0
    dropped: dict[str, int] = {}
    """Reason to count; each reason says whether it counts runs, candidates, tasks or pairs."""
    left_out: dict[str, list[str]] = {}
    """Reason to the ids of the first few runs that were left out for it."""
    chosen_longer: float | None = None
    """Share of pairs whose winner is the longer text; far from one half is a sign of length bias."""
    reward_length_correlation: float | None = None
    """Pearson's r of reward and bytes written, over the scored candidates."""
    margins: dict[str, int] = {}
    """How many pairs by margin, in steps of one half."""
    pairs_per_prompt: dict[str, int] = {}
    """How many tasks gave so many pairs, with those that gave none."""
    off_policy_age: dict[str, int] = {}
    """How many pairs to train on by age: iterations between the policy that sampled them and the one to be trained.
    Empty where nobody says which iteration a run was of."""

    def lines(self) -> tuple[str, ...]:
        """Return the account for a person, a line each."""
        told = [
            f"{counted(self.pairs, 'pair')} ({self.train} train, {self.heldout} held out, {self.replayed} replayed) "
            f"from {counted(self.candidates, 'candidate')} of {counted(self.tasks, 'task')} in {counted(self.runs, 'run')}"
        ]
        told += [f"dropped: {line}" for line in self.dropped_lines()]
        if self.chosen_longer is not None:
            told.append(f"the winner is the longer text in {self.chosen_longer:.0%} of the pairs")
        if self.reward_length_correlation is not None:
            told.append(f"reward and length correlate with r = {self.reward_length_correlation:.2f}")
        return tuple(told)

    def dropped_lines(self) -> tuple[str, ...]:
        """Return what was left out, a line for each reason; runs are named, the first few of them."""
        return tuple(
            f"{count} {reason}{self._named(reason, count)}" for reason, count in sorted(self.dropped.items())
        )

    def _named(self, reason: str, count: int) -> str:
        names = self.left_out.get(reason)
        if not names:
            return ""
        # Of a damaged run, pairs are counted, and not how many runs they were of.
        others = count - len(names) if reason.startswith("runs ") else 0
        return f" ({', '.join(names)}{f' and {others} more' if others > 0 else ''})"
