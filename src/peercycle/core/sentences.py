"""Where sentences of a paper end."""

from __future__ import annotations

import re

from peercycle.core.latex_scan import Span, span_at
from peercycle.core.remembering import remembered

_SENTENCE_END = re.compile(r"[.!?]['’”)\]}]{0,3}(?=\s)|\n[ \t]*\n\s*|\\(?:item|par|section|subsection|paragraph)\b")
_ABBREVIATION = re.compile(
    r"(?:\b(?:et al|e\.g|i\.e|cf|vs|approx|resp|etc|Figs?|Secs?|Eqs?|Tabs?|Refs?|No|Dr|Prof|St|Mr|Ms|Mrs)|\b[A-Z])\.$"
)
_NO_BREAK = r"(?:(?!\n[ \t]*\n)[^{}]){{1,{}}}?"
_WHOLE = re.compile(
    r"\\[A-Za-z]*[Cc]ite[A-Za-z]*\*?(?:\[[^\]\n]{0,200}\]){0,2}\{[^{}]{0,2000}\}"
    rf"|``{_NO_BREAK.format('`', 300)}''|“{_NO_BREAK.format('“”', 300)}”"
    rf"|(?<![\w\\])\"(?=\S){_NO_BREAK.format(chr(34), 300)}\"(?!\w)"
)
"""Citations with their notes, and quotations up to a length: a title that asks does not end the sentence it stands in."""
_SOURCE_FOLLOWS = re.compile(r"(?<=['’”\"])\s{1,9}(?:⟨c⟩|\\[A-Za-z]*[Cc]ite(?!t)|[a-z])")
"""A quotation with its source behind it, or in the middle of a sentence."""


@remembered
def sentence_spans(text: str) -> tuple[Span, ...]:
    """Split prose into sentences; abbreviations, initials, and what is quoted or cited whole do not end one."""
    spans: list[Span] = []
    begin = 0
    whole = [Span(found.start(), found.end()) for found in _WHOLE.finditer(text)]
    for found in _SENTENCE_END.finditer(text):
        held = span_at(whole, found.start())
        if held is not None and found.end() < held.end:
            continue
        if _SOURCE_FOLLOWS.match(text, found.end()):
            continue
        if text[found.start()] == "." and _ABBREVIATION.search(text[max(0, found.start() - 8) : found.start() + 1]):
            continue
        if text[begin : found.end()].strip():
            spans.append(Span(begin, found.end()))
        begin = found.end()
    if text[begin:].strip():
        spans.append(Span(begin, len(text)))
    return tuple(spans)
