"""What a program and its caller can rely on with files: what lies there, what may be written, what comes back."""

from __future__ import annotations

import hashlib
import json

from peercycle.core.errors import PeercycleError, RefusedRequestError
from peercycle.core.sandboxing import DataSpec
from peercycle.plugins.testing.sandbox_suite.ground import Ground, changed, unless
from peercycle.plugins.testing.sandbox_suite.rows import behaviour

INPUTS = {
    "plain.txt": b"text",
    "empty": b"",
    "binary": bytes(range(256)) * 64,
    "a/deep/path/to.txt": b"deep",
    "with space.txt": b"blank",
    "größe.txt": "ü".encode(),
    ".hidden": b"hidden",
    "-dash": b"dash",
}


@behaviour
async def inputs_arrive_byte_for_byte(ground: Ground) -> list[str]:
    """Text and binary, empty and deep, names with blanks, dots, dashes and letters of any kind."""
    files = {name: await ground.artifacts.put(body) for name, body in INPUTS.items()}
    said = await ground.said(
        "import hashlib, json, sys\nprint(json.dumps({n: hashlib.sha256(open(n, 'rb').read()).hexdigest() "
        "for n in json.loads(sys.argv[1])}))",
        json.dumps(sorted(files)),
        files=files,
    )
    wanted = {name: hashlib.sha256(body).hexdigest() for name, body in INPUTS.items()}
    return unless(json.loads(said) == wanted, f"they arrived as {said}")


@behaviour
async def a_large_input_arrives_whole(ground: Ground) -> list[str]:
    """Fifty megabytes, which are not the program's own and do not count as its disk space."""
    ref = await ground.artifacts.put(bytes(range(251)) * 208_880)
    program = "import hashlib; print(hashlib.file_digest(open('big', 'rb'), 'sha256').hexdigest())"
    said = await ground.said(program, files={"big": ref}, limits=changed(disk_mb=4))
    return unless(f"sha256:{said}" == ref, "fifty megabytes did not arrive whole")


@behaviour
async def a_large_output_comes_whole(ground: Ground) -> list[str]:
    """Fifty megabytes, where as many are allowed."""
    result = await ground.run(
        "open('big', 'wb').write(bytes(range(251)) * 208_880)", outputs=("big",), limits=changed(disk_mb=64)
    )
    hashes = [each.sha256 for each in result.outputs]
    wanted = hashlib.sha256(bytes(range(251)) * 208_880).hexdigest()
    return unless(hashes == [wanted], f"it ended {result.status}, and {len(hashes)} came: {result.refused}")


@behaviour
async def inputs_are_read_only(ground: Ground) -> list[str]:
    """And whoever tries to write one gets an error, and no half-written file."""
    result = await ground.run(
        "import os\nfor do in (lambda: open('in.txt', 'w'), lambda: os.remove('in.txt')):\n"
        "    try:\n        do(); print('done')\n    except OSError as e:\n        pass\nprint(open('in.txt').read())",
        files={"in.txt": await ground.artifacts.put(b"given")},
    )
    return unless(result.stdout.text == "given\n", f"it says {result.stdout.text!r}")


@behaviour
async def an_input_may_lie_beside_what_is_written(ground: Ground) -> list[str]:
    """The working directory itself can be written, with inputs in it."""
    result = await ground.run(
        "import os\nos.makedirs('out/deep'); open('out/deep/x', 'w').write('x'); open('y', 'w').write('y')\n"
        "os.rename('y', 'z'); os.remove('z'); print(sorted(os.listdir('.')))",
        files={"in.txt": await ground.artifacts.put(b"given")},
    )
    return unless(result.stdout.text == "['in.txt', 'out']\n", f"{result.stdout.text!r} {result.stderr.text[-300:]}")


@behaviour
async def the_working_directory_is_where_it_starts(ground: Ground) -> list[str]:
    """An absolute path that is the same for every program, empty but for the inputs."""
    said = [await ground.said("import os; print(os.getcwd(), os.listdir('.'))") for _ in range(2)]
    return unless(said[0] == said[1] and said[0].endswith(" []") and said[0][0] == "/", f"{said}")


@behaviour
async def a_file_of_many_names_takes_its_space_once(ground: Ground) -> list[str]:
    """Nine megabytes under twenty names, where sixteen are allowed."""
    program = "import os\nopen('a', 'wb').write(os.urandom(9 << 20))\nfor n in range(19): os.link('a', f'b{n}')\n"
    result = await ground.run(program + "import time; time.sleep(0.5)", limits=changed(disk_mb=16, files=200))
    return unless(result.status == "ok", f"it ended {result.status}")


