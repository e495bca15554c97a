"""`peercycle literature source`: the source of a paper on arXiv, as files."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from peercycle.cli.loops import answer_of
from peercycle.cli.output import print_json, say, warn
from peercycle.cli.parameters import AsJson, SettingOverrides

if TYPE_CHECKING:
    from peercycle.agents.literature.arxiv.eprint import Eprint

PATIENCE = {"deadline_s": 120.0, "question_s": 300.0}
"""A source may have 50 MB: the defaults of this command alone."""


def source(
    paper: Annotated[str, typer.Argument(metavar="ARXIV_ID", help="Such as 2101.00001 or hep-th/9901001v2.")],
    *,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A new or empty folder.", show_default="arxiv-ID")
    ] = None,
    set_: SettingOverrides = None,
    as_json: AsJson = False,
) -> None:
    """Fetch the source of a paper from arXiv, and unpack it safely.

    Only regular files are written; links and files that tools obey are left out, and named. A paper without a source
    comes as its PDF.
    """
    target = out if out is not None else Path("arxiv-" + re.sub(r"[^A-Za-z0-9.]+", "-", paper).strip("-.")[:80])
    _require_empty(target)
    eprint = answer_of(_fetch(paper, set_))
    _write(eprint, target)
    _tell(eprint, target, as_json=as_json)


def _require_empty(target: Path) -> None:
    from peercycle.core.errors import UsageError

    if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
        raise UsageError(f"{str(target)!r} is there already and not an empty folder; give another with --out")


async def _fetch(paper: str, overrides: list[str] | None) -> Eprint:
    from peercycle.cli import configuring

    settings = configuring.read_settings(overrides)
    plugins = configuring.load_plugins(settings)
    table = configuring.component_tables(settings, plugins).get("literature", {}).get("arxiv", {})
    made: Any = plugins.create("literature", "arxiv", {**PATIENCE, **table})
    async with made as arxiv:
        eprint: Eprint = await arxiv.eprint(paper)
        return eprint


def _write(eprint: Eprint, target: Path) -> None:
    """Write the files beside the target, and put them there when all are whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(dir=target.parent, prefix=".peercycle-source-"))
    try:
        making.chmod(0o755)
        for name, content in eprint.files.items():
            path = making / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(content)
        _require_empty(target)
        making.replace(target)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _tell(eprint: Eprint, target: Path, *, as_json: bool) -> None:
    main = eprint.main()
    if as_json:
        left_out = [{"name": name, "why": why} for name, why in eprint.left_out]
        print_json(
            {
                "path": str(target),
                "kind": eprint.kind,
                "main": main,
                "files": sorted(eprint.files),
                "left_out": left_out,
            }
        )
        return
    for name, why in eprint.left_out:
        warn(f"warning: left out {name!a}: {why}")
    if eprint.kind == "pdf":
        say(f"arXiv has no source of this paper, only a PDF: {target / next(iter(eprint.files))}")
        return
    number = len(eprint.files)
    say(f"{number} file{'s' if number > 1 else ''} in {target}" + (f"; the paper begins in {main}" if main else ""))
