"""The words of texts: how they are counted and printed again."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from peercycle.core.common_words import FUNCTION_WORDS
from peercycle.core.content_words import WORD, fold, is_content, words_of


def tokens_of(text: str) -> list[str]:
    """Return a text's folded words in order, stop words included."""
    return [fold(word) for word in words_of(text)]


def content_tokens(text: str) -> list[str]:
    """Return a text's folded content words in order."""
    return [token for token in tokens_of(text) if is_content(token)]


def content_pairs(text: str) -> list[tuple[str, str]]:
    """Return the neighbouring content words of a text, folded; punctuation and stop words part them."""
    pairs: list[tuple[str, str]] = []
    for piece in re.split(r"[.,;:!?()\[\]“”\"]", text):
        tokens = tokens_of(piece)
        pairs += [(a, b) for a, b in itertools.pairwise(tokens) if is_content(a) and is_content(b)]
    return pairs


def spellings(texts: Iterable[str]) -> dict[str, str]:
    """Return, for every folded word, its most frequent spelling.

    A capital counts only where the word is also found so away from the beginning of a sentence. Ties go to an acronym,
    then to what was read so and not only taken so at the beginning of a sentence, then to the fewest capitals.
    """
    counts: dict[str, Counter[str]] = {}
    read: set[str] = set()
    for text in texts:
        for piece in re.split(r"(?<=[.!?:])\s+", text):
            for index, word in enumerate(words_of(piece)):
                ordinary = index == 0 and word[1:].islower()
                counts.setdefault(fold(word), Counter())[word.lower() if ordinary else word] += 1
                if not ordinary or word.islower():
                    read.add(word)
    return {token: _commonest(seen, read) for token, seen in counts.items()}


def _commonest(seen: Counter[str], read: set[str]) -> str:
    """Return the most frequent of some spellings; `read` holds those that were not made by lowering a capital."""

    def standing(spelling: str) -> tuple[int, bool, bool, int, str]:
        acronym = any(sum(letter.isupper() for letter in word) > 1 for word in spelling.split())
        return -seen[spelling], not acronym, spelling not in read, sum(c.isupper() for c in spelling), spelling

    return min(seen, key=standing)


def pair_spellings(texts: Iterable[str]) -> dict[str, str]:
    """Return, for every pair of neighbouring content words, folded and joined by a blank, its commonest spelling.

    Ties are settled as those of single words are.
    """
    counts: dict[str, Counter[str]] = {}
    read: set[str] = set()
    for text in texts:
        for piece in re.split(r"[.,;:!?()\[\]“”\"]", text):
            words = words_of(piece)
            for index, (a, b) in enumerate(itertools.pairwise(words)):
                if is_content(fold(a)) and is_content(fold(b)):
                    first = a.lower() if index == 0 and a[1:].islower() else a
                    counts.setdefault(f"{fold(a)} {fold(b)}", Counter())[f"{first} {b}"] += 1
                    if first == a:
                        read.add(f"{a} {b}")
    return {pair: _commonest(seen, read) for pair, seen in counts.items()}


def plain_titles(titles: Sequence[str], running: Iterable[str]) -> list[str]:
    """Return titles with the capitals of title case undone, where running text or another title writes the word small.

    `Floods` in a title whose words all have capitals tells nothing of how the word is spelt. A word that is nowhere
    written small may be a name, and stays.
    """
    styled = [_is_title_case(title) for title in titles]
    plain = [*running, *(title for title, capitals in zip(titles, styled, strict=True) if not capitals)]
    small = {fold(word) for text in plain for word in words_of(text) if word.islower()}

    def lowered(found: re.Match[str]) -> str:
        word = found[0]
        acronym = any(letter.isupper() for part in word.split("-") for letter in part[1:])
        return word if (acronym and not found.string.isupper()) or fold(word) not in small else word.lower()

    return [WORD.sub(lowered, title) if capitals else title for title, capitals in zip(titles, styled, strict=True)]


def _is_title_case(title: str) -> bool:
    """Return whether most of a title's longer words have a capital, the first one aside."""
    later = [word for word in words_of(title)[1:] if word.lower() not in FUNCTION_WORDS and len(word) > 2]
    return 2 * sum(word[0].isupper() for word in later) > len(later)


def document_frequencies(documents: Sequence[Sequence[str]]) -> Counter[str]:
    """Return in how many documents each word occurs."""
    return Counter(token for tokens in documents for token in set(tokens))
