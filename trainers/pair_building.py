"""From run directories to pairs: the index decides, then bodies are read for the chosen pairs only, one at a time."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from peercycle.core.errors import BadInputError, DamagedRunError
from peercycle.core.training import Episode, PreferencePair
from peercycle.trainers.episodes import LoggedEpisode, Retokenize, read_episode
from peercycle.trainers.log_index import IndexRow, index_runs
from peercycle.trainers.pair_advice import advice
from peercycle.trainers.pair_settings import PairReport, PairSettings, name_run
from peercycle.trainers.pairing import PairChoice, choose_pairs, describe
from peercycle.trainers.segments import UnfaithfulLogError

SHINGLE = 5
SAMPLES = 32
SAMPLE_FOUND = 0.25
"""Texts whose shingles agree to more than twice this share would show far more of the samples than this."""


@dataclass(frozen=True, slots=True)
class LoggedPair:
    """A pair with the texts that stand behind its ids."""

    pair: PreferencePair
    chosen: LoggedEpisode
    rejected: LoggedEpisode


@dataclass(slots=True)
class PairSet:
    """A choice of pairs over a log; iterate to stream their bodies, then ask for `report`.

    Pairs found unfaithful or nearly equal while streaming are left out, and counted by the time the stream ends.
    """

    rows: Sequence[IndexRow]
    choices: Sequence[PairChoice]
    settings: PairSettings
    retokenize: Retokenize | None = None
    dropped: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    """Names of runs, by why they were."""
    ages: Mapping[int, int] | None = None
    """Off-policy age of an iteration's pairs, as `describe` wants it."""
    _kept: list[PairChoice] = field(default_factory=list)
    _multi_turn: int = 0

    def __iter__(self) -> Iterator[LoggedPair]:
        streamed: Counter[str] = Counter()
        kept: list[PairChoice] = []
        multi_turn = 0
        # The winner of one pair often stands in the next of its task, too.
        read = lru_cache(maxsize=8)(self._read)
        for choice in self.choices:
            try:
                pair = self._pair(choice, read(choice.chosen), read(choice.rejected))
            except UnfaithfulLogError as error:
                streamed[error.reason] += 1
                continue
            except DamagedRunError:
                streamed["pairs of a damaged run"] += 1
                name_run(self.left_out, "pairs of a damaged run", choice.chosen.run_id)
                continue
            kept.append(choice)
            multi_turn += pair.pair.multi_turn
            yield pair
        self._kept, self._multi_turn = kept, multi_turn
        self.dropped = self.dropped + streamed

    def pairs(self) -> Iterator[PreferencePair]:
        """Stream the pairs without their texts: what a trainer is handed."""
        return (logged.pair for logged in self)

    def report(self) -> PairReport:
        """Return the account, once the stream has ended."""
        report = describe(self.rows, self._kept, self.dropped, self.ages)
        retokenized = len(self._kept) if self.retokenize is not None else 0
        more = {"multi_turn": self._multi_turn, "retokenized": retokenized, "left_out": self.left_out}
        return report.model_copy(update=more)

    def _read(self, row: IndexRow) -> LoggedEpisode:
        return read_episode(row, discontinued=self.settings.discontinued, retokenize=self.retokenize)

    def _pair(self, choice: PairChoice, chosen: LoggedEpisode, rejected: LoggedEpisode) -> LoggedPair:
        for logged in (chosen, rejected):
            _check_lengths(logged.episode, self.settings)
        if _tokenizer_of(chosen) != _tokenizer_of(rejected):
            raise UnfaithfulLogError(
                "pairs of two tokenizers", f"pair {choice.id!r} was sampled with two tokenizers or templates"
            )
        if _nearly_equal(chosen.episode, rejected.episode, self.settings.near_duplicate):
            raise UnfaithfulLogError("pairs of nearly equal texts", f"pair {choice.id!r} has one text, nearly")
        pair = PreferencePair(
            id=choice.id,
            task_hash=choice.chosen.task_hash,
            chosen=chosen.episode,
            rejected=rejected.episode,
            margin=choice.margin,
            strategy=self.settings.strategy,
            split=choice.split,
            multi_turn=is_multi_turn(chosen.episode) or is_multi_turn(rejected.episode),
        )
        return LoggedPair(pair, chosen, rejected)


