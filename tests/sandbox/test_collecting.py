"""What leaves the sandbox: declared regular files, and nothing that a hostile program can pass off as one."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from peercycle.core.errors import RefusedRequestError
from peercycle.core.sandboxing import Limits
from peercycle.sandbox import shut
from peercycle.sandbox.collect import collect
from peercycle.sandbox.globs import check_patterns, matches
from peercycle.sandbox.openat2 import open_beneath

if TYPE_CHECKING:
    from tests.sandbox.conftest import Harness


def test_declared_files_come_out_and_no_others(harness: Harness) -> None:
    result = harness.run(
        "import os\nos.makedirs('out/deep')\n"
        "for p in ('out/a.json', 'out/deep/b.json', 'out/c.txt', 'd.json'): open(p, 'w').write(p)",
        outputs=("out/**/*.json",),
    )
    assert [o.path for o in result.outputs] == ["out/a.json", "out/deep/b.json"]
    assert [harness.bodies.held[o.artifact] for o in result.outputs] == [b"out/a.json", b"out/deep/b.json"]
    assert result.outputs[0].size == 10
    assert result.refused == ()


LINKS = """
import os
os.mkdir("out")
os.symlink("/etc/shadow", "out/shadow.json")
os.symlink("/etc", "out/etc")
os.symlink("../../../../etc/passwd", "out/up.json")
os.symlink("/", "root")
"""


def test_links_out_are_refused_by_name(harness: Harness) -> None:
    result = harness.run(LINKS, outputs=("out/**", "root/etc/passwd", "out/*.json"))
    assert result.outputs == ()
    assert len([line for line in result.refused if "symbolic link" in line]) == 4
    assert any(line.startswith("root/etc/passwd: ") for line in result.refused)


def test_a_collector_that_follows_links_would_read_the_host(harness: Harness) -> None:
    result = harness.run(
        "import os; os.symlink('/etc/passwd', 'out.json')", outputs=("out.json",), without=("collector_beneath",)
    )
    assert harness.bodies.held[result.outputs[0].artifact] == Path("/etc/passwd").read_bytes()


def test_pipes_sockets_and_hard_links_are_refused_and_nothing_hangs(harness: Harness) -> None:
    result = harness.run(
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
    assert [o.path for o in result.outputs] == ["good.json"]
    assert sorted(line.split(":")[0] for line in result.refused) == [
        "one.json",
        "pipe.json",
        "socket.json",
        "two.json",
    ]


def test_a_sparse_file_is_not_read_beyond_what_may_be_collected(harness: Harness) -> None:
    result = harness.run(
        "for n in 'ab': open(n + '.bin', 'wb').truncate(15 << 20)",
        outputs=("*.bin",),
        limits=Limits(wall_s=10, memory_mb=256, disk_mb=16),
    )
    assert [o.path for o in result.outputs] == ["a.bin"]
    assert "over what may be collected" in result.refused[0]


def test_hostile_names_are_refused_and_shown_escaped(harness: Harness) -> None:
    result = harness.run(
        r"""
for name in (b"new\nline.json", b"esc\x1b[2J.json", b"raw\xff.json", "right\u202eleft.json".encode(), b"ok.json"):
    open(name, "w").close()
