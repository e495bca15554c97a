"""The text of a PDF's pages as one text: what stands on every page is dropped, and headings are whole again."""

from __future__ import annotations

import re
from collections import Counter

EDGE = 4
"""Lines at the top and at the bottom of a page among which headers and footers are looked for."""
_NUMBER_ALONE = re.compile(r"^(\d{1,2}(?:\.\d{1,2}){0,2})\.?\n\n?(?=[A-Z][^\n]{0,80}\n(?:\n|\Z))", re.MULTILINE)
_PAGE_NUMBER = re.compile(r"(?:page\s)?\d{1,4}(?:\s(?:of|/)\s\d{1,4})?", re.IGNORECASE)


def text_of_pages(text: str) -> str:
    """Return text as pdftotext gives it, with form feeds between pages, without headers, footers and page numbers.

    A line is a header or footer where it stands at the edge of more than half of the pages, two at least, numbers
    aside. A number of a section that stands alone above its heading is put before it.
    """
    pages = [page.strip("\n").split("\n") for page in text.split("\f") if page.strip()]
    if len(pages) > 1:
        counts = Counter(mark for page in pages for mark in {_mark(page[at]) for at in _edge(page)} - {"", "0"})
        repeated = {mark for mark, n in counts.items() if n > max(1, len(pages) / 2)}
        pages = [_without(page, repeated) for page in pages]
        for at in (0, -1):
            numbered = [page for page in pages if page and _PAGE_NUMBER.fullmatch(page[at].strip())]
            if len(numbered) > len(pages) / 2:
                for page in numbered:
                    del page[at]
    return _NUMBER_ALONE.sub(r"\1 ", _joined(pages))


def _edge(page: list[str]) -> list[int]:
    told = [at for at, line in enumerate(page) if line.strip()]
    return sorted({*told[:EDGE], *told[-EDGE:]})


def _mark(line: str) -> str:
    return re.sub(r"\d+", "0", " ".join(line.split()))


def _without(page: list[str], repeated: set[str]) -> list[str]:
    gone = {at for at in _edge(page) if _mark(page[at]) in repeated}
    return "\n".join(line for at, line in enumerate(page) if at not in gone).strip("\n").split("\n")


def _joined(pages: list[list[str]]) -> str:
    """Join pages; a paragraph that goes on over the break stays one."""
    text = ""
    for page in pages:
        body = "\n".join(page).strip("\n")
        goes_on = text[-1:].isalnum() or text[-1:] in {",", ";", "-"}
        text += ("\n" if goes_on and re.match(r"[a-z(]", body) else "\n\n" if text else "") + body
    return text + "\n"
