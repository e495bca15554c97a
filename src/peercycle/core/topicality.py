"""Whether a bibliography has anything to do with a topic, as far as words show."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from peercycle.core.common_words import FUNCTION_WORDS
from peercycle.core.content_words import FOLDED_STOPWORDS, fold, words_of
from peercycle.core.counting import counted
from peercycle.core.literature import Reference
from peercycle.core.stems import stem

STRAY_SHARE = 10
"""Where no more than one in so many works shares a word with the topic, the list has little to do with it."""

LEAST = 4
"""Of so few works, one that shares a word makes it a list on the topic."""

_UNPARTED = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
"""Scripts whose words, or their endings, stand together without a blank, so that none can be looked for."""


_NUMBERED = re.compile(r"\b\d+[A-Za-z]\b")
"""A word such as `5G` or `3D`, of which no letter says anything by itself."""


class TopicWords:
    """The words of a topic that can be looked for, and which of them a text uses, in whatever form.

    Words are forms of one another by their stems, or where one begins with the other: `survive`, `survived`, `survival`.
    So are `Maya` and `Mayan`. A word with hyphens is used, too, where its parts are, numbers and single letters aside:
    `COVID-19`, `e-learning`.
    """

    def __init__(self, topic: str) -> None:
        self.spelt: dict[str, str] = {}
        """Each word, as counted, to its spelling."""
        for word in _words(topic):
            if word.lower().replace("’", "'") not in FUNCTION_WORDS and not _is_unparted(word):
                self.spelt.setdefault(fold(word), word)
        self.telling = frozenset(filter(names_subject, self.spelt)) or frozenset(self.spelt)
        """Those that say something of a subject, where there are any: every field uses `study` and `recent`."""
        self._parts = {
            word: frozenset(part for part in word.split("-") if len(part) > 1 and not part.isdigit()) or {word}
            for word in self.spelt
        }
        wanted = frozenset(self.spelt).union(*self._parts.values())
        self._roots = {
            word: (_root(word), word.removesuffix("ing").removesuffix("e").removesuffix("y")) for word in wanted
        }
        self._forms: dict[str, frozenset[str]] = {}

    def used_by(self, text: str) -> frozenset[str]:
        """Return the words, as counted, that a text uses."""
        found: set[str] = set()
        for token in {*_words(text)}:
            forms = self._forms.get(token)
            if forms is None:
                forms = self._forms[token] = self._words_like(fold(token))
            if forms:
                found |= forms
        return frozenset(word for word, parts in self._parts.items() if word in found or parts <= found)

    def _words_like(self, token: str) -> frozenset[str]:
        """Return those of the words and their parts of which a word, or a part of it, is a form."""
        pieces = [(piece, _root(piece)) for piece in {token, *token.split("-")}]
        return frozenset(
            word
            for word, (root, start) in self._roots.items()
            for piece, its_root in pieces
            if its_root == root
            or (len(start) >= 5 and piece.startswith(start) and len(piece) <= len(start) + 4)
            or (word.endswith("a") and len(word) >= 4 and piece == f"{word}n")
        )


def names_subject(word: str) -> bool:
    """Return whether a topic's word, as counted, says something of its subject; `AI` does, and a single letter does not."""
    return len(word) > 1 and word not in FOLDED_STOPWORDS


def text_of(work: Reference) -> str:
    """Return the words by which a work is compared with a topic."""
    return f"{work.title}. {work.abstract or ''}"


def off_topic(topic: str, works: Sequence[Reference]) -> str | None:
    """Return what a reader of a run is to know first, where topic and works share no word or hardly one; else None.

    The judgement stands before the colon, its ground behind it. Only words that say something of a subject count.
    """
    words = TopicWords(topic)
    if not words.spelt or not works:
        return None
    most = max(len(works) // STRAY_SHARE, 1 if len(works) > LEAST else 0)
    sharing = 0
    for work in works:
        sharing += not words.telling.isdisjoint(words.used_by(text_of(work)))
        if sharing > most:
            return None
    if not sharing:
        return (
            "as far as words show, the bibliography has nothing to do with the topic: no word that names its subject "
            "occurs in any title or abstract"
        )
    return (
        "as far as words show, the bibliography has little to do with the topic: only "
        f"{sharing} of {counted(len(works), 'entry', 'entries')} {'uses' if sharing == 1 else 'use'} a word that names its "
        "subject, in whatever form"
    )


def _words(text: str) -> list[str]:
    return [*words_of(_NUMBERED.sub(" ", text)), *_NUMBERED.findall(text)]


def _is_unparted(word: str) -> bool:
    return not word.isascii() and any(unicodedata.name(letter, "").startswith(_UNPARTED) for letter in word)


def _root(word: str) -> str:
    """Return a word's stem, without accents."""
    plain = unicodedata.normalize("NFKD", word) if not word.isascii() else word
    return stem("".join(letter for letter in plain if not unicodedata.combining(letter)))
