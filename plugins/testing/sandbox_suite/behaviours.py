"""What a program and its caller can rely on: how it is started, what it says, how it ends."""

from __future__ import annotations

import asyncio
import json
import secrets
import time

from peercycle.core.errors import RefusedRequestError
from peercycle.core.sandboxing import EnvironmentSpec, ExecRequest, Limits
from peercycle.plugins.testing.sandbox_suite.ground import Ground, alive, changed, gone, refused, unless, until
from peercycle.plugins.testing.sandbox_suite.rows import behaviour


@behaviour
async def exit_codes_come_back(ground: Ground) -> list[str]:
    """0 is `ok`, every other up to 127 `nonzero`, and the code is told."""
    found = []
    for code in (0, 1, 3, 127):
        result = await ground.run(f"import sys; sys.exit({code})")
        wanted = ("ok" if code == 0 else "nonzero", code, None)
        found += unless((result.status, result.exit_code, result.signal) == wanted, f"{code} came as {result.status}")
    return found


@behaviour
async def death_by_its_own_signal_is_killed(ground: Ground) -> list[str]:
    """Neither a timeout nor want of memory; the signal is told, and no exit code."""
    found = []
    for number in (6, 9, 11, 15):
        result = await ground.run(f"import os; os.kill(os.getpid(), {number})\nimport time; time.sleep(5)")
        ended = (result.status, result.signal, result.exit_code)
        found += unless(ended == ("killed", number, None), f"signal {number} came as {ended}")
    return found


@behaviour
async def a_fast_death_under_a_short_clock_is_no_timeout(ground: Ground) -> list[str]:
    """A program that kills itself at once is not taken for one that ran too long."""
    result = await ground.run("import os; os.kill(os.getpid(), 9)", limits=changed(wall_s=10))
    return unless(result.status == "killed" and result.duration_s < 10, f"it ended {result.status}")


@behaviour
async def a_program_that_is_not_there_is_a_result(ground: Ground) -> list[str]:
    """Exit code 127, as a shell says, and its name in standard error."""
    result = await ground.run("", argv=("no-such-program", "x"))
    return unless(
        (result.status, result.exit_code) == ("nonzero", 127) and "no-such-program" in result.stderr.text,
        f"it ended {result.status} {result.exit_code}: {result.stderr.text!r}",
    )


@behaviour
async def a_file_that_cannot_be_executed_is_a_result(ground: Ground) -> list[str]:
    """An input is not executable; a folder is no program."""
    files = {"tool": await ground.artifacts.put(b"no program")}
    found = []
    for argv in (("./tool",), ("/tmp",)):  # noqa: S108
        result = await ground.run("", argv=argv, files=files)
        ended = (result.status, result.exit_code)
        found += unless(ended in (("nonzero", 126), ("nonzero", 127)), f"{argv[0]} ended {ended}")
    return found


@behaviour
async def both_streams_come_back_apart(ground: Ground) -> list[str]:
    """What went to standard error is not in standard output; both are UTF-8, letters of four bytes included."""
    wanted = "café €100 中文 😀\n", "résumé ✨\n"
    # As bytes, so that the program's own text has nothing to do with it.
    out, err = (each.encode() for each in wanted)
    result = await ground.run(f"import os; os.write(1, {out!r}); os.write(2, {err!r})")
    said = result.stdout.text, result.stderr.text
    return unless(said == wanted, f"they say {said}")


@behaviour
async def output_that_is_no_text_comes_as_text(ground: Ground) -> list[str]:
    """Bytes that are not UTF-8 become the replacement character, and are counted as they were."""
    result = await ground.run("import os; os.write(1, b'a\\xff\\xfe\\x1b[2Jb\\x00\\n')")
    return unless(
        result.stdout.head == "a\ufffd\ufffd\x1b[2Jb\x00\n" and result.stdout.total_bytes == 10,
        f"it came as {result.stdout.head!r}, {result.stdout.total_bytes} bytes",
    )


@behaviour
async def output_up_to_the_limit_is_whole(ground: Ground) -> list[str]:
    """As many bytes as are allowed are all there, and nothing is called cut."""
    result = await ground.run("print('x' * 4095)", limits=changed(output_bytes=4096))
    kept = result.stdout
    return unless(
        result.status == "ok" and not kept.truncated and kept.total_bytes == 4096 and len(kept.head) == 4096,
        f"it ended {result.status}, {kept.total_bytes} bytes, cut: {kept.truncated}",
    )


