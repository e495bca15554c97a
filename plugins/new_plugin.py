"""Write a third-party project that works as written: `peercycle new-plugin NAME --kind reward`."""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal, get_args

from peercycle.core.errors import UsageError

PluginKind = Literal["policy", "reviewer", "reward", "literature", "sandbox", "stage", "exporter", "trainer", "model"]
PLUGIN_KINDS: tuple[PluginKind, ...] = get_args(PluginKind)


@dataclass(frozen=True, slots=True)
class _Words:
    """How a kind is called in hooks, in the manager and in its contract."""

    plural: str
    contract: str
    method: str


_WORDS: dict[PluginKind, _Words] = {
    "policy": _Words("policies", "PolicyContract", "policy"),
    "reviewer": _Words("reviewers", "ReviewerContract", "reviewer"),
    "reward": _Words("rewards", "RewardContract", "reward"),
    "literature": _Words("literature", "LiteratureContract", "source"),
    "sandbox": _Words("sandboxes", "SandboxContract", "sandbox"),
    "stage": _Words("stages", "StageContract", "stage"),
    "exporter": _Words("exporters", "ExporterContract", "exporter"),
    "trainer": _Words("trainers", "TrainerContract", "trainer"),
    "model": _Words("models", "ModelContract", "language_model"),
}


def create_project(name: str, kind: str, target: Path) -> list[Path]:
    """Write a project for a plugin of one kind into `target`, and return its files.

    The project appears whole or not at all. Raises `UsageError` for a name that is no name, an unknown kind, and
    a target that is there already and not empty.
    """
    kinds: dict[str, PluginKind] = {each: each for each in PLUGIN_KINDS}
    known = kinds.get(kind)
    if known is None:
        raise UsageError(f"no kind of plugin is called {kind!r}; kinds: {', '.join(PLUGIN_KINDS)}")
    short = name.removeprefix("peercycle-")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", short):
        raise UsageError(f"the name {name!r} is not lower-case letters and digits with hyphens between them")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{str(target)!r} is there already; give another folder, or remove it")
    files = _rendered(short, known)
    _write(files, target)
    return [target / path for path in files]


def _rendered(short: str, kind: PluginKind) -> dict[str, str]:
    """Return the project's files by relative path."""
    from jinja2 import Environment, StrictUndefined

    from peercycle import __version__

    words, module = _WORDS[kind], f"peercycle_{short.replace('-', '_')}"
    values = {
        "name": short,
        "kind": kind,
        "identifier": short.replace("-", "_"),
        "distribution": f"peercycle-{short}",
        "module": module,
        "class_name": "".join(part.capitalize() for part in short.split("-")),
        "hook": f"register_{words.plural}",
        "plural": words.plural,
        "contract": words.contract,
        "method": words.method,
        "version": __version__,
    }
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, autoescape=False)  # noqa: S701 - Python
    templates = {
        "pyproject.toml": "pyproject.toml.j2",
        "README.md": "README.md.j2",
        f"src/{module}/__init__.py": "plugin.py.j2",
        f"src/{module}/{kind}.py": f"components/{kind}.py.j2",
        f"tests/test_{module}.py": "test_plugin.py.j2",
    }
    folder = resources.files("peercycle.plugins") / "templates"
    rendered: dict[str, str] = {}
    for path, template in templates.items():
        source = folder.joinpath(template).read_text(encoding="utf-8")
        rendered[path] = environment.from_string(source).render(values).rstrip("\n") + "\n"
    return rendered


def _write(files: dict[str, str], target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".new-{target.name}-", dir=target.parent))
    except OSError as error:
        raise UsageError(f"{str(target)!r} cannot be written: {error.strerror}") from None
    try:
        for path, text in files.items():
            (aside / path).parent.mkdir(parents=True, exist_ok=True)
            (aside / path).write_text(text, encoding="utf-8")
        aside.chmod(0o755)
        aside.replace(target)
    except OSError as error:
        raise UsageError(f"{str(target)!r} cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
