"""What a program is handed beside its files: its command line and its variables."""

from __future__ import annotations

import json

from peercycle.plugins.testing.sandbox_suite.ground import Ground, refused, unless
from peercycle.plugins.testing.sandbox_suite.rows import behaviour

ARGUMENTS = ("plain", "with space", "", "-x", "$HOME", "`id`", "quo\"te's", "new\nline", "*", "ünïcödé", "\\")


@behaviour
async def arguments_arrive_as_they_were_given(ground: Ground) -> list[str]:
    """No shell reads them: blanks, quotes, an empty one, a newline and marks of shells are as they were."""
    said = await ground.said("import json, sys; print(json.dumps(sys.argv[1:]))", *ARGUMENTS)
    return unless(tuple(json.loads(said)) == ARGUMENTS, f"they arrived as {said}")


@behaviour
async def long_command_lines_arrive_whole(ground: Ground) -> list[str]:
    """The longest argument that Linux takes, nearly a megabyte in all, and many short ones; more is refused."""
    look = "import sys; print(len(sys.argv) - 1, len(''.join(sys.argv[1:])))"
    found = []
    for given in (["x" * ((128 << 10) - 1)], ["\x01" * (64 << 10)] * 15, ["y"] * 2990):
        wanted = f"{len(given)} {len(''.join(given))}"
        found += unless(await ground.said(look, *given) == wanted, f"{wanted} did not arrive")
    for argv in (("true", "x" * (128 << 10)), ("true", *["x" * (64 << 10)] * 16), ("true", *["y"] * 3000)):
        found += await refused(ground, f"{sum(map(len, argv))} bytes", argv=argv)
    return found


@behaviour
async def variables_of_the_request_are_set(ground: Ground) -> list[str]:
    """With their values as they are; and none beside the standard ones."""
    look = "import json, os; print(json.dumps({k: v for k, v in os.environ.items() if k.startswith('MY_')}))"
    given = {"MY_ONE": "a b", "MY_TWO": "", "MY_THREE": "x=y\nz", "MY_FOUR": "ü"}
    said = await ground.said(look, variables=given)
    return unless(json.loads(said) == given, f"it sees {said}")


@behaviour
async def variables_that_cannot_be_set_are_refused(ground: Ground) -> list[str]:
    """A name with a blank, one with `=`, a value with NUL, more than a megabyte, and ten thousand."""
    found, many = [], {f"V{n}": "" for n in range(10_000)}
    for bad in ({"A B": "x"}, {"A=B": "x"}, {"": "x"}, {"A": "x\0y"}, {"A": "x" * (1 << 20)}, many):
        found += await refused(ground, str(bad), variables=bad)
    return found
