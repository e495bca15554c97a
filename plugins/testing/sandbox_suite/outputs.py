"""Attacks on the collector: what a program passes off as its output."""

from __future__ import annotations

import json
import secrets

from peercycle.plugins.testing.sandbox_suite.ground import Ground, changed, gone, unless
from peercycle.plugins.testing.sandbox_suite.rows import Nothing, attack

INSIDE = Nothing("files are read inside the container: no link there leads to anything of the host's")
BYTES = Nothing("an output is bytes; nothing of ours could be removed that would load it")


@attack(32, "collector_beneath", docker=INSIDE)
async def links_lead_nowhere(ground: Ground) -> list[str]:
    """A link to a file of the host, one to a folder, and one that climbs."""
    secret = ground.folder / f"secret-{secrets.token_hex(4)}"
    secret.write_text("secret of the host")
    secret.chmod(0o644)
    try:
        result = await ground.run(
            """
import os, sys
os.mkdir("out")
os.symlink(sys.argv[1], "out/file.json")
os.symlink(os.path.dirname(sys.argv[1]), "out/folder")
os.symlink("../" * 30 + sys.argv[1][1:], "out/up.json")
os.symlink("/", "root")
""",
            str(secret),
            outputs=("out/**", "root/etc/passwd", "root/**", "out/*.json"),
        )
        bodies = await ground.bodies(result)
    finally:
        secret.unlink()
    return [
        *[f"{path} was collected" for path in bodies],
        *unless(len(result.refused) >= 3, f"nothing says what was refused: {result.refused}"),
    ]


@attack(33, "collector_regular")
async def only_plain_files_are_collected(ground: Ground) -> list[str]:
    """A pipe, a socket and a file with two names are refused; nothing hangs; what is plain comes."""
    result = await ground.run(
        """
import os, socket
os.mkfifo("pipe.json")
socket.socket(socket.AF_UNIX).bind("socket.json")
open("one.json", "w").write("x")
os.link("one.json", "two.json")
open("good.json", "w").write("fine")
""",
        outputs=("*.json",),
    )
    bodies = await ground.bodies(result)
    assert bodies.get("good.json") == b"fine", "what is plain did not come"
    return [f"{path} was collected" for path in bodies if path != "good.json"]


@attack(33, "collector_caps")
async def sparse_files_are_not_read_without_end(ground: Ground) -> list[str]:
    """Two files that are long and hold nothing, together over what may be collected."""
    result = await ground.run("for n in 'ab': open(n + '.bin', 'wb').truncate(9 << 20)", outputs=("*.bin",))
    bodies = await ground.bodies(result)
    return unless(sum(map(len, bodies.values())) <= 16 << 20, "18 MB of 16 were collected")


@attack(34, "collector_caps")
async def outputs_are_counted(ground: Ground) -> list[str]:
    """A tenth more than a thousand outputs."""
    result = await ground.run(
        "for n in range(1100): open(f'{n}.x', 'w').close()", outputs=("*.x",), limits=changed(files=2000)
    )
    assert result.status == "ok", result.status
    return [
        *unless(len(result.outputs) <= 1000, f"{len(result.outputs)} outputs of 1000"),
        *unless(len(result.refused) <= 60, f"{len(result.refused)} refusals are listed one by one"),
    ]


@attack(34, "collector_names")
async def hostile_names_are_refused_and_shown_escaped(ground: Ground) -> list[str]:
    """A newline, an escape sequence, a change of direction: no terminal and no log is misled."""
    result = await ground.run(
        r"""
for name in (b"new\nline.json", b"esc\x1b[2J.json", "right\u202eleft.json".encode(), b"ok.json"):
    open(name, "w").close()
""",
        outputs=("*.json",),
    )
    paths = [each.path for each in result.outputs]
    assert "ok.json" in paths, f"what is plain did not come: {result.refused}"
    return [
        *[f"{path!r} was collected" for path in paths if path != "ok.json"],
        *unless(all(line.isprintable() for line in result.refused), "a refusal shows a name as it is"),
    ]


