"""Control words of running text: each kind written in its own way."""

from __future__ import annotations

import re
from collections.abc import Callable

from peercycle.export.tidy import commands as known
from peercycle.export.tidy.characters import escape
from peercycle.export.tidy.text import Place, TextWriter
from peercycle.export.tidy.tokens import Token

_KEY_UNSAFE = re.compile(r"[^A-Za-z0-9:._/+-]")
_URL = re.compile(r"(?:https?://|mailto:)[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+\Z")
_CITE_NAMES = {
    "cite": "citep", "parencite": "citep", "autocite": "citep", "textcite": "citet", "citeyearpar": "citep",
}  # fmt: skip


def write_word(writer: TextWriter, token: Token, place: Place) -> str:
    """Write one control word with its arguments."""
    name = known.OTHER_NAMES.get(token.text, token.text)
    if name == "begin":
        from peercycle.export.tidy.environments import write_environment

        return write_environment(writer, place)
    if name in known.CITES:
        return _cite(writer, name, place)
    if name in known.REFERENCES:
        return _reference(writer, name)
    special = _SPECIAL.get(name)
    if special is not None:
        return special(writer, place)
    if name in known.TEXT_COMMANDS:
        return _known(writer, name, known.TEXT_COMMANDS[name], place)
    if name in known.LETTER_ACCENTS:
        return _letter_accent(writer, name)
    if name in known.DROPPED_COMMANDS or name.startswith("pdf"):
        return _dropped(writer, name)
    if name in known.symbols():
        return f"\\ensuremath{{\\{name}}}" + (" " if token.spaced else "")
    writer.ledger.remark(f"unknown command \\{name[:40]} is shown as its name")
    return f"\\texttt{{\\textbackslash{{}}{name}}}" + (" " if token.spaced else "")


def _known(writer: TextWriter, name: str, signature: str, place: Place) -> str:
    if name in {"subsection", "subsubsection", "paragraph", "subparagraph"} and place.inline:
        return writer.group(place, inline=True)
    if name == "footnote" and place.inline:
        return f" ({writer.group(place, inline=True)})"
    if signature == "st":
        star = writer.cursor.star()
        if place.group or place.environments:
            return f"\\textbf{{{writer.group(place, inline=True)}}} "
        number = writer.ledger.heading(_LEVELS[name]) if name in _LEVELS and not star else ""
        return writer.target.heading(name, number, writer.group(place, inline=True))
    out = ""
    for letter in signature:
        if letter == "o":
            writer.cursor.bracket()
        elif letter == "t":
            out += "{" + writer.group(place, inline=True) + "}"
    if name == "newline":
        return " " if place.inline or place.cell else "\n\n"
    if name in {"smallskip", "medskip", "bigskip", "noindent", "centering", "raggedright"}:
        return "" if place.inline or place.cell else f"\\{name} "
    return f"\\{name}{out}" if out else f"\\{name}{{}}" if name not in _SWITCHES else f"\\{name} "


_LEVELS = {"subsection": 1, "subsubsection": 2}
_SWITCHES = frozenset(
    "bfseries itshape ttfamily sffamily rmfamily scshape normalfont small footnotesize normalsize centering "
    "raggedright".split()
)


def _dropped(writer: TextWriter, name: str) -> str:
    for letter in known.DROPPED_COMMANDS.get(name, ""):
        if letter == "s":
            writer.cursor.star()
        elif letter == "o":
            writer.cursor.bracket()
        elif letter == "u":
            writer.cursor.skip_blanks()
            writer.cursor.place += 1
        elif writer.cursor.raw_group() is None:
            token = writer.cursor.peek()
            if name.startswith(("new", "renew", "provide")) and token is not None and token.kind == "word":
                writer.cursor.place += 1  # `\newcommand\name{…}`
    if name in known.REPORTED or name.startswith("pdf"):
        writer.ledger.remark(f"command \\{name} is not allowed in a paper's text and is left out")
    return "" if name not in {"par", "leavevmode"} else " "


def _letter_accent(writer: TextWriter, accent: str) -> str:
    letter = (writer.cursor.raw_text() or "").strip().lstrip("\\")
    if not letter:
        token = writer.cursor.peek()
        if token is None or token.kind != "text" or not token.text[:1].isalpha():
            return ""
        letter = token.text[0]
        writer.cursor.tokens[writer.cursor.place] = Token("text", token.text[1:])
    if re.fullmatch(r"[A-Za-z]", letter) and accent in "vHcrukbd":
        return f"\\{accent}{{{letter}}}"
    return writer.characters(escape(letter))


def _cite(writer: TextWriter, name: str, place: Place) -> str:
    writer.cursor.star()
    first, second = writer.cursor.bracket(), writer.cursor.bracket()
    before = writer.inner(first, place) if first is not None and second is not None else ""
    after_tokens = second if second is not None else first
    after = writer.inner(after_tokens, place) if after_tokens is not None else ""
    raw = [key.strip() for key in (writer.cursor.raw_text() or "").split(",")]
    keys = [writer.ledger.keys[key] for key in raw if key in writer.ledger.keys]
    unknown = [key for key in raw if key and key not in writer.ledger.keys]
    for key in raw:
        if key in writer.ledger.keys:
            writer.ledger.cited.setdefault(key)
    parts = []
    if keys:
        notes = [note.replace("[", "(").replace("]", ")") for note in (before, after)]
        parts.append(writer.target.cite(_CITE_NAMES.get(name, name), keys, *notes))
    for key in unknown:
        writer.ledger.remark(f"cited work {key[:60]!r} is not in the bibliography")
        parts.append(f"[unknown work: \\texttt{{{writer.characters(escape(key))}}}]")
    return " ".join(parts)


