"""HTML rebuilt from a list of what is allowed: no script, no event handler, no address that loads or runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import escape
from html.parser import HTMLParser

_MATHML = frozenset(
    "math semantics mrow mi mn mo ms mtext mspace mfrac msqrt mroot mstyle merror mpadded mphantom menclose msub "
    "msup msubsup munder mover munderover mmultiscripts mprescripts none mtable mtr mtd".split()
)
_HTML = frozenset(
    "h1 h2 h3 h4 h5 h6 p div span section em strong b i u s sub sup code pre blockquote ul ol li dl dt dd table "
    "caption colgroup col thead tbody tfoot tr th td figure figcaption hr br a img".split()
)
_VOID = frozenset("br hr img col".split())
_SILENT = frozenset(
    "script style iframe object template noscript annotation annotation-xml svg title textarea".split()
)
"""Elements that go with their content."""
_ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "": frozenset({"class", "id", "role"}),
    "td": frozenset({"colspan", "rowspan"}),
    "th": frozenset({"colspan", "rowspan"}),
    "ol": frozenset({"start", "type"}),
    "a": frozenset({"href"}),
    "img": frozenset({"src", "alt"}),
}
_MATH_ATTRIBUTES = frozenset(
    "display mathvariant stretchy form fence separator accent accentunder columnalign width displaystyle scriptlevel "
    "linethickness minsize maxsize notation columnspacing rowspacing lspace rspace".split()
)
_PLAIN = re.compile(r"[\w .:/#%+-]*\Z")
_ALIGN = re.compile(r"text-align: *(left|right|center);?\Z")
_WIDTH = re.compile(r"width: *([0-9]{1,3}(?:\.[0-9]+)?%);?\Z")
_LINK = re.compile(r"(?:https?://|mailto:|#)[^\s\"'<>\\]*\Z")


class _Cleaner(HTMLParser):
    def __init__(self, picture: Callable[[str, str], str], text: Callable[[str], str]) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.open: list[str] = []
        self.silent: list[str] = []
        self.picture, self.text = picture, text

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self.silent.append(tag)
        if self.silent or tag not in _HTML | _MATHML | {"embed"}:
            return
        values = {name: value or "" for name, value in attrs}
        if tag in {"img", "embed"}:  # pandoc embeds a PDF
            self.out.append(self.picture(values.get("src", ""), _share(values.get("style", ""))))
            return
        kept = _kept(tag, values)
        self.out.append(f"<{tag}{kept}>")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.silent:
            if self.silent[-1] == tag:
                self.silent.pop()
            return
        if tag in self.open:
            while True:
                last = self.open.pop()
                self.out.append(f"</{last}>")
                if last == tag:
                    break

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.out.append(self.text(data))

    def result(self) -> str:
        """Return the whole, with every element closed."""
        self.close()
        return "".join(self.out) + "".join(f"</{tag}>" for tag in reversed(self.open))


def _share(style: str) -> str:
    found = _WIDTH.match(style)
    return found.group(1) if found else ""


def _kept(tag: str, values: Mapping[str, str]) -> str:
    allowed = _MATH_ATTRIBUTES if tag in _MATHML else _ATTRIBUTES[""] | _ATTRIBUTES.get(tag, frozenset())
    parts = []
    for name, value in values.items():
        if name == "style" and (align := _ALIGN.match(value)):
            parts.append(f' class="{align.group(1)}"')
        elif name == "href" and name in allowed:
            if _LINK.match(value):
                parts.append(f' href="{escape(value)}"' + ("" if value.startswith("#") else ' rel="noreferrer"'))
        elif name in allowed and _PLAIN.match(value):
            parts.append(f' {name}="{escape(value)}"')
    return "".join(parts)


def clean(fragment: str, *, picture: Callable[[str, str], str], text: Callable[[str], str]) -> str:
    """Return a fragment of HTML, rebuilt.

    `picture(address, width)` returns what stands for an image, `text(data)` what stands for a stretch of text: both
    return HTML that is trusted.
    """
    cleaner = _Cleaner(picture, text)
    cleaner.feed(fragment)
    return cleaner.result()
