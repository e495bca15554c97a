"""Environments of running text: lists, quotations, floats, theorems; tables and displays by their own writers."""

from __future__ import annotations

from peercycle.export.tidy import commands as known
from peercycle.export.tidy.text import Place, TextWriter, alike
from peercycle.export.tidy.tokens import Token


def write_environment(writer: TextWriter, place: Place) -> str:
    """Write the environment that begins here, its `\\begin` being read."""
    name = (writer.cursor.raw_text() or "").strip()
    if name in known.DISPLAYS:
        return _display(writer, name, place)
    if name in known.TABLES:
        from peercycle.export.tidy.tables import write_table

        return write_table(writer, name, place)
    if name in known.FLOATS and not (place.float or place.inline or place.cell):
        return _float(writer, name, place)
    if name in known.LISTS and not place.cell and not place.inline and place.lists < 4:
        return _list(writer, name, place)
    if name in known.QUOTES and not place.cell and not place.inline:
        body = _body(writer, name, place)
        return f"\n\\begin{{{name}}}\n{body.strip()}\n\\end{{{name}}}\n" if body.strip() else ""
    if name in known.THEOREMS and not place.cell and not place.inline:
        return _theorem(writer, name, place)
    if name not in known.UNFRAMED_ENVIRONMENTS | known.FLOATS:
        writer.ledger.remark(f"unknown environment {name[:40]!r}: its content is kept, its frame is not")
    for letter in known.UNFRAMED_ENVIRONMENTS.get(name, "o"):
        if letter == "o":
            writer.cursor.bracket()
        else:
            writer.cursor.raw_group()
    return _body(writer, name, place)


def _body(writer: TextWriter, name: str, place: Place, **changes: object) -> str:
    """Write up to the environment's end, and go beyond it."""
    inside = place.deeper(group=False, environments=(*place.environments, name), item=False, **changes)
    body = writer.flow(inside)
    close_environment(writer, name)
    return body


def close_environment(writer: TextWriter, name: str) -> None:
    """Go beyond `\\end{name}`; where another end, a brace or nothing comes instead, leave it for who opened it."""
    start = writer.cursor.place
    token = writer.cursor.peek()
    if token is not None and token.kind == "word" and token.text == "end":
        writer.cursor.place += 1
        found = (writer.cursor.raw_text() or "").strip()
        if found == name:
            return
        if alike(found, name):
            writer.repaired(f"\\end{{{found}}} is read as the end of {name!r}")
            return
        writer.cursor.place = start
    writer.repaired(f"environment {name[:40]!r} is never closed")


def _display(writer: TextWriter, name: str, place: Place) -> str:
    tokens: list[Token] = []
    if name.startswith("alignat"):
        writer.cursor.raw_group()
    cursor = writer.cursor
    while (token := cursor.peek()) is not None:
        start = cursor.place
        if token.kind == "word" and token.text == "end":
            cursor.place += 1
            if (cursor.raw_text() or "").strip() == name:
                return writer.display(tokens, name, place)
            cursor.place = start
        tokens.append(token)
        cursor.place = start + 1
        if len(tokens) > 4000:
            break
    cursor.place -= len(tokens)
    writer.repaired(f"environment {name!r} is never closed")
    return ""


def _float(writer: TextWriter, name: str, place: Place) -> str:
    writer.cursor.bracket()
    if name == "wrapfigure":
        writer.cursor.raw_group()
        writer.cursor.raw_group()
    kind = known.FLOATS[name]
    body = _body(writer, name, place, float=kind)
    return f"\n\n\\begin{{{kind}}}[htbp]\n\\centering\n{_without_paragraphs(body)}\n\\end{{{kind}}}\n\n"


def _without_paragraphs(body: str) -> str:
    return "\n".join(line for line in body.split("\n") if line.strip()).replace("\\centering \n", "\n")


def _theorem(writer: TextWriter, name: str, place: Place) -> str:
    bracket = writer.cursor.bracket()
    title = writer.inner(bracket, place) if bracket is not None else ""
    number = "" if name == "proof" else writer.ledger.numbered("theorem")
    body = _body(writer, name, place)
    return writer.target.theorem(known.THEOREMS[name], number, title, body.strip())


def _list(writer: TextWriter, name: str, place: Place) -> str:
    writer.cursor.bracket()
    inside = place.deeper(group=False, environments=(*place.environments, name), lists=place.lists + 1)
    items: list[str] = []
    while (token := writer.cursor.peek()) is not None:
        if token.kind == "word" and token.text == "item":
            writer.cursor.place += 1
            bracket = writer.cursor.bracket()
            head = "" if bracket is None else f"[{{{writer.inner(bracket, place)}}}]"
            items.append(f"\\item{head} {unbracketed(_until_item(writer, inside).strip())}")
            continue
        before = writer.cursor.place
        loose = _until_item(writer, inside).strip()
        if loose:
            items.append(f"\\item {unbracketed(loose)}")
        if writer.cursor.place == before:
            break
    close_environment(writer, name)
    if not items:
        return ""
    return f"\n\\begin{{{name}}}\n" + "\n".join(items) + f"\n\\end{{{name}}}\n"


def unbracketed(text: str) -> str:
    """Return text that the command before it does not take for an optional argument."""
    return "{}" + text if text.startswith(("[", "*")) else text


def _until_item(writer: TextWriter, place: Place) -> str:
    return writer.flow(place.deeper(item=True))