def safe_label(raw: str) -> str:
    """Return a label's name in characters that TeX and HTML both take."""
    return _KEY_UNSAFE.sub("-", raw.strip())[:80]


def _reference(writer: TextWriter, name: str) -> str:
    writer.cursor.star()
    found = [safe_label(raw) for raw in (writer.cursor.raw_text() or "").split(",") if raw.strip()]
    command = "eqref" if name == "eqref" else "ref"
    return ", ".join(writer.target.reference(command, label) for label in found)


def _label(writer: TextWriter, place: Place) -> str:
    raw = writer.cursor.raw_text()
    return writer.define_label(safe_label(raw)) if raw and raw.strip() and not place.cell else ""


def _measured(writer: TextWriter, place: Place) -> str:
    measurement = (writer.cursor.raw_text() or "").strip()
    shown = writer.group(place, inline=True)
    kind = writer.ledger.numbers.get(measurement, "unknown")
    if kind == "unknown":
        writer.ledger.remark(f"number {shown[:30]!r} names measurement {measurement[:60]!r}, which does not exist")
    writer.ledger.shown.setdefault(measurement)
    safe = re.sub(r"[^A-Za-z0-9._:+-]", "-", measurement)
    return writer.target.number(safe, kind, shown, math=False)


def _url(writer: TextWriter, place: Place) -> str:
    del place
    raw = _bare_address(writer)
    shown = f"\\texttt{{{writer.characters(escape(raw))}}}"
    return f"\\href{{{tex_address(raw)}}}{{{shown}}}" if _URL.match(raw) else shown


def _href(writer: TextWriter, place: Place) -> str:
    raw = _bare_address(writer)
    shown = writer.group(place, inline=True)
    if not _URL.match(raw):
        writer.ledger.remark(f"link to {raw[:60]!r} is left out: only http, https and mailto addresses are kept")
        return shown
    return f"\\href{{{tex_address(raw)}}}{{{shown}}}"


def _bare_address(writer: TextWriter) -> str:
    return re.sub(r"\\([%#&_~{}$])", r"\1", writer.cursor.raw_text() or "").strip()


def tex_address(address: str) -> str:
    """Return an address as the first argument of `\\href`."""
    return re.sub(r"([%#&_$~])", r"\\\1", address).replace("\\~", "\\string~")


def _graphic(writer: TextWriter, place: Place) -> str:
    writer.cursor.star()
    options = "".join(
        token.text if token.kind != "word" else f"\\{token.text}" for token in writer.cursor.bracket() or []
    )
    name = (writer.cursor.raw_text() or "").strip()
    file = writer.ledger.figures.get(name) or writer.ledger.figures.get(name.rpartition("/")[2])
    if file is None:
        writer.ledger.remark(f"figure {name[:60]!r} does not exist")
        return writer.target.missing(writer.characters(escape(name)))
    found = re.search(r"width\s*=\s*([01]?\.?[0-9]{0,4})\s*\\(?:line|text|column)width", options)
    share = float(found.group(1)) if found and re.fullmatch(r"[01]|[01]?\.[0-9]+", found.group(1)) else 0.85
    picture = writer.target.graphic(file, f"{min(max(share, 0.1), 1.0):g}")
    return picture if place.inline or place.cell or place.float else f"\n\n{picture}\n\n"


def _caption(writer: TextWriter, place: Place) -> str:
    writer.cursor.star()
    writer.cursor.bracket()
    if not place.float or place.inline:
        return f" {writer.group(place, inline=True)} "
    number = writer.ledger.numbered(place.float)
    return writer.target.caption(place.float, number, writer.group(place, inline=True))


def _item(writer: TextWriter, place: Place) -> str:
    writer.cursor.bracket()
    writer.ledger.remark("an \\item outside a list is set as a bullet")
    del place
    return "\\textbullet{} "


def _textcolor(writer: TextWriter, place: Place) -> str:
    writer.cursor.bracket()
    writer.cursor.raw_group()
    return writer.group(place, inline=True)


def _boxed(writer: TextWriter, place: Place) -> str:
    writer.cursor.raw_group()
    writer.cursor.raw_group()
    return writer.group(place)


_SPECIAL: dict[str, Callable[[TextWriter, Place], str]] = {
    "label": _label,
    "measured": _measured,
    "url": _url,
    "nolinkurl": _url,
    "href": _href,
    "includegraphics": _graphic,
    "caption": _caption,
    "subcaption": _caption,
    "item": _item,
    "textcolor": _textcolor,
    "colorbox": _textcolor,
    "resizebox": _boxed,
    "scalebox": _textcolor,
    "multirow": _boxed,
    "ensuremath": lambda writer, place: writer.ensure_math(place),
}
