"""Words and their stems: what two texts have in common, whatever form a word stands in.

The stemmer is Porter's (1980, Program 14(3), 130-137), written from the paper's rules, with the two changes that
Porter made later (`bli`, `logi`): SQLite has them, and an index of SQLite counts in how many works a stem occurs.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

STOP_WORDS = frozenset(
    "a about above after all also an and any are as at be because been being between both but by can could did do "
    "does doing down during each few for from further had has have having here how i if in into is it its itself "
    "just more most no nor not of off on once only or other our out over own same should so some such than that the "
    "their them then there these they this those through to too under until up very was we were what when where "
    "which while who whom why will with would you your".split()
)

_WORD = re.compile(r"[^\W_]+")
_STEP_2 = (
    ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("bli", "ble"),
    ("alli", "al"), ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"), ("ation", "ate"),
    ("ator", "ate"), ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"), ("aliti", "al"),
    ("iviti", "ive"), ("biliti", "ble"), ("logi", "log"),
)  # fmt: skip
_STEP_3 = (
    ("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", ""),
)  # fmt: skip
_STEP_4 = (
    "ement", "ance", "ence", "able", "ible", "ment", "ant", "ent", "ism", "ate", "iti", "ous", "ive", "ize", "ion",
    "al", "er", "ic", "ou",
)  # fmt: skip


def words(text: str) -> list[str]:
    """Return the words of a text in order, in lower case and without accents."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return _WORD.findall("".join(c for c in plain if not unicodedata.combining(c)) if not plain.isascii() else plain)


def terms(text: str) -> list[str]:
    """Return the stems of a text's words in order, without stop words."""
    return [stem(word) for word in words(text) if word not in STOP_WORDS]


def length(text: str) -> int:
    """Return how many terms a text has, without making their stems."""
    return sum(word not in STOP_WORDS for word in words(text))


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """Return the stem of a word in lower case; what is no English word stays nearly as it is."""
    if len(word) <= 2 or not word.isascii():
        return word
    word = _inflections(word)
    word = _suffix(word, _STEP_2)
    word = _suffix(word, _STEP_3)
    word = _ending(word)
    return _last_letters(word)


def _is_consonant(word: str, index: int) -> bool:
    letter = word[index]
    if letter in "aeiou":
        return False
    return letter != "y" or index == 0 or not _is_consonant(word, index - 1)


def _measure(part: str) -> int:
    """Return how often vowels are followed by consonants."""
    kinds = [_is_consonant(part, index) for index in range(len(part))]
    return sum(after and not before for before, after in pairwise(kinds))


def _has_vowel(part: str) -> bool:
    return any(not _is_consonant(part, index) for index in range(len(part)))


def _is_short(part: str) -> bool:
    """Whether it ends in consonant, vowel, consonant, the last one not w, x or y."""
    if len(part) < 3 or part[-1] in "wxy":
        return False
    at = len(part)
    return _is_consonant(part, at - 3) and not _is_consonant(part, at - 2) and _is_consonant(part, at - 1)


def _doubled(part: str) -> bool:
    return len(part) > 1 and part[-1] == part[-2] and _is_consonant(part, len(part) - 1)


def _inflections(word: str) -> str:
    if word.endswith("sses") or word.endswith("ies"):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    if word.endswith("eed"):
        word = word[:-1] if _measure(word[:-3]) > 0 else word
    else:
        for ending in ("ed", "ing"):
            if word.endswith(ending) and _has_vowel(word[: -len(ending)]):
                word = _mended(word[: -len(ending)])
                break
    return word[:-1] + "i" if word.endswith("y") and _has_vowel(word[:-1]) else word


def _mended(part: str) -> str:
    if part.endswith(("at", "bl", "iz")):
        return part + "e"
    if _doubled(part) and part[-1] not in "lsz":
        return part[:-1]
    return part + "e" if _measure(part) == 1 and _is_short(part) else part


def _suffix(word: str, table: tuple[tuple[str, str], ...]) -> str:
    for ending, other in table:
        if word.endswith(ending):
            part = word[: -len(ending)]
            return part + other if _measure(part) > 0 else word
    return word


def _ending(word: str) -> str:
    for ending in _STEP_4:
        if word.endswith(ending):
            part = word[: -len(ending)]
            fits = _measure(part) > 1 and (ending != "ion" or part.endswith(("s", "t")))
            return part if fits else word
    return word


def _last_letters(word: str) -> str:
    if word.endswith("e"):
        part = word[:-1]
        if _measure(part) > 1 or (_measure(part) == 1 and not _is_short(part)):
            word = part
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word
