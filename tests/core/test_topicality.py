"""A list that has nothing to do with the topic is known, whatever forms its words stand in."""

from __future__ import annotations

import pytest

from peercycle.core.literature import Reference
from peercycle.core.topicality import off_topic


def works(*titles: str) -> list[Reference]:
    return [Reference(key=f"k{number}", title=title) for number, title in enumerate(titles)]


@pytest.mark.parametrize(
    ("topic", "titles", "said"),
    [
        ("history of chess openings", ["Grasping by robots"], "nothing to do with the topic"),
        ("sorting of networks", ["A network that sorts"], None),
        ("chess", ["Chess", *["Robots"] * 3], None),
        ("chess", ["Chess", *["Robots"] * 19], "little to do with the topic: only 1 of 20 works uses a word"),
        ("chess", ["Chess", "Chess", *["Robots"] * 18], "only 2 of 20 works use a word"),
        ("chess", ["Chess"] * 3 + ["Robots"] * 17, None),
        ("of the", ["Robots"], None),
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
