"""Words of a text: how they are cut, folded, counted and printed again."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from peercycle.agents.policies.extractive.stopwords import FUNCTION_WORDS, STOPWORDS
from peercycle.core.dollars import formulas

_COMMAND = re.compile(r"\\[A-Za-z]+")
_DOTTED = re.compile(r"\b(?:[A-Za-z]\.){2,}")
"""An abbreviation such as `U.S.`, which is one word."""
_MARKUP = re.compile(
    r"<(script|style)\b.*?</\1\s*>|</?[A-Za-z!][^<>]{0,500}>|&(?:[A-Za-z]{2,8}|#\d{1,6});|(?:https?://|www\.)\S+",
    re.IGNORECASE | re.DOTALL,
)
_WORD = re.compile(r"[^\W\d_](?:[\w]|['’-](?=\w))*")


def words_of(text: str) -> list[str]:
    """Return the words of a text as spelt there, without numbers, mathematics, markup and web addresses."""
    text = _MARKUP.sub(" ", text.replace("&lt;", "<").replace("&gt;", ">"))
    bare = _COMMAND.sub(" ", _without_formulas(text))
    plain = (
        unicodedata.normalize("NFKC", _DOTTED.sub(lambda found: f"{found[0].replace('.', '')} ", bare))
        .replace("‐", "-")
        .replace("‑", "-")
    )
    return _WORD.findall(plain)


def _without_formulas(text: str) -> str:
    """Return a text with a blank for each formula; what stands between two amounts of dollars stays."""
    parts: list[str] = []
    end = 0
    for formula in formulas(text):
        parts.append(text[end : formula.start])
        end = formula.end
    return " ".join([*parts, text[end:]])


@lru_cache(maxsize=65536)
def fold(word: str) -> str:
    """Return the form under which a word is counted: lower case, the plainest English plurals undone."""
    low = word.lower().replace("’", "'").removesuffix("'s")
    if len(low) > 4 and low.endswith("ies"):
        return low[:-3] + "y"
    if len(low) > 4 and low.endswith(("sses", "shes", "ches", "xes")):
        return low[:-2]
    if len(low) > 3 and low.endswith("s") and not low.endswith(("ss", "us", "is", "as")):
        return low[:-1]
    return low


def tokens_of(text: str) -> list[str]:
    """Return a text's folded words in order, stop words included."""
    return [fold(word) for word in words_of(text)]


_FOLDED_STOPWORDS: frozenset[str] = STOPWORDS | frozenset(fold(word) for word in STOPWORDS)


def is_content(token: str) -> bool:
    """Return whether a folded word says something of the subject."""
    return len(token) > 2 and token not in _FOLDED_STOPWORDS


def folded_stopwords() -> tuple[str, ...]:
    """Return the stop words as they are counted, sorted."""
    return tuple(sorted(_FOLDED_STOPWORDS))


def content_tokens(text: str) -> list[str]:
    """Return a text's folded content words in order."""
    return [token for token in tokens_of(text) if is_content(token)]


def topic_tokens(topic: str) -> list[str]:
    """Return a topic's folded words in order, function words left out.

    Words that any abstract uses stay: in a topic, `current` or `state` may be the subject.
    """
    return [fold(word) for word in words_of(topic) if word.lower().replace("’", "'") not in FUNCTION_WORDS]


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

    return [_WORD.sub(lowered, title) if capitals else title for title, capitals in zip(titles, styled, strict=True)]


def _is_title_case(title: str) -> bool:
    """Return whether most of a title's longer words have a capital, the first one aside."""
    later = [word for word in words_of(title)[1:] if word.lower() not in FUNCTION_WORDS and len(word) > 2]
    return 2 * sum(word[0].isupper() for word in later) > len(later)


def document_frequencies(documents: Sequence[Sequence[str]]) -> Counter[str]:
    """Return in how many documents each word occurs."""
    return Counter(token for tokens in documents for token in set(tokens))
