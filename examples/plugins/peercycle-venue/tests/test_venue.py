"""The plugin's parts, held to peercycle's contracts."""

from __future__ import annotations

import peercycle_venue
import pytest
from peercycle_venue.reward import VenueReward
from peercycle_venue.rules import VenueRules, broken_rules, count_words
from peercycle_venue.stage import VenueStage

from peercycle.core.contracts import Channel, RewardFunction, Stage
from peercycle.core.writing import Manuscript, Section
from peercycle.plugins.manager import Plugins
from peercycle.plugins.testing import RewardContract, StageContract


class TestVenueStage(StageContract):
    channels = [Channel("venue")]

    def stage(self) -> Stage:
        return VenueStage()


class TestVenueReward(RewardContract):
    def reward(self) -> RewardFunction:
        return VenueReward(VenueRules(required=("conclusion",)))


@pytest.mark.parametrize(
    ("latex", "words"),
    [
        ("", 0),
        ("One two three.", 3),
        ("As shown~\\cite{a, b} by \\citet[p.~3]{c}", 3),
        ("The mean was \\measured{x.mean}{0.913}.", 4),
        ("\\emph{really} well-known", 2),
    ],
)
def test_words_are_what_a_reader_sees(latex: str, words: int) -> None:
    assert count_words(latex) == words


def test_each_broken_rule_is_a_line() -> None:
    section = Section(heading="Introduction", role="introduction", body="word " * 30)
    paper = Manuscript(title="T", abstract="word " * 12, sections=(section,))
    rules = VenueRules(max_words=20, max_abstract_words=10, required=("introduction", "results"))
    assert broken_rules(paper, rules) == (
        "the paper has 30 words; at most 20 are allowed",
        "the abstract has 12 words; at most 10 are allowed",
        "there is no section for results",
    )
    assert broken_rules(paper, VenueRules(required=())) == ()


def test_it_is_a_plugin_with_settings() -> None:
    plugins = Plugins.load(peercycle_venue, builtin=False, entry_points=False, environ={})
    reward = plugins.create("rewards", "venue", {"penalty": 2})
    assert isinstance(reward, VenueReward)
    assert reward.rules.penalty == 2
