"""Which works of a list are in another language than most of it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from peercycle.agents.policies.extractive.corpus import MappedWork
from peercycle.agents.policies.extractive.foreign_words import PLAINLY_FOREIGN
from peercycle.core.common_words import FUNCTION_WORDS


def told_apart(works: Sequence[MappedWork]) -> tuple[MappedWork, ...]:
    """Return the works, those marked whose abstract is in another language than most of the abstracts.

    English is told from all others by function words and letters. A word of one language never stands beside a word
    of another, and a study that counted both would take that for a gap.
    """
    other = {index for index, work in enumerate(works) if work.abstract and _is_foreign(work)}
    read = {index for index, work in enumerate(works) if work.abstract}
    fewer = other if 2 * len(other) <= len(read) else read - other
    return tuple(replace(work, apart=index in fewer) for index, work in enumerate(works))


def _is_foreign(work: MappedWork) -> bool:
    words = {*work.title_tokens, *work.abstract_tokens}
    letters = [letter for letter in work.abstract if letter.isalpha()]
    latin = sum(unicodedata.name(letter, "").startswith("LATIN") for letter in letters)
    return 2 * latin < len(letters) or len(words & PLAINLY_FOREIGN) > len(words & FUNCTION_WORDS)
