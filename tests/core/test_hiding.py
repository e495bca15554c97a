"""A secret that a server repeats is in no text of ours, however the server spells it."""

from __future__ import annotations

import json
from urllib.parse import quote_plus

import pytest

from peercycle.core.hiding import HIDDEN, hide, to_hide

SECRET = "sk/canary+0123=="


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET,
        json.dumps(SECRET)[1:-1].replace("/", "\\/"),
        "".join(f"\\u{ord(letter):04x}" for letter in SECRET),
        quote_plus(SECRET),
        SECRET.upper(),
        f"{SECRET[:7]}\n  {SECRET[7:]}",
        f"{SECRET[:8]}********{SECRET[-4:]}",
        f"{SECRET[:5]}...{SECRET[-6:]}",
        f"{SECRET[:6]}…",
    ],
)
def test_a_secret_is_hidden_however_it_is_spelled(spelled: str) -> None:
    assert hide(f"key {spelled} refused", to_hide([SECRET])) == f"key {HIDDEN} refused"


def test_the_beginning_of_a_secret_at_the_end_of_a_text_is_hidden_and_a_short_one_is_none() -> None:
    assert hide(f"bad key {SECRET[:10]}", to_hide([SECRET])) == f"bad key {HIDDEN}"
    assert hide(f"bad key {SECRET[:5]}", to_hide([SECRET])) == f"bad key {SECRET[:5]}"
    assert to_hide(["short"]) == ()


def test_what_masks_something_else_is_left_alone() -> None:
    text = "see sk/other****9 and ... and **bold** and skip…"
    assert hide(text, to_hide([SECRET])) == text


def test_of_two_secrets_one_of_which_begins_like_the_other_nothing_is_left() -> None:
    longer = SECRET + "tail"
    assert hide(f"{SECRET} {longer}", to_hide([SECRET, longer])) == f"{HIDDEN} {HIDDEN}"
