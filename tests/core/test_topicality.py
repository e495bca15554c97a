"""A list that has nothing to do with the topic is known, whatever forms its words stand in."""

from __future__ import annotations

import pytest

from peercycle.core.literature import Reference
from peercycle.core.topicality import TopicWords, off_topic


def works(*titles: str) -> list[Reference]:
    return [Reference(key=f"k{number}", title=title) for number, title in enumerate(titles)]


@pytest.mark.parametrize(
    ("topic", "titles", "said"),
    [
        ("history of chess openings", ["Grasping by robots"], "nothing to do with the topic"),
        ("sorting of networks", ["A network that sorts"], None),
        ("chess", ["Chess", *["Robots"] * 3], None),
        ("chess", ["Chess", *["Robots"] * 19], "little to do with the topic: only 1 of 20 entries uses a word"),
        ("chess", ["Chess", "Chess", *["Robots"] * 18], "only 2 of 20 entries use a word"),
        ("chess", ["Chess"] * 3 + ["Robots"] * 17, None),
        ("of the", ["Robots"], None),
        ("a recent study of chess openings", ["A recent study of robots"], "no word that names its subject occurs"),
        ("recent studies", ["A recent study of robots"], None),
        ("AI ethics", ["AI at work"], None),
        ("alchemy", ["Alchemical furnaces"], None),
        ("few-shot learners", ["Shot noise", "A few robots"], "nothing to do with the topic"),
        ("COVID-19 in schools", ["Covid pandemic"], None),
        ("GPT-4", ["GPT 4, technical notes"], None),
        ("5G networks", ["5G antennas"], None),
        ("5G antennas", ["A letter G"], "nothing to do with the topic"),
        ("e-learning", ["Learning online"], None),
        ("graph-based search", ["Hashing based on a graph"], None),
        ("\u6df1\u5ea6\u5b66\u4e60", ["\u57fa\u4e8e\u6df1\u5ea6\u5b66\u4e60\u7684\u8bc6\u522b"], None),
        ("chess", [], None),
    ],
)
def test_works_that_share_no_word_with_the_topic_or_hardly_one_are_told(
    topic: str, titles: list[str], said: str | None
) -> None:
    found = off_topic(topic, works(*titles))
    assert (found is None) if said is None else said in str(found)


def test_an_abstract_counts_as_the_title_does() -> None:
    assert off_topic("chess", [Reference(key="a", title="Games", abstract="Of chess.")]) is None


def test_words_of_writing_without_blanks_are_not_looked_for() -> None:
    assert TopicWords("\u6df1\u5ea6\u5b66\u4e60 and chess").spelt == {"chess": "chess"}
