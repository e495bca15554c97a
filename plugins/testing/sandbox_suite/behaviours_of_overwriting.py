"""What may lie or be written over what: inputs over one another, and a program's files over inputs and folders."""

from __future__ import annotations

import json

from peercycle.core.sandboxing import DataSpec
from peercycle.plugins.testing.sandbox_suite.ground import TELL, Ground, refused, unless
from peercycle.plugins.testing.sandbox_suite.rows import behaviour


@behaviour
async def an_input_over_a_folder_is_refused(ground: Ground) -> list[str]:
    """A file where another input, or data, needs a folder; either may come first. What ends in `/` names a folder."""
    ref = await ground.artifacts.put(b"x")
    data = (DataSpec(name="x", kind="artifact", source=ref),)
    found = []
    for files in ({"a": ref, "a/b": ref}, {"a/b": ref, "a": ref}, {"a/b/c": ref, "a": ref}):
        found += await refused(ground, "a", naming="a", files=files)
    for name in ("a/", "a//b", ".", "./a", "a/."):
        found += await refused(ground, name, naming=name, files={name: ref})
    found += await refused(ground, "data", naming="data", files={"data": ref}, data=data)
    return found + await refused(ground, "data/x", naming="data/x", files={"data/x/y": ref}, data=data)


@behaviour
async def two_inputs_of_one_name_are_refused(ground: Ground) -> list[str]:
    """A file and data, or a file and the script: neither is silently put in the other's place."""
    ref, other = await ground.artifacts.put(b"file"), await ground.artifacts.put(b"data")
    data = (DataSpec(name="x", kind="artifact", source=other),)
    found = await refused(ground, "data/x", naming="data/x", files={"data/x": ref}, data=data)
    found += await refused(ground, "x", naming="x", data=data * 2)
    try:
        ground.request("", argv=(), script=other, files={"script.py": ref})
    except ValueError as error:
        return found + unless("script.py" in str(error), f"a second script.py is refused by {error}")
    return [*found, "a file took the script's place, or the script a file's"]


@behaviour
async def an_input_of_too_long_a_name_is_refused(ground: Ground) -> list[str]:
    """No file system keeps a name of 256 bytes; letters of two bytes count as two."""
    ref = await ground.artifacts.put(b"x")
    longest = "ü" * 127 + "x"
    said = await ground.said("import os; print(len(os.fsencode(*os.listdir('a'))))", files={f"a/{longest}": ref})
    found = unless(said == "255", f"a name of 255 bytes arrived as one of {said}")
    for name in ("x" * 256, "ü" * 128, "a/" + "x" * 256 + "/b", "/".join(["x" * 250] * 5)):
        found += await refused(ground, name, naming=name, files={name: ref})
    return found


@behaviour
async def what_is_written_again_comes_out_as_it_was_last(ground: Ground) -> list[str]:
    """Text over longer text, bytes that are no text, by writing anew and by putting another file in its place."""
    result = await ground.run(
        "import os\n"
        "for name, first, last in (('text', b'a longer text', b'altered'), ('bytes', b'\\xc3\\x28', b'\\xc3\\x29')):\n"
        "    for body in (first, last): open(name, 'wb').write(body)\n"
        "    for body in (first, last): open('new', 'wb').write(body); os.replace('new', name + '-replaced')",
        outputs=("**",),
    )
    wanted = {n: b for name, b in (("text", b"altered"), ("bytes", b"\xc3\x29")) for n in (name, f"{name}-replaced")}
    return unless(await ground.bodies(result) == wanted, f"{[o.path for o in result.outputs]}, {result.stderr.text}")


@behaviour
async def a_file_is_not_written_over_a_folder(ground: Ground) -> list[str]:
    """Neither over one of its own nor over one of inputs: `IsADirectoryError`, which names it."""
    program = (
        "os.mkdir('own')\nopen('mine', 'w').close()\n"
        "for name in ('own', 'given'):\n    for mode in ('w', 'wb'): tell(name + mode, lambda: open(name, mode))\n"
        "tell('replace', lambda: os.replace('mine', 'own'))\nprint(json.dumps(said))"
    )
    files = {"given/in.txt": await ground.artifacts.put(b"given")}
    said = json.loads(await ground.said(TELL + program, files=files))
    wanted = {n + mode: ["IsADirectoryError", n, None] for n in ("own", "given") for mode in ("w", "wb")}
    wanted["replace"] = ["IsADirectoryError", "mine", "own"]
    return unless(said == wanted, f"it says {said}")


@behaviour
async def an_input_is_not_written_over(ground: Ground) -> list[str]:
    """Whatever way is tried, an error names the input, and it reads as it was given."""
    program = """
open("mine", "w").write("mine")
ways = {
    "text": lambda: open("in.txt", "w"), "bytes": lambda: open("in.txt", "wb"), "append": lambda: open("in.txt", "a"),
    "truncate": lambda: os.truncate("in.txt", 0), "mode": lambda: os.chmod("in.txt", 0o666),
    "remove": lambda: os.remove("in.txt"), "replace": lambda: os.replace("mine", "in.txt"),
    "move": lambda: os.rename("in.txt", "away"), "beside": lambda: open("pkg/in.txt", "w"),
}
for name, do in ways.items():
    tell(name, do)
print(json.dumps([said, open("in.txt").read(), open("mine").read()]))
"""
    files = {"in.txt": await ground.artifacts.put(b"given"), "pkg/a.txt": await ground.artifacts.put(b"a")}
    said, body, mine = json.loads(await ground.said(TELL + program, files=files))
    got = [name for name, error in said.items() if error == "done"]
    unnamed = [name for name, error in said.items() if not {"in.txt", "pkg/in.txt"} & set(error)]
    return [
        *unless(not got, f"it could {', '.join(got)}"),
        *unless(not unnamed, f"the error does not name the input: {unnamed}"),
        *unless((body, mine) == ("given", "mine"), f"the input reads {body!r}"),
    ]
