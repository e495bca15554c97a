"""Templates: everything that is put into one is escaped, unless a template says that it is markup already."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from peercycle.export.shown import FILTERS

    environment = Environment(
        loader=PackageLoader("peercycle.export", "templates"),
        autoescape=lambda name: name is not None and ".html" in name,  # noqa: S701 - Markdown escapes with `md`
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(FILTERS)
    return environment


def render(template: str, **values: Any) -> str:
    """Return a template of this package, filled."""
    return _environment().get_template(template).render(**values)
