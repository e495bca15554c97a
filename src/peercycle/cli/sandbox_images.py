"""`peercycle sandbox build`, `import` and `prepare`: what executions stand on, made before any of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from peercycle.cli.loops import wait_for
from peercycle.cli.output import print_json, say
from peercycle.cli.parameters import AsJson, SettingOverrides

if TYPE_CHECKING:
    from peercycle.sandbox.containers.settings import DockerSettings

Tag = Annotated[
    str | None, typer.Option("--tag", metavar="NAME:TAG", help="What to call it.", show_default="the setting `image`")
]
Requirements = Annotated[
    Path | None, typer.Option("--requirements", metavar="LOCK", help="Requirements, each with its hashes.")
]


def build(
    *,
    tag: Tag = None,
    dockerfile: Annotated[
        Path | None, typer.Option("--dockerfile", metavar="FILE", help="The recipe.", show_default="Debian's Python")
    ] = None,
    requirements: Requirements = None,
    with_tex: Annotated[bool, typer.Option("--with-tex", help="Put TeX in too (build argument TEX).")] = False,
    network: Annotated[str, typer.Option(metavar="NAME", help="The network of the build.")] = "default",
    set_: SettingOverrides = None,
    as_json: AsJson = False,
) -> None:
    """Build the image that Docker runs programs in.

    The requirements are in the build as requirements.lock; each must be name==version with its hashes.
    """
    from peercycle.sandbox.containers import images

    settings = _settings(set_)
    name = tag or settings.image
    made, said = images.build(settings, name, dockerfile, requirements, tex=with_tex, network=network)
    _tell(settings, name, made, said, as_json=as_json)


def import_tree(
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="The root of a directory tree, as debootstrap makes.")],
    *,
    tag: Tag = None,
    set_: SettingOverrides = None,
    as_json: AsJson = False,
) -> None:
    """Make the image of a directory tree.

    For machines that cannot pull. Such as `debootstrap --variant=minbase --include=python3 bookworm ROOT` makes.
    """
    from peercycle.sandbox.containers import images

    settings = _settings(set_)
    name = tag or settings.image
    _tell(settings, name, images.import_tree(settings, root, name), [], as_json=as_json)


def prepare(
    *,
    backend: Annotated[
        str | None,
        typer.Option("--backend", metavar="NAME", help="Which sandbox.", show_default="the first that passes"),
    ] = None,
    environment: Annotated[
        str, typer.Option(help="What to install: base, scientific, tex or pandoc.")
    ] = "scientific",
    require: Annotated[
        list[str] | None, typer.Option("--require", metavar="NAME==VERSION", help="Install it too; may be repeated.")
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="NAME=SOURCE", help="Fetch a FILE, URL#sha256=… or hf:OWNER/NAME@REVISION."),
    ] = None,
    set_: SettingOverrides = None,
    as_json: AsJson = False,
) -> None:
    """Install packages and fetch data, with the network, so that runs need none.

    URLs are fetched from hosts that the sandbox's setting `fetch.hosts` names.
    """
    from peercycle.cli import entering, materials

    specs = materials.read_data(data or ())
    plugins, tables = entering.components(set_)

    async def work(sandbox: Any) -> Any:
        return await materials.prepare(sandbox, environment, tuple(require or ()), specs)

    built, records = wait_for(entering.in_first_that_passes(plugins, tables, backend, work))
    if as_json:
        print_json(
            {"environment": built.model_dump(mode="json"), "data": [r.model_dump(mode="json") for r in records]}
        )
    else:
        for line in materials.lines(built, records):
            say(line)


def _settings(overrides: list[str] | None) -> DockerSettings:
    from peercycle.cli import entering

    plugins, tables = entering.components(overrides)
    made: Any = plugins.create("sandboxes", "docker", tables.get("docker", {}))
    settings: DockerSettings = made.settings
    return settings


def _tell(settings: DockerSettings, name: str, made: str, said: list[str], *, as_json: bool) -> None:
    """Say what an image holds, as a container of it says: an image that runs nothing is an error now, not tonight."""
    from peercycle.sandbox.containers.facts import facts_of

    _, facts = facts_of(settings.model_copy(update={"image": name}))
    python = ".".join(map(str, facts.version))
    if as_json:
        print_json({"image": name, "id": made, "python": python, "tex": facts.tex or None, "log": said})
        return
    for line in said:
        say(line)
    say(f"image {name} ({made}): Python {python}, {facts.tex or 'no TeX'}")
