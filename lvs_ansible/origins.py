"""Where an inventory's values were written, and whether they are secrets in plain text.

ansible-core tags values with their origin since 2.19. The tags are internal to it: whatever is not as
expected here means that nothing is known, never an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lvs_model.problems import Problem

try:
    from ansible._internal._datatag._tags import Origin, VaultedValue
except ImportError:
    Origin = VaultedValue = None

_STEP = re.compile(r"\.?(?P<key>[A-Za-z0-9_-]+)|\[(?P<index>[0-9]+)\]")
_ROOT = re.compile(r"lvs_cluster(\[(?P<name>[^]]*)\])?|host (?P<host>[^ :]+): ")
_VAULT_HEAD = b"$ANSIBLE_VAULT;"

_TEMPLATE_MARKS = ("{{", "{%", "{#")


def is_template(text: str) -> bool:
    """Whether a text is more than itself once Ansible has templated it."""
    return any(mark in text for mark in _TEMPLATE_MARKS)


def _origin(value: object) -> tuple[str, int | None] | None:
    """The file and line where a value was written; None where that is not known."""
    try:
        tag = Origin.get_tag(value)
        return (str(tag.path), tag.line_num) if tag is not None and tag.path else None
    except (AttributeError, TypeError):
        return None


def _is_vaulted(value: object) -> bool:
    """Whether a value, or the whole file that it stands in, is encrypted; True where that is not known."""
    try:
        if VaultedValue.is_tagged_on(value):
            return True
    except (AttributeError, TypeError):
        return True
    origin = _origin(value)
    try:
        return origin is None or Path(origin[0]).read_bytes().startswith(_VAULT_HEAD)
    except OSError:
        return True


def plain_secrets(document: object, steps: Sequence[str]) -> Iterator[str]:
    """Where a kind of secret of a document, as it was written, stands in the inventory in plain text.

    ``steps`` are the keys that lead to it; places are written as rules.secrets.path_of does, from the first
    key on, with the numbers of lists on the way.
    """
    if isinstance(document, Sequence) and not isinstance(document, str):
        for number, one in enumerate(document):
            yield from (f"[{number}]{rest}" for rest in plain_secrets(one, steps))
    elif not steps:
        if isinstance(document, str) and not is_template(document) and not _is_vaulted(document):
            yield ""
    elif isinstance(document, Mapping) and steps[0] in document:
        yield from (f".{steps[0]}{rest}" for rest in plain_secrets(document[steps[0]], steps[1:]))


def located(problems: Iterable[Problem], hostvars: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The problems as text, each behind the file and line that it is about, where these are known.

    ``hostvars`` are the hosts' variables as they were written.
    """
    return [f"{_place(problem.path, hostvars)}{problem}" for problem in problems]


def place_of(value: object) -> str:
    """The file and line where a value was written, to stand before a problem; empty where not known."""
    found = _origin(value)
    return f"{_shown(*found)}: " if found else ""


def _place(path: str, hostvars: Mapping[str, Mapping[str, Any]]) -> str:
    root = _ROOT.match(path)
    if root is None:
        return ""
    if root["host"]:
        node: object = hostvars.get(root["host"])
    else:
        documents = [
            own.get("lvs_cluster") for own in hostvars.values() if own.get("lvs_cluster") is not None
        ]
        named = (one for one in documents if isinstance(one, Mapping) and one.get("name") == root["name"])
        node = next(named, documents[0] if documents and root["name"] is None else None)
    found = _origin(node)
    position = root.end()
    while (step := _STEP.match(path, position)) is not None:
        key: str | int = int(step["index"]) if step["index"] else step["key"]
        try:
            node = node[key]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            break  # the key is missing, or a template stands in its place: what is above it must do
        found = _origin(node) or found
        position = step.end()
    return f"{_shown(*found)}: " if found else ""


def _shown(path: str, line: int | None) -> str:
    relative = os.path.relpath(path)
    name = path if relative.startswith("..") else relative
    return f"{name}:{line}" if line else name