""",
        outputs=("*.json",),
    )
    assert [o.path for o in result.outputs] == ["ok.json"]
    assert len(result.refused) == 4
    assert all(line.isprintable() for line in result.refused)


def test_entries_and_depth_are_capped(harness: Harness) -> None:
    result = harness.run(
        "import os\nfor _ in range(60): os.mkdir('d'); os.chdir('d')\nopen('x.json', 'w').close()", outputs=("**",)
    )
    assert result.status == "ok"
    assert result.outputs == ()
    assert "folders deep" in result.refused[0]


def test_a_thousand_bad_outputs_are_counted_not_listed(harness: Harness) -> None:
    result = harness.run("import os\nfor n in range(150): os.symlink('/', f'{n}')", outputs=("*",))
    assert len(result.refused) == 51
    assert result.refused[-1] == "and 100 more"


def test_a_file_swapped_for_a_link_while_it_is_collected_never_leads_out(tmp_path: Path, harness: Harness) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    work = tmp_path / "work"
    (work / "out").mkdir(parents=True)
    (work / "real").mkdir()
    for folder in ("out", "real"):
        (work / folder / "x.json").write_bytes(b"harmless")
    (work / "way").symlink_to(tmp_path)
    (tmp_path / "x.json").write_bytes(b"secret")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            (work / "out").rename(work / "aside")
            (work / "way").rename(work / "out")
            (work / "out").rename(work / "way")
            (work / "aside").rename(work / "out")

    swapper = threading.Thread(target=swap)
    swapper.start()
    taken = set()
    try:
        for _ in range(300):
            outputs, _refused = asyncio.run(collect(work, ("out/x.json",), (), Limits(), harness.bodies))
            taken |= {harness.bodies.held[o.artifact] for o in outputs}
    finally:
        stop.set()
        swapper.join()
    assert taken == {b"harmless"}


def test_no_name_leads_out_of_a_directory(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "file").write_text("x")
    (tmp_path / "in" / "self").symlink_to("/proc/self/fd")
    directory = os.open(tmp_path / "in", os.O_RDONLY)
    try:
        os.close(open_beneath(directory, "file"))
        for path in ("../in/file", "/etc/passwd", "self/0", "file/../../x"):
            with pytest.raises(OSError):
                open_beneath(directory, path)
    finally:
        os.close(directory)


@pytest.mark.parametrize("pattern", ["/etc/passwd", "../x", "a/../b", "", "a//b", "./a", "a\nb", "x" * 300])
def test_a_glob_that_leaves_the_directory_is_refused_before_anything_runs(harness: Harness, pattern: str) -> None:
    with pytest.raises(RefusedRequestError, match="output glob"):
        harness.run("print('ran')", outputs=(pattern,))


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("a.json", "*.json", True),
        ("out/a.json", "*.json", False),
        ("out/a.json", "**/*.json", True),
        ("a.json", "**/*.json", True),
        ("out/x/y/a.json", "out/**/a.json", True),
        ("out/a.json", "out/**/a.json", True),
        ("out/x/y", "out/**", True),
        ("outer/x", "out/**", False),
        ("a/b/c", "**/b/**/c", True),
        ("a/b", "a", False),
        ("a", "a/b", False),
        ("A.json", "a.json", False),
    ],
)
def test_globs_match_as_documented(path: str, pattern: str, expected: bool) -> None:
    check_patterns((pattern,))
    assert matches(path.split("/"), pattern.split("/")) is expected


def test_no_path_leads_onto_another_device() -> None:
    root = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert Path("/proc").stat().st_dev != os.fstat(root).st_dev
        with pytest.raises(OSError, match="proc/version") as caught:
            open_beneath(root, "proc/version")
    finally:
        os.close(root)
    assert caught.value.errno == errno.EXDEV


def test_what_a_program_shut_is_not_opened_through_a_link_that_it_puts_there_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First it is refused, as what is shut is; by the second look there is a link to a folder of the host, or a file."""
    (tmp_path / "host").mkdir(mode=0o700)
    (tmp_path / "host" / "key").write_text("secret")
    (tmp_path / "host" / "key").chmod(0o400)
    (tmp_path / "host").chmod(0o500)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "folder").symlink_to(tmp_path / "host")
    (tmp_path / "work" / "file").symlink_to(tmp_path / "host" / "key")

    def refused_at_first(real: Any) -> Any:
        answers = iter([PermissionError(errno.EACCES, "shut")])

        def open_(*args: Any, **options: Any) -> int:
            for error in answers:
                raise error
            return int(real(*args, **options))

        return open_

    directory = os.open(tmp_path / "work", os.O_RDONLY)
    try:
        monkeypatch.setattr(shut, "open_beneath", refused_at_first(open_beneath))
        with pytest.raises(OSError, match="symbolic link"):
            shut.open_file(directory, "file")
        monkeypatch.setattr(os, "open", refused_at_first(os.open))
        with pytest.raises(NotADirectoryError):
            shut.open_folder(directory, "folder")
    finally:
        os.close(directory)
    assert [oct(path.stat().st_mode & 0o777) for path in (tmp_path / "host", tmp_path / "host" / "key")] == [
        "0o500",
        "0o400",
    ]