@attack(35, "collector_beneath", docker=INSIDE)
async def a_file_swapped_for_a_link_leads_nowhere(ground: Ground) -> list[str]:
    """A child goes on to swap the output for a link after its program has ended; three times."""
    secret = ground.folder / f"secret-{secrets.token_hex(4)}"
    secret.write_text("secret of the host")
    secret.chmod(0o644)
    mark = secrets.token_hex(8)
    found: list[str] = []
    try:
        for _ in range(3):
            result = await ground.run(
                """
import os, sys, time
os.symlink(sys.argv[1], "link")
open("out.json", "w").write("harmless")
if os.fork() == 0:
    while True:
        os.rename("link", "out.json")
        time.sleep(0.05)
        open("next", "w").write("harmless"); os.rename("next", "out.json"); os.symlink(sys.argv[1], "link")
time.sleep(0.02)
""",
                str(secret),
                mark,
                outputs=("out.json",),
            )
            found += [body.decode() for body in (await ground.bodies(result)).values()]
    finally:
        secret.unlink()
    return [*unless("secret of the host" not in found, "a file of the host was collected"), *await gone(mark, 1.0)]


@attack(36, root=BYTES, docker=BYTES, user=BYTES)
async def nothing_that_is_collected_is_loaded(ground: Ground) -> list[str]:
    """A pickle that would write a file where it is loaded, archives that unpack to much, JSON without end or bottom."""
    trap = ground.folder / f"sprung-{secrets.token_hex(4)}"
    result = await ground.run(
        """
import io, pickle, sys, tarfile, zipfile
class Trap:
    def __reduce__(self):
        return (open, (sys.argv[1], "w"))
for name in ("a.pkl", "a.pt", "a.npy", "a.pickle", "a.joblib"):
    open(name, "wb").write((b"\\x93NUMPY" if name == "a.npy" else b"") + pickle.dumps(Trap()))
with zipfile.ZipFile("a.zip", "w", zipfile.ZIP_DEFLATED) as bomb:
    bomb.writestr("../../" + sys.argv[1], b"\\0" * (4 << 20))
with tarfile.open("a.tar", "w") as bomb:
    entry = tarfile.TarInfo("../.." + sys.argv[1]); entry.size = 1
    bomb.addfile(entry, io.BytesIO(b"x"))
open("deep.json", "w").write("[" * 200_000 + "]" * 200_000)
open("nan.json", "w").write('{"measurements": [{"metric": "m", "value": NaN}]}')
""",
        str(trap),
        outputs=("a.*", "*.json"),
        limits=changed(disk_mb=32),
    )
    assert result.status == "ok", result.stderr.text[-500:]
    bodies = await ground.bodies(result)
    sprung = trap.exists()
    trap.unlink(missing_ok=True)
    return [
        *unless(not sprung, "something that was collected has been loaded"),
        *unless(len(bodies) == 9, f"{len(bodies)} of 9 came: {result.refused}"),
        *_read_as_results(bodies),
    ]


def _read_as_results(bodies: dict[str, bytes]) -> list[str]:
    """Read hostile JSON as the graph reads an experiment's results: it refuses, and does not break."""
    from peercycle.core.experiments import Experiment
    from peercycle.graphs.stages.results import BadResultsError, parse_results

    experiment = Experiment(id="x", question="?", script="")
    huge = json.dumps({"measurements": [{"metric": f"m{n}", "value": 1} for n in range(6000)]}).encode()
    wide = b'{"measurements": [' + b" " * (5 << 20) + b"]}"
    found = []
    for name, body in (*bodies.items(), ("many", huge), ("wide", wide), ("digits", b"1" * 100_000)):
        try:
            parse_results(body, experiment, 0, "e", "sha256:" + "0" * 64)
        except BadResultsError:
            continue
        except Exception as error:  # noqa: BLE001  # whatever it is, it is not the answer that a program's author gets
            found.append(f"reading {name} raised {type(error).__name__}")
        else:
            found.append(f"{name} was read as results")
    return found


@attack(27, root=BYTES, docker=BYTES, user=BYTES)
async def a_setuid_bit_does_not_come_out(ground: Ground) -> list[str]:
    """A file that would run as its owner is stored as plain bytes."""
    result = await ground.run(
        "import os; open('tool', 'wb').write(b'#!/bin/sh\\n'); os.chmod('tool', 0o6755)", outputs=("tool",)
    )
    paths = [ground.artifacts.path(each.artifact) for each in result.outputs]
    assert paths, f"it did not come: {result.refused}"
    return [f"{oct(path.stat().st_mode)} was stored" for path in paths if path.stat().st_mode & 0o7111]
