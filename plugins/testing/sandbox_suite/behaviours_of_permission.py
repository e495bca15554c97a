"""What permissions mean to a program and to its outputs, who it is, and where it may start."""

from __future__ import annotations

import json

from peercycle.plugins.testing.sandbox_suite.ground import TELL, Ground, unless
from peercycle.plugins.testing.sandbox_suite.rows import behaviour


@behaviour
async def a_file_without_permission_to_write_stays_as_it_is(ground: Ground) -> list[str]:
    """A program that takes its own file's permission to write has none: it is not a user whom the kernel lets pass."""
    program = """
open("own", "w").write("impervious")
os.chmod("own", 0o444)
for mode in ("w", "wb", "a"):
    tell(mode, lambda: open("own", mode))
os.chmod("own", 0)
tell("read", lambda: open("own"))
print(json.dumps(said))
"""
    result = await ground.run(TELL + program, outputs=("own",))
    assert result.status == "ok", f"it ended {result.status}: {result.stderr.text[-800:]}"
    wanted = {name: ["PermissionError", "own", None] for name in ("w", "wb", "a", "read")}
    return [
        *unless(json.loads(result.stdout.text) == wanted, f"it says {result.stdout.text}"),
        *unless(await ground.bodies(result) == {"own": b"impervious"}, f"it did not come out: {result.refused}"),
    ]


@behaviour
async def outputs_come_out_whatever_their_permissions(ground: Ground) -> list[str]:
    """A declared file that nobody may read, in a folder that nobody may enter, of a working directory that is shut."""
    program = """
import os, time
for folder, mode in (("listed", 0o400), ("entered", 0o100), ("shut", 0)):
    os.mkdir(folder)
    open(folder + "/file", "w").write(folder)
    os.chmod(folder + "/file", 0)
    os.chmod(folder, mode)
os.chmod(".", 0)
time.sleep(0.3)  # what it holds is looked at meanwhile, too
"""
    result = await ground.run(program, outputs=("**/file",))
    wanted = {f"{folder}/file": folder.encode() for folder in ("entered", "listed", "shut")}
    return [
        *unless(result.status == "ok", f"it ended {result.status}: {result.stderr.text[-300:]}"),
        *unless(await ground.bodies(result) == wanted, f"{[o.path for o in result.outputs]} came, {result.refused}"),
    ]


@behaviour
async def a_folder_where_a_file_was_declared_is_refused_by_name(ground: Ground) -> list[str]:
    """What was named outright and is a folder is said to be one; a glob passes over folders without a word."""
    result = await ground.run(
        "import os\nos.makedirs('results.json/deep'); os.mkdir('x.csv'); open('y.csv', 'w').write('y')",
        outputs=("results.json", "*.csv"),
    )
    return [
        *unless(await ground.bodies(result) == {"y.csv": b"y"}, f"{[o.path for o in result.outputs]} came"),
        *unless(result.refused == ("results.json: a folder",), f"it says {result.refused}"),
    ]


@behaviour
async def every_program_is_one_and_the_same_user(ground: Ground) -> list[str]:
    """No request names another one: it has a name and a home, owns what it makes, and is not root."""
    program = """
import json, os, pwd, subprocess
open("made", "w").close()
name = pwd.getpwuid(os.getuid()).pw_name
owners = {os.stat(path).st_uid for path in (".", "made", os.environ["HOME"])} | set(os.getresuid())
print(json.dumps([os.getuid(), sorted(owners), name, os.environ["USER"], subprocess.getoutput("whoami"),
    pwd.getpwnam(name).pw_dir == os.environ["HOME"], os.getgroups() in ([], [os.getgid()])]))
"""
    told = [json.loads(await ground.said(program)) for _ in range(2)]
    user, owners, name, environment, whoami, home, groups = told[0]
    return [
        *unless(told[0] == told[1], f"two programs are {told}"),
        *unless(user != 0 and owners == [user], f"user {user} owns what belongs to {owners}"),
        *unless(name and name == environment == whoami, f"it is called {name!r}, {environment!r} and {whoami!r}"),
        *unless(home, "its home is not the one in its environment"),
        *unless(groups, "it is in groups beside its own"),
    ]


@behaviour
async def no_other_user_is_had_by_asking(ground: Ground) -> list[str]:
    """Root, one that is not there, another group, a file given away: refused, and it is the same user afterwards."""
    program = """
open("own", "w").close()
before = os.getresuid(), os.getresgid()
for name, do in {
    "setuid 0": lambda: os.setuid(0), "setuid 4711": lambda: os.setuid(4711), "setgid 0": lambda: os.setgid(0),
    "setgroups": lambda: os.setgroups([0]), "chown": lambda: os.chown("own", 0, 0),
}.items():
    tell(name, do)
print(json.dumps([said, before == (os.getresuid(), os.getresgid())]))
"""
    said, same = json.loads(await ground.said(TELL + program))
    result = await ground.run("", argv=("su", "nonexistent", "-c", "whoami"))
    ended = (result.status, result.stdout.text, "nonexistent" in result.stderr.text)
    return [
        *unless("done" not in said.values(), f"it could {[name for name, error in said.items() if error == 'done']}"),
        *unless(same, "it is another user than before"),
        *unless(ended == ("nonzero", "", True), f"as a user who is not there it ended {ended}"),
    ]


@behaviour
async def a_program_can_be_started_in_a_folder_of_its_inputs(ground: Ground) -> list[str]:
    """By `env -C`, as by a shell's `cd`; what it writes elsewhere is declared from the working directory all the same."""
    files = {"sub/deep/in.txt": await ground.artifacts.put(b"given")}
    listed = await ground.said("", argv=("env", "-C", "sub/deep", "ls"), files=files)
    program = "import os; open('../made', 'w').write(os.getcwd())"
    argv = ("env", "-C", "own", "python", "-I", "-S", "-c", program)
    result = await ground.run("", argv=("sh", "-c", 'mkdir own && exec "$@"', "sh", *argv), outputs=("made",))
    bodies = await ground.bodies(result)
    return [
        *unless(listed == "in.txt", f"there it sees {listed!r}"),
        *unless(bodies.get("made", b"").endswith(b"/own"), f"{bodies} came, {result.stderr.text[-300:]!r}"),
    ]


@behaviour
async def a_program_can_be_started_in_any_folder_in_sight(ground: Ground) -> list[str]:
    """One of the system, and one that it makes outside the working directory."""
    system = await ground.said("", argv=("env", "-C", "/usr/bin", "ls"))
    make = 'mkdir /tmp/own && touch /tmp/own/made && exec "$@"'
    own = await ground.said("", argv=("sh", "-c", make, "sh", "env", "-C", "/tmp/own", "ls"))  # noqa: S108  # in the sandbox
    return [
        *unless("env" in system.split(), "/usr/bin holds no `env`"),
        *unless(own == "made", f"there it sees {own!r}"),
    ]


@behaviour
async def a_folder_that_is_not_there_is_a_result(ground: Ground) -> list[str]:
    """The program is not started, and standard error names the folder."""
    result = await ground.run("", argv=("env", "-C", "no-such-folder", "ls"))
    return unless(
        (result.status, result.exit_code, result.stdout.text) == ("nonzero", 125, "")
        and "no-such-folder" in result.stderr.text,
        f"it ended {result.status} {result.exit_code}: {result.stderr.text!r}",
    )
