"""Prompts as Jinja files beside the code that asks them. An undefined name is an error, never a blank."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined

from peercycle.core.base import sha256_hex


@cache
def _environment(package: str) -> Environment:
    folder = files(package) / "prompts"
    sources = {item.name: item.read_text(encoding="utf-8") for item in folder.iterdir() if item.name.endswith(".j2")}
    # No autoescape: prompts are plain text. What is not ours goes through `data`.
    environment = Environment(  # noqa: S701
        loader=DictLoader(sources), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["data"] = data
    return environment


def render(package: str, name: str, **values: Any) -> str:
    """Return the prompt `prompts/NAME.j2` of a package with its values filled in."""
    return _environment(package).get_template(f"{name}.j2").render(**values).strip()


def data(text: str, kind: str) -> str:
    """Return text from elsewhere between marks that name it as data.

    The marks carry a hash of the text: what is written in it cannot close them.
    """
    mark = f"{kind} {sha256_hex(text.encode('utf-8', 'replace'))[:16]}"
    return f"<<<DATA {mark}\n{text.strip()}\nDATA {mark}>>>"
