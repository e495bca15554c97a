"""The import table of the house, held for every module: imports inside functions too."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

# Who may import whom. A room may always import itself.
TABLE: dict[str, set[str]] = {
    "core": set(),
    "store": {"core"},
    "export": {"core", "store"},
    "sandbox": {"core"},
    "agents": {"core", "store"},
    "plugins": {"core"},
    "graphs": {"core", "store", "plugins"},
    "trainers": {"core", "store"},
    "trainers.loop": {"core", "store", "graphs", "trainers"},
}
# Thin registrations and faces: they import every room, inside functions, and nothing imports them.
LEAVES = {"plugins.builtin", "plugins.testing", "cli", "api", "", "__main__"}
# What a leaf may import from a room while it is itself imported, besides core.
MARKERS = {"hookimpl", "hookspec"}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "misc", "common"}
LONGEST_MODULE = 350


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name: `target` is its dotted path below `peercycle`, empty for the package itself."""

    target: str
    line: int
    deferred: bool  # inside a function, or for type checkers only
    relative: bool = False

    @property
    def name(self) -> str:
        return self.target.rpartition(".")[2]


def room_of(dotted: str) -> str | None:
    """The room of a dotted path below `peercycle`: the longest one that holds it; None if no room does."""
    for room in sorted(TABLE.keys() | LEAVES - {""}, key=len, reverse=True):
        if dotted == room or dotted.startswith(room + "."):
            return room
    return "" if "." not in dotted else None


def modules(package: Path) -> Iterator[tuple[str, Path]]:
    """Every module below the package with its dotted path, through the links to the rooms."""
    for folder, folders, files in os.walk(package, followlinks=True):
        folders[:] = sorted(set(folders) - {"__pycache__"})
        for file in sorted(files):
            path = Path(folder, file)
            if path.suffix == ".py":
                parts = path.relative_to(package).with_suffix("").parts
                yield ".".join(part for part in parts if part != "__init__"), path


class _Imports(ast.NodeVisitor):
    def __init__(self) -> None:
        self.found: list[Import] = []
        self.deferred = False

    def _within_deferred(self, nodes: list[ast.stmt]) -> None:
        outside, self.deferred = self.deferred, True
        for node in nodes:
            self.visit(node)
        self.deferred = outside

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._within_deferred(node.body)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._within_deferred(node.body)

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            self._within_deferred(node.body)
            for statement in node.orelse:
                self.visit(statement)
        else:
            self.generic_visit(node)

    def _add(self, dotted: str, line: int, *, relative: bool = False) -> None:
        root, _, below = dotted.partition(".")
        if relative or root == "peercycle":
            self.found.append(Import(below, line, self.deferred, relative))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(alias.name, node.lineno)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self._add(f"{node.module or ''}.{alias.name}", node.lineno, relative=node.level > 0)

    def visit_Call(self, node: ast.Call) -> None:
        called = ast.unparse(node.func).rpartition(".")[2]
        if called in {"import_module", "__import__"} and node.args and isinstance(node.args[0], ast.Constant):
            self._add(str(node.args[0].value), node.lineno)
        self.generic_visit(node)


def imports(path: Path) -> list[Import]:
    visitor = _Imports()
    visitor.visit(ast.parse(path.read_text(encoding="utf-8"), filename=str(path)))
    return visitor.found


def objection(room: str, found: Import) -> str | None:
    """Why this room may not import this, or None."""
    if found.relative:
        return "relative import"
    target = room_of(found.target)
    if target == room or (room, target) in {("__main__", "cli"), ("", "api"), ("cli", "api"), ("cli", "")}:
        return None
    if target is None:
        return "in no room of the table"
    if target in LEAVES:
        if target == "" and found.name == "__version__":
            return None
        if room in LEAVES and target == "" and found.name in MARKERS | {"__version__"}:
            return None  # a plugin is written as a third party would: from peercycle import hookimpl
        return "nothing imports a leaf"
    if room in LEAVES:
        if found.deferred or target == "core" or (target == "plugins" and found.name in MARKERS):
            return None
        return "a leaf imports rooms inside functions"
    return None if target in TABLE[room] else f"{room} may import only {sorted(TABLE[room])}"


def offences(package: Path) -> list[str]:
    """Every breach of the house's rules below this package, one line each."""
    found: list[str] = []
    for dotted, path in modules(package):
        room = room_of(dotted)
        where = path.relative_to(package)
        if room is None or (room == "" and dotted):
            found.append(f"{where}: in no room of the table")
            continue
        for part in sorted(FORBIDDEN_NAMES & set(dotted.split("."))):
            found.append(f"{where}: no file or room is named {part!r}")
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > LONGEST_MODULE:
            found.append(f"{where}: {lines} lines, more than {LONGEST_MODULE}: split it by idea")
        for each in imports(path):
            if why := objection(room, each):
                found.append(f"{where}:{each.line}: imports {each.target or 'peercycle'!r}: {why}")
    return found


