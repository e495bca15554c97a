"""The snippets of README.md and docs/ run, file by file, from top to bottom.

```python       runs in one namespace per file; `await` may stand at the top level
```bash         runs as it stands
```console      runs its `$ ` lines (a line may end in a backslash); the rest is what they print
Other fences are prose. `no-run: REASON` after the language excludes a snippet; it is then skipped by name.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
KINDS = {"python": "python", "bash": "shell", "sh": "shell", "console": "shell"}
NOT_COPIED = shutil.ignore_patterns(".git", ".venv*", "__pycache__", "runs", ".*_cache", "dist", "build", "tests")
LIMIT_S = 300

# Runs the steps of one page in one process, so that a later snippet sees what an earlier one made.
DRIVER = """
import ast, asyncio, inspect, json, subprocess, sys
names = {"__name__": "__main__"}
for step in json.load(open(sys.argv[1])):
    place = f"{step['page']}:{step['line']}"
    print(f"--- {place}", flush=True)
    if step["kind"] == "python":
        source = "\\n" * step["line"] + step["code"]
        code = compile(source, step["page"], "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if code.co_flags & inspect.CO_COROUTINE:
            asyncio.run(eval(code, names))
        else:
            exec(code, names)
    else:
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", step["code"]], stdin=subprocess.DEVNULL)
        if done.returncode:
            sys.exit(f"{place}: exit code {done.returncode}")
"""


@dataclass(frozen=True, slots=True)
class Snippet:
    """A fenced block that could run: the line of its opening fence, and why it is left out (None: it runs)."""

    page: str
    line: int
    kind: str
    code: str
    why_not: str | None


def snippets(text: str, page: str) -> list[Snippet]:
    """The runnable blocks of a Markdown text, in order."""
    found: list[Snippet] = []
    opening: re.Match[str] | None = None
    start, body = 0, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        if opening is None:
            opening = re.match(r"^(?P<indent> *)(?P<fence>`{3,})(?P<language>[\w+-]*) *(?P<rest>.*)$", line)
            start, body = number, []
        elif line.strip().startswith(opening["fence"]) and not line.strip().strip("`"):
            found += _snippet(opening, body, page, start)
            opening = None
        else:
            body.append(line.removeprefix(opening["indent"]))
    return found


def _snippet(opening: re.Match[str], body: list[str], page: str, line: int) -> list[Snippet]:
    kind = KINDS.get(opening["language"])
    if kind is None:
        return []
    excluded = re.match(r"no-run\b[:=\s]*(.*)", opening["rest"])
    code = "\n".join(_commands(body) if opening["language"] == "console" else body)
    why_not = excluded[1].strip(' "') if excluded else None
    return [Snippet(page, line, kind, code, why_not)] if code.strip() else []


def _commands(body: list[str]) -> list[str]:
    """What a reader would type: the lines after `$ `, with their continuations."""
    commands: list[str] = []
    for line in body:
        if line.startswith("$ "):
            commands.append(line[2:])
        elif commands and commands[-1].endswith("\\"):
            commands.append(line.removeprefix("> "))
        # Anything else was printed. It ends a command that asked for no more.
        elif commands and commands[-1]:
            commands.append("")
    return commands


def run(steps: list[Snippet], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the snippets in the folder, with this interpreter's commands first on PATH."""
    plan = folder.parent / "steps.json"
    plan.write_text(json.dumps([asdict(step) for step in steps]))
    environment = os.environ | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "MPLBACKEND": "Agg",
        # What a snippet imports must not be searched by whoever runs the tests.
        "XDG_DATA_HOME": str(folder.parent / "data"),
        # The PDF costs a snippet more than all the rest of its run; the tests of the exporters make it.
        "PEERCYCLE_RUN__EXPORTERS": '["latex", "html", "report"]',
    }
    return subprocess.run(
        [sys.executable, "-P", "-c", DRIVER, str(plan)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


FOUND = [s for page in PAGES for s in snippets(page.read_text(encoding="utf-8"), str(page.relative_to(ROOT)))]
EXCLUDED = [each for each in FOUND if each.why_not is not None]


@pytest.mark.timeout(LIMIT_S + 20)
@pytest.mark.parametrize("page", sorted({each.page for each in FOUND if each.why_not is None}))
def test_the_snippets_of_a_page_run(page: str, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT, checkout, symlinks=True, ignore=NOT_COPIED)
    done = run([each for each in FOUND if each.page == page and each.why_not is None], checkout)
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"


def test_a_snippet_is_left_out_only_for_a_reason() -> None:
    assert [f"{each.page}:{each.line}" for each in EXCLUDED if not each.why_not] == []
    if EXCLUDED:
        listed = "; ".join(f"{each.page}:{each.line} {each.why_not}" for each in EXCLUDED)
        pytest.skip(f"{len(EXCLUDED)} snippets are marked no-run: {listed}")


PAGE = """
```python
import asyncio
x = 20
await asyncio.sleep(0)
```
1. a list
   ```console
   $ echo "one \\
   > two" > a.txt
   printed, not typed
   $ python -c "print(1)" >> a.txt
   ```
```bash no-run: needs a key
false
```
````text
```python
raise SystemExit(3)
```
````
```python
assert open("a.txt").read() == "one two\\n1\\n" and x == 20
```
"""


def test_snippets_share_a_folder_and_a_namespace(tmp_path: Path) -> None:
    found = snippets(PAGE, "page.md")
    assert [(each.kind, each.line, each.why_not) for each in found] == [
        ("python", 2, None),
        ("shell", 8, None),
        ("shell", 14, "needs a key"),
        ("python", 22, None),
    ]
    (tmp_path / "in").mkdir()
    done = run([each for each in found if each.why_not is None], tmp_path / "in")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```python\n1 / 0\n```", "page.md"),
        ("```bash\nfalse | true\n```", "page.md:1: exit code 1"),
        ("```console\n$ false\nsaid\n$ true\n```", "page.md:1: exit code 1"),
        ("```python\nassert False\n```\n```python\n```", "AssertionError"),
    ],
)
def test_a_snippet_that_fails_is_found(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "in").mkdir()
    done = run(snippets(text, "page.md"), tmp_path / "in")
    assert done.returncode != 0
    assert message in done.stderr


def test_no_run_without_a_reason_is_found() -> None:
    [snippet] = snippets("```bash no-run\nfalse\n```", "page.md")
    assert snippet.why_not == ""