@behaviour
async def cut_output_keeps_its_head_and_its_tail(ground: Ground) -> list[str]:
    """What is shown begins as the output began, and ends with the last bytes that were read."""
    program = "import os\nos.write(1, b'BEGIN' + b'x' * 4000 + b'END' * 100)\nimport time; time.sleep(5)"
    result = await ground.run(program, limits=changed(output_bytes=2048))
    kept = result.stdout
    return unless(
        kept.truncated and kept.head.startswith("BEGIN") and kept.tail.endswith("END") and kept.total_bytes == 4305,
        f"cut: {kept.truncated}, {kept.head[:9]!r} … {kept.tail[-9:]!r}, {kept.total_bytes} bytes of 4305",
    )


@behaviour
async def an_interpreter_of_ours_runs_as_python(ground: Ground) -> list[str]:
    """`python` and `python3` are the environment's, of a version that studies can rely on."""
    found = []
    for name in ("python", "python3"):
        argv = (name, "-c", "import sys; print(sys.version_info >= (3, 11))")
        found += unless(await ground.said("", argv=argv) == "True", f"{name} is too old")
    return found


@behaviour
async def every_program_sees_the_same_small_environment(ground: Ground) -> list[str]:
    """Time zone, hash seed and threads are fixed; a writable home and temporary folder are there."""
    said = await ground.said(
        "import json, os, tempfile\nopen(os.environ['HOME'] + '/x', 'w').close()\ntempfile.TemporaryFile().close()\n"
        "print(json.dumps([os.environ.get(n) for n in ('TZ', 'PYTHONHASHSEED', 'OMP_NUM_THREADS', 'LC_ALL')]))"
    )
    return unless(json.loads(said) == ["UTC", "0", "1", "C.UTF-8"], f"it sees {said}")


@behaviour
async def standard_input_arrives_whole(ground: Ground) -> list[str]:
    """Fifty megabytes of any bytes, and none at all."""
    body = bytes(range(256)) * (50 << 12)
    look = "import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())"
    given = await ground.artifacts.put(body)
    found = unless(f"sha256:{await ground.said(look, stdin=given)}" == given, "fifty megabytes did not arrive whole")
    empty = await ground.artifacts.put(b"")
    return found + unless(f"sha256:{await ground.said(look, stdin=empty)}" == empty, "an empty input is not empty")


@behaviour
async def input_that_is_not_read_holds_nothing_up(ground: Ground) -> list[str]:
    """A program need not read what it is given."""
    given = await ground.artifacts.put(b"x" * (1 << 20))
    result = await ground.run("print('done')", stdin=given)
    return unless((result.status, result.stdout.text) == ("ok", "done\n"), f"it ended {result.status}")


@behaviour
async def a_script_runs_with_its_arguments(ground: Ground) -> list[str]:
    """A request may bring a Python program instead of naming one."""
    script = await ground.artifacts.put(b"import sys; print(sys.argv[1:], __name__)")
    said = await ground.said("", argv=("a", "b c"), script=script)
    return unless(said == "['a', 'b c'] __main__", f"it said {said!r}")


@behaviour
async def output_is_told_as_it_comes(ground: Ground) -> list[str]:
    """The caller hears each stream while the program runs, and all of it."""
    heard: list[tuple[str, bytes, float]] = []
    program = "import sys, time\nprint('one', flush=True); time.sleep(0.4); print('two', file=sys.stderr, flush=True)"
    result = await ground.run(program, on_output=lambda name, chunk: heard.append((name, chunk, time.monotonic())))
    told = [(name, chunk) for name, chunk, _ in heard]
    return [
        *unless(told == [("stdout", b"one\n"), ("stderr", b"two\n")], f"it told {told}"),
        *unless(result.stdout.text == "one\n", "what was told is missing in the result"),
        *unless(len(heard) == 2 and heard[1][2] - heard[0][2] > 0.2, "it was told at the end only"),
    ]


@behaviour
async def a_result_says_what_it_took(ground: Ground) -> list[str]:
    """Duration, memory, backend, version, guarantees and the environment's digest."""
    result = await ground.run("import time; held = bytearray(b'x') * (40 << 20); time.sleep(0.4)")
    return [
        *unless(0.4 <= result.duration_s < 60, f"0.4 s took {result.duration_s} s"),
        *unless(result.peak_memory_mb is None or 35 < result.peak_memory_mb < 256, f"{result.peak_memory_mb} MB"),
        *unless(result.backend == ground.sandbox.name and result.version, "backend or version is not told"),
        *unless(result.guarantees >= ground.requires, f"it tells {sorted(result.guarantees)}"),
        *unless(result.environment_digest == ground.environment.digest, "the environment is not told"),
    ]