def test_every_module_keeps_to_the_import_table(repository: Path) -> None:
    package = repository / "src" / "peercycle"
    rooms = {room_of(dotted) for dotted, _ in modules(package)}
    assert {"core", "store", "export", "sandbox", "agents", "plugins", "graphs", "trainers"} <= rooms
    assert offences(package) == []


GOOD = {
    "__init__.py": "def research():\n    from peercycle.graphs import driver\n",
    "__main__.py": "from peercycle.cli.main import main\n",
    "cli/main.py": "from peercycle.core.errors import X\ndef run():\n    import peercycle.graphs.driver\n",
    "plugins/builtin/a.py": "from peercycle import hookimpl\nfrom peercycle.plugins.a import hookimpl\n",
    "trainers/loop/a.py": "import peercycle.graphs.driver\nfrom peercycle.trainers import pairs\n",
    "graphs/a.py": "from peercycle import core, store, plugins\nfrom peercycle.graphs.b import c\n",
    "core/a.py": "import json\nimport peercycle_other.agents\n",
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for name, text in GOOD.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_a_tree_that_keeps_the_rules_is_passed(package: Path) -> None:
    assert offences(package) == []


@pytest.mark.parametrize(
    ("module", "text", "message"),
    [
        ("core/bad.py", "import peercycle.store", "core may import only []"),
        ("store/bad.py", "from peercycle.agents import models", "store may import only ['core']"),
        ("store/bad.py", "from peercycle import agents", "store may import only"),
        ("export/bad.py", "import peercycle.sandbox.limits", "export may import only"),
        ("sandbox/bad.py", "import peercycle.store", "sandbox may import only"),
        ("agents/bad.py", "def f():\n    from peercycle.graphs import driver", "agents may import only"),
        (
            "agents/bad.py",
            "async def f():\n    from peercycle.graphs import driver",
            "agents may import only",
        ),
        ("agents/bad.py", "class A:\n    import peercycle.plugins.manager", "agents may import only"),
        (
            "agents/bad.py",
            "try:\n    import peercycle.graphs\nexcept ImportError:\n    pass",
            "agents may import",
        ),
        (
            "agents/bad.py",
            "import importlib\nimportlib.import_module('peercycle.graphs')",
            "agents may import",
        ),
        ("plugins/bad.py", "from peercycle.agents import models", "plugins may import only"),
        ("plugins/bad.py", "from peercycle.plugins import builtin", "nothing imports a leaf"),
        ("graphs/bad.py", "import peercycle.trainers.pairs", "graphs may import only"),
        ("graphs/bad.py", "from peercycle import research", "nothing imports a leaf"),
        ("graphs/bad.py", "import peercycle.cli.main", "nothing imports a leaf"),
        (
            "graphs/bad.py",
            "if TYPE_CHECKING:\n    from peercycle.agents import models",
            "graphs may import only",
        ),
        ("trainers/bad.py", "from peercycle.trainers.loop import a", "trainers may import only"),
        ("trainers/bad.py", "import peercycle.graphs", "trainers may import only"),
        ("cli/bad.py", "import peercycle.graphs.driver", "inside functions"),
        ("cli/bad.py", "class A:\n    import peercycle.graphs.driver", "inside functions"),
        ("plugins/builtin/bad.py", "from peercycle.plugins.manager import Plugins", "inside functions"),
        ("plugins/testing/bad.py", "def f():\n    from peercycle.plugins.builtin import a", "imports a leaf"),
        ("agents/bad.py", "from . import models", "relative import"),
        ("agents/bad.py", "from ..core import errors", "relative import"),
        ("agents/utils.py", "", "named 'utils'"),
        ("agents/helpers/bad.py", "", "named 'helpers'"),
        ("agents/bad.py", "\n" * 351, "351 lines"),
        ("evals/bad.py", "", "in no room"),
        ("loose.py", "", "in no room"),
    ],
)
def test_a_breach_is_found(package: Path, module: str, text: str, message: str) -> None:
    path = package / module
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    found = offences(package)
    assert len(found) == 1
    assert module in found[0]
    assert message in found[0]


def test_rooms_are_found_through_links(package: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("room")
    (elsewhere / "bad.py").write_text("import peercycle.graphs")
    (package / "sandbox").symlink_to(elsewhere)
    assert offences(package) == ["sandbox/bad.py:1: imports 'graphs': sandbox may import only ['core']"]