def build_pairs(
    runs: Iterable[Path],
    settings: PairSettings,
    *,
    iterations: Mapping[str, int] | None = None,
    retokenize: Retokenize | None = None,
) -> PairSet:
    """Choose pairs over run directories: a pure function of the logs and the settings.

    `iterations` gives the training iteration by run id (0 elsewhere). Raises `BadInputError` where no run has
    ended.
    """
    dropped: Counter[str] = Counter()
    left_out: dict[str, list[str]] = {}
    rows = index_runs(runs, dropped, iterations=iterations, left_out=left_out)
    choices = choose_pairs(rows, settings, dropped, retokenize=retokenize is not None)
    ages = None if iterations is None else {row.iteration: settings.iteration - row.iteration for row in rows}
    return PairSet(rows, choices, settings, retokenize, dropped, left_out, ages)


def require_pairs(report: PairReport) -> None:
    """Raise `BadInputError`, saying what was dropped, where a log gave no pair."""
    if report.pairs == 0:
        why = f" ({'; '.join(report.dropped_lines())})" if report.dropped else ""
        raise BadInputError(f"the log gives no pair{why}; {advice(report.dropped)}")


def is_multi_turn(episode: Episode) -> bool:
    """Whether an environment's turn, or a further prompt, stands between tokens that the policy wrote."""
    return len(episode.segments) > 1 or not all(all(segment.policy_mask) for segment in episode.segments)


def _tokenizer_of(logged: LoggedEpisode) -> tuple[str | None, str | None]:
    return logged.episode.tokenizer_hash, logged.episode.template_hash


def _check_lengths(episode: Episode, settings: PairSettings) -> None:
    prompt = max(len(segment.prompt_ids) for segment in episode.segments)
    whole = max(len(segment.prompt_ids) + len(segment.completion_ids) for segment in episode.segments)
    if settings.max_prompt_tokens is not None and prompt > settings.max_prompt_tokens:
        raise UnfaithfulLogError("pairs with a prompt over the limit", f"a prompt has {prompt} tokens")
    if settings.max_tokens is not None and whole > settings.max_tokens:
        raise UnfaithfulLogError("pairs over the token limit", f"an episode has {whole} tokens")


def _nearly_equal(first: Episode, second: Episode, threshold: float) -> bool:
    ids = [[token for segment in episode.segments for token in segment.completion_ids] for episode in (first, second)]
    if ids[0] == ids[1]:
        return True
    if _plainly_differ(ids[0], ids[1]) and threshold > 2 * SAMPLE_FOUND:
        return False
    one, other = (_shingles(each) for each in ids)
    smaller, larger = sorted((len(one), len(other)))
    # The index is at most the quotient of the sizes: most pairs are told apart by their lengths.
    if smaller < threshold * larger:
        return False
    shared = len(one & other)
    return shared > threshold * (len(one) + len(other) - shared)


def _plainly_differ(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether few of some shingles of a long text stand in the other: most pairs are told apart by this, quickly."""
    if len(one) < 8 * SAMPLES:
        return False
    there = array("q", other).tobytes()
    step = (len(one) - SHINGLE) // SAMPLES
    found = sum(array("q", one[at : at + SHINGLE]).tobytes() in there for at in range(0, step * SAMPLES, step))
    return found < SAMPLE_FOUND * SAMPLES


def _shingles(ids: Sequence[int]) -> set[tuple[int, ...]]:
    if len(ids) < SHINGLE:
        return {tuple(ids)}
    return set(zip(*(ids[start:] for start in range(SHINGLE)), strict=False))
