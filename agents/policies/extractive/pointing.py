"""Sentences that point back to the one before them, and so say nothing on their own."""

from __future__ import annotations

import re

_ITSELF = r"(?:paper|study|article|review|survey|work|chapter|thesis|report)\b"
"""What `this` may stand before without pointing to an earlier sentence."""
_OPENING = re.compile(
    rf"""^(?:
    it\b(?!\ (?:is|was|has\ been|remains)\ (?:\w+\ ){{1,3}}(?:that|whether|how)\b)
    | (?:its|they|them|their|theirs|he|she|him|her|his)\b
    | this\b(?!\ {_ITSELF})
    | (?:these|such)\b
    | those\b(?!\ (?:who|whose|that|which|with|of)\b)
    | both\b(?!(?:\ \S+){{1,5}}\ and\b)
    | (?:n?either)\b(?!(?:\ \S+){{1,5}}\ n?or\b)
    | the\ (?:latter|former|same|others?)\b
    | (?:another|others?)\b
    | an?\ (?:additional|further)\b
    | that\ (?:is|was|would|said)\b
    | (?:however|moreover|furthermore|thus|therefore|hence|also|but|and|or|then|instead|yet|nor|so)\b(?!-)
    | (?:nevertheless|nonetheless|accordingly|consequently|conversely|additionally|similarly|likewise)\b
    | (?:finally|lastly|otherwise|meanwhile|specifically|subsequently|alternatively|secondly|thirdly)\b
    | (?:first|second|third|next|still|rather|indeed|overall|besides|again|further|later|together|now)(?=,)
    | (?:at\ (?:the\ same|that)\ time|even\ so|if\ so|as\ such)\b
    | (?:in|by)\ (?:contrast|comparison)\b(?!\ (?:to|with)\b)
    | in\ (?:addition|turn|particular|summary|conclusion|short|fact|other\ words)\b(?!\ to\b)
    | (?:as\ a\ (?:result|consequence)|to\ (?:this|that)\ end|on\ the\ (?:other\ hand|contrary))\b(?!\ of\b)
    | (?:for\ (?:example|instance)|because\ of\ (?:this|that)|(?:after|before|despite|unlike|like)\ (?:that|them|it))\b
    | (?:although|though|while|whereas|because|since|when|if)\ (?:it|its|they|their|he|his|she|her|this|these|such)\b
    | here\b(?!,?\ we\b)
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_NEAR = re.compile(rf"^(?:\S+ ){{1,5}}?(?:this\b(?! {_ITSELF})|these\b)", re.IGNORECASE)
_PHRASE_FIRST = re.compile(
    r"^(?:in|on|at|from|with|without|under|by|for|after|before|over|across|unlike|during)\b[^,;:]*?(?:, | )"
    rf"(?:it\b|they\b|this\b(?! {_ITSELF})|these\b)",
    re.IGNORECASE,
)
_PRONOUN_LAST = re.compile(r"\b(?:from|of|for|with|by|to|in|on) both(?=[,;.]|$)", re.IGNORECASE)


def points_back(sentence: str) -> bool:
    """Return whether a sentence can be understood only after the one before it.

    By its words alone: an opening such as `However` or `These results`, `this` or `these` among the first words, a
    pronoun as the subject after an introductory phrase (`On these data it fails`), or a closing `of both`. `This study`
    and `It is known that` stand on their own.
    """
    return any(mark.search(sentence) for mark in (_OPENING, _NEAR, _PHRASE_FIRST, _PRONOUN_LAST))
