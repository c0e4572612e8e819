"""Words of the command line that several verbs read alike: durations, yes and no."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lvs_model.problems import Problem

_DURATION = re.compile(r"(\d{1,6})([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_YES, _NO = ("true", "yes", "1"), ("false", "no", "0")


def seconds(
    given: Mapping[str, Any],
    name: str,
    default: int,
    problems: list[Problem],
    *,
    least: int = 0,
    example: str = "120",
) -> int:
    """A duration in seconds, ``default`` where there is no such word; what is none joins the ``problems``."""
    text = _text(given, name)
    found = _DURATION.fullmatch(text)
    if not text:
        return default
    if found is None or int(found[1]) < least:
        what, remedy = f"{text!r} is no duration", f"write one like -e {name}={example} (s, m, h or d)"
        problems.append(Problem(name, what, remedy))
        return default
    return int(found[1]) * _SECONDS[found[2]]


def yes(given: Mapping[str, Any], name: str, problems: list[Problem]) -> bool:
    """Whether a word says yes; not where there is none. What is neither yes nor no joins the ``problems``."""
    text = _text(given, name).lower() or "false"
    if text not in _YES + _NO:
        problems.append(Problem(name, f"{text!r} is neither true nor false", f"write -e {name}=true"))
    return text in _YES


def _text(given: Mapping[str, Any], name: str) -> str:
    word = given.get(name)
    return "" if word is None else str(word).strip()
