"""The options of pacemaker, key by key: what is refused, and that no message shows a secret."""

from __future__ import annotations

from typing import Any

import pytest

from lvs_model.document.pacemaker import Pacemaker

from .builders import Case
from .documents import field_problems, place, put
from .rule_cases.pacemaker import BOARD, KEY, pacemaker

OPTIONS = "failover/pacemaker"
KEY_WORDS = (
    "this is no key for corosync: write 32 to 512 random characters of A-Z, a-z, 0-9 and +/=_.:-, such as "
    "`openssl rand -base64 48` prints"
)


def problems(path: str, value: object) -> list[str]:
    case = Case()
    pacemaker(fencing={"devices": [dict(BOARD)]}, ping={"targets": ["192.0.2.254"]})(case)
    put(case.document, f"{OPTIONS}/{path}", value)
    return field_problems(case)


@pytest.mark.parametrize(
    "value",
    [KEY[:31], "a" * 40, "abcdefghijk" * 4, KEY + " ", KEY + "ü", 4711, ""],
    ids=["short", "one character", "eleven characters", "a blank", "an umlaut", "a number", "nothing"],
)
def test_a_weak_key_is_refused_and_not_shown(value: object) -> None:
    assert problems("key", value) == [f"lvs_cluster[edge]{place(f'{OPTIONS}/key')}: {KEY_WORDS}"]


@pytest.mark.parametrize("value", ["", "x" * 256, "line\nend", 7])
def test_a_password_that_is_none_is_not_shown(value: object) -> None:
    path = "fencing/devices/0/password"

    assert problems(path, value) == [
        f"lvs_cluster[edge]{place(f'{OPTIONS}/{path}')}: this is no password: write a text of 1 to 255 "
        "printable characters"
    ]


REFUSED: dict[str, tuple[str, object, str]] = {
    "a token of nothing": ("token", 0.1, "0.1"),
    "a token that is a word": ("token", True, "boolean"),
    "no agent": ("fencing/devices/0/agent", "reboot; rm", "fence_ipmilan"),
    "both": ("fencing/declined", "no switch", "write either `devices`, or `declined`"),
    "neither": ("fencing", {}, "write either `devices`, or `declined`"),
    "its own parameter": (
        "fencing/devices/0/parameters",
        {"pcmk_host_list": "lb1"},
        "take pcmk_host_list out of parameters",
    ),
    "a network twice": ("links", ["front", "front"], "name each network of `links` once"),
    "no target": ("ping/targets", [], "give at least one"),
    "a name for a target": ("ping/targets/0", "router", "is no IP address"),
    "a misspelt option": ("tokens", 3, "tokens"),
}


@pytest.mark.parametrize(("path", "value", "word"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_says_where_and_why(path: str, value: Any, word: str) -> None:  # noqa: ANN401
    (said,) = problems(path, value)

    assert said.startswith(f"lvs_cluster[edge]{place(OPTIONS)}")
    assert word in said


def test_defaults_are_safe() -> None:
    options = Pacemaker()

    assert options.wait_for_all
    assert options.key is None
    assert options.fencing is None, "and a rule asks for both"