@behaviour
async def bad_input_paths_are_refused(ground: Ground) -> list[str]:
    """One that climbs, an absolute one, an empty one, one that is a file and a folder at once."""
    ref = await ground.artifacts.put(b"x")
    found = []
    for files in ({"../x": ref}, {"/x": ref}, {"": ref}, {"a/../../b": ref}, {"a": ref, "a/b": ref}, {"x\ny": ref}):
        try:
            await ground.run("print('ran')", files=files)
        except RefusedRequestError:
            continue
        found.append(f"{sorted(files)} was taken")
    return found


@behaviour
async def an_input_that_is_not_stored_is_an_error(ground: Ground) -> list[str]:
    """Nothing is run without one of its inputs."""
    try:
        await ground.run("print('ran')", files={"x": "sha256:" + "0" * 64})
    except PeercycleError:
        return []
    return ["a program ran without its input"]


@behaviour
async def declared_files_come_out_and_no_others(ground: Ground) -> list[str]:
    """By globs, `**` over folders; each with its path, size and hash."""
    result = await ground.run(
        "import os\nos.makedirs('out/deep')\n"
        "for p in ('out/a.json', 'out/deep/b.json', 'out/c.txt', 'd.json'): open(p, 'w').write(p)",
        outputs=("out/**/*.json",),
    )
    bodies = await ground.bodies(result)
    hashes = {each.path: each.sha256 for each in result.outputs}
    wanted = {name: name.encode() for name in ("out/a.json", "out/deep/b.json")}
    return [
        *unless(bodies == wanted, f"what came is {bodies}"),
        *unless([each.size for each in result.outputs] == [10, 15], "the sizes are wrong"),
        *unless(hashes == {n: hashlib.sha256(b).hexdigest() for n, b in wanted.items()}, "the hashes are wrong"),
    ]


@behaviour
async def outputs_come_byte_for_byte(ground: Ground) -> list[str]:
    """Binary, empty, with a blank and with letters of any kind in the name."""
    result = await ground.run(
        "for n, b in (('binary', bytes(range(256)) * 99), ('empty', b''), ('with space', b'x'), ('größe', b'y')):\n"
        "    open(n, 'wb').write(b)",
        outputs=("*",),
    )
    wanted = {"binary": bytes(range(256)) * 99, "empty": b"", "with space": b"x", "größe": b"y"}
    return unless(await ground.bodies(result) == wanted, f"what came is {[o.path for o in result.outputs]}")


@behaviour
async def outputs_of_a_failed_program_come_out(ground: Ground) -> list[str]:
    """Also of one that ran too long: they may say why."""
    found = []
    for ending, status in (("sys.exit(3)", "nonzero"), ("time.sleep(9)", "timeout")):
        program = f"import sys, time\nopen('log.txt', 'w').write('so far'); sys.stdout.flush()\n{ending}"
        result = await ground.run(program, outputs=("*.txt",), limits=changed(wall_s=1.5))
        found += unless(result.status == status, f"it ended {result.status}")
        found += unless(await ground.bodies(result) == {"log.txt": b"so far"}, f"{status}: the output did not come")
    return found


@behaviour
async def an_output_that_was_not_written_is_no_error(ground: Ground) -> list[str]:
    """A glob that matches nothing yields nothing."""
    result = await ground.run("print('x')", outputs=("results.json", "*.png"))
    return unless((result.status, result.outputs, result.refused) == ("ok", (), ()), f"{result.refused}")


@behaviour
async def inputs_are_no_outputs(ground: Ground) -> list[str]:
    """What was given does not come back as if it had been made."""
    files = {"in.txt": await ground.artifacts.put(b"x"), "pkg/in.txt": await ground.artifacts.put(b"y")}
    result = await ground.run("open('out.txt', 'w').write('z')", files=files, outputs=("**",))
    return unless(await ground.bodies(result) == {"out.txt": b"z"}, f"{[o.path for o in result.outputs]} came")


@behaviour
async def bad_globs_are_refused_before_anything_runs(ground: Ground) -> list[str]:
    """What could mean something outside the working directory, and what nobody can have meant."""
    found = []
    for glob in ("/etc/passwd", "../x", "a/../b", "", "a//b", "./a", "a\nb", "x" * 300):
        try:
            await ground.run("print('ran')", outputs=(glob,))
        except RefusedRequestError:
            continue
        found.append(f"{glob[:20]!r} was taken")
    return found


@behaviour
async def data_is_verified_and_read_only(ground: Ground) -> list[str]:
    """An artefact lies under `data/`, cannot be written, and nothing can be put beside it."""
    data = (DataSpec(name="a.csv", kind="artifact", source=await ground.artifacts.put(b"1,2\n")),)
    result = await ground.run(
        "print(open('data/a.csv').read().strip())\nfor p in ('data/a.csv', 'data/b'):\n"
        "    try:\n        open(p, 'w'); print('written')\n    except OSError:\n        pass",
        data=data,
    )
    return unless(result.stdout.text == "1,2\n", f"{result.stdout.text!r} {result.stderr.text[-300:]}")