@behaviour
async def cancellation_leaves_no_process_at_all(ground: Ground) -> list[str]:
    """A cancelled run raises, and the program and its child are gone by then."""
    mark = secrets.token_hex(8)
    task = asyncio.ensure_future(ground.run("import os, time\nos.fork()\ntime.sleep(20)", mark))
    assert await until(lambda: len(alive(mark)) >= 2), "the program did not start"
    task.cancel()
    ended = await asyncio.gather(task, return_exceptions=True)
    return unless(isinstance(ended[0], asyncio.CancelledError), f"it gave {ended[0]!r}") + await gone(mark, 1.0)


@behaviour
async def cancellation_before_the_start_leaves_nothing(ground: Ground) -> list[str]:
    """A run may be cancelled at any moment; the next one is none the worse."""
    for wait in (0.0, 0.002, 0.01, 0.03):
        mark = secrets.token_hex(8)
        task = asyncio.ensure_future(ground.run("import time; time.sleep(20)", mark))
        await asyncio.sleep(wait)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if left := await gone(mark, 1.0):
            return left
    return unless(await ground.said("print('well')") == "well", "the next program did not run")


@behaviour
async def programs_side_by_side_do_not_mix(ground: Ground) -> list[str]:
    """Six at a time, each with its own folder and its own output."""
    program = "import os, sys, time\nopen('mine', 'w').write(sys.argv[1]); time.sleep(0.2)\nprint(open('mine').read(), os.listdir('.'))"
    said = await asyncio.gather(*(ground.said(program, str(n)) for n in range(6)))
    return unless(list(said) == [f"{n} ['mine']" for n in range(6)], f"they said {said}")


@behaviour
async def nothing_is_kept_from_one_program_to_the_next(ground: Ground) -> list[str]:
    """Working directory, home and temporary folders are as new."""
    program = (
        "import os\nplaces = ('.', os.environ['HOME'], '/tmp', '/dev/shm')\n"
        "print(sum('left' in os.listdir(p) for p in places))\nfor p in places: open(p + '/left', 'w').close()"
    )
    said = [await ground.said(program), await ground.said(program)]
    return unless(said == ["0", "0"], f"{said[-1]} files were kept")


@behaviour
async def an_environment_that_is_not_known_is_refused(ground: Ground) -> list[str]:
    """Before anything is built, and as the author's mistake."""
    try:
        await ground.sandbox.prepare(EnvironmentSpec(name="no-such-environment"))
    except RefusedRequestError:
        return []
    return ["an environment that nobody knows was prepared"]


@behaviour
async def an_environment_prepared_twice_is_the_same(ground: Ground) -> list[str]:
    """It is known by its digest."""
    again = await ground.sandbox.prepare(ground.spec)
    return unless(again.digest == ground.environment.digest, "two digests for one environment")


@behaviour
async def what_cannot_be_given_is_refused(ground: Ground) -> list[str]:
    """An argument with NUL, and more GPUs than any machine has."""
    found = await refused(ground, "999 GPUs", limits=Limits(gpus=999))
    request = ExecRequest(argv=("python", "a\0b"), environment=ground.spec, requires=ground.requires)
    try:
        await ground.sandbox.run(request, ground.environment, ground.artifacts)
    except RefusedRequestError:
        return found
    return [*found, "an argument with NUL was taken"]


@behaviour
async def a_probe_told_twice_says_the_same(ground: Ground) -> list[str]:
    """What held a moment ago holds now; every canary says which guarantee it is for."""
    first, second = await ground.sandbox.probe(), await ground.sandbox.probe()
    return [
        *unless(first.guarantees == second.guarantees >= ground.requires, f"{first} and then {second}"),
        *unless(all(canary.passed or canary.fix for canary in first.canaries), "a canary failed without a fix"),
    ]


@behaviour
async def a_living_drivers_program_is_not_reaped(ground: Ground) -> list[str]:
    """`reap` takes what dead drivers left, and nothing else."""
    mark = secrets.token_hex(8)
    task = asyncio.ensure_future(ground.run("import time; time.sleep(0.8); print('well')", mark))
    assert await until(lambda: alive(mark)), "the program did not start"
    removed = await ground.sandbox.reap()
    result = await task
    return unless(result.stdout.text == "well\n", f"a program was reaped while it ran: {removed}")
