"""What the policy remembers between calls: the analysis of the corpus, and what was decided since."""

from __future__ import annotations

from typing import Literal

from peercycle.core.base import ArtifactRef, Record, Word
from peercycle.core.experiments import ExperimentPlan

Weighting = Literal["log", "binary", "bm25"]
"""How often a term occurs in a work, as a weight: 1 + log tf, presence, or BM25's saturation."""


class Strategy(Word):
    """The choices in which candidates differ."""

    clusters: int
    weighting: Weighting
    title_weight: int
    seed: int
    """Of the first centres of the clustering."""
    gaps_first: bool
    """The discussion begins with the gaps, not with the coverage."""
    by_year: bool
    """Clusters are presented by the year of their earliest work, not by size."""


class Quote(Word):
    """A passage of an abstract, word for word."""

    key: str
    text: str
    cut: bool = False
    """The sentence goes on where the passage ends."""


class Cluster(Word):
    """A group of works that share words."""

    label: int
    """Its number in the corpus file; presented in the notes' order."""
    name: str
    terms: tuple[str, ...]
    uses: tuple[int, ...]
    """How many of its works use each of its terms."""
    keys: tuple[str, ...]
    """Its works, most central first."""
    dated: int = 0
    """Works with a year."""
    first_year: int | None = None
    last_year: int | None = None
    quotes: tuple[Quote, ...] = ()


class CorpusFacts(Word):
    """Counts that the text may state."""

    entries: int
    works: int
    farther: int = 0
    """Entries that are not mapped because `MOST_MAPPED` others are nearer to the topic; not among `entries`."""
    abstracts: int
    """Works whose abstract can be used."""
    dated: int
    """Works with a year."""
    first_year: int | None = None
    last_year: int | None = None
    distinct_years: int = 0
    merged: tuple[str, ...] = ()
    """Keys of entries left out because an earlier entry is the same work."""
    untitled: tuple[str, ...] = ()
    """Keys of entries left out because they have neither a title nor an abstract."""
    uncitable: int = 0
    """Works whose key cannot stand in a citation command, or belongs to another entry."""
    recovered: int = 0
    problems: int = 0
    short: int = 0
    """Works with an abstract that is too short to be used."""
    without_abstract: tuple[str, ...] = ()
    """Keys of the works that have no abstract at all and can be cited."""
    short_abstract: tuple[str, ...] = ()
    """Keys of the works whose abstract is too short to be used and that can be cited."""
    other_language: tuple[str, ...] = ()
    """Keys of the works whose abstract is in another language than most of the list's."""


class TopicMatch(Word):
    """How the words of the topic occur in the corpus."""

    words: tuple[str, ...] = ()
    matched: tuple[str, ...] = ()
    works: int = 0
    """Works that use at least one of the topic's words."""
    without: tuple[str, ...] = ()
    """Keys of the works that use none of them."""
    verdict: Literal["good", "partial", "unknown"] = "unknown"
    """`unknown` where the topic has no content word that could be looked for."""


class Term(Word):
    """A word of the corpus."""

    group: str
    """Its name in measurements."""
    word: str
    """As counted."""
    shown: str
    """As printed: its most frequent spelling."""
    works: int
    """Works that use it in title or abstract."""


class NumericMatch(Word):
    """The built-in numerical study that comes nearest to the topic."""

    study: str
    score: float
    topic_share: float
    works_share: float
    added: bool


class Notes(Record):
    """The policy's memory of one candidate."""

    strategy: Strategy
    facts: CorpusFacts
    topic: TopicMatch
    off_topic: str | None = None
    """What the run says of a list that has nothing or little to do with its topic: the judgement, a colon, its ground."""
    corpus: ArtifactRef | None = None
    """The corpus file that the studies read."""
    clusters: tuple[Cluster, ...] = ()
    unplaced: tuple[str, ...] = ()
    """Works that share no counted word with another."""
    passages: tuple[Quote, ...] = ()
    """A passage of each work, where there are too few to cluster."""
    terms: tuple[Term, ...] = ()
    other_forms: tuple[str, ...] = ()
    """Pairs of terms, as named in measurements, that more works join in other forms than as they stand."""
    nearest: tuple[str, ...] = ()
    """Works of the corpus that come nearest to the topic, nearest first."""
    found: tuple[str, ...] = ()
    """Works that the second search found outside the corpus."""
    numeric: NumericMatch | None = None
    declined: str | None = None
    """Why no study of the bibliography is planned."""
    planned: tuple[str, ...] = ()
    """Ids of the studies planned so far, in order."""
    seeds: dict[str, tuple[int, ...]] = {}
    """Seeds planned so far, by experiment."""
    pending: ExperimentPlan | None = None
    """What the revision in hand will run, until it is asked for."""
    quote_words: int = 24
    """Longest quotation that is printed."""
    quotes: int = 2
    """Quotations that each cluster prints."""
    detailed_limits: bool = False
    reading_guide: bool = False
    """The method explains in plain words what each figure says."""
    list_uncited: tuple[str, ...] = ()
    """Works that a review found uncited, to be placed in the background section."""
