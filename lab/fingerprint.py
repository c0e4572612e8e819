"""What a deployment could leave behind on a node, taken before and after, and compared."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

from lab.clients import Shell
from lab.errors import CommandError, LabError
from lab.home import PROJECT, write_atomically
from lab.parallel import all_together

__all__ = ["KERNEL", "Fingerprint", "difference", "load", "save", "take"]

SCRIPT = PROJECT / "lab" / "files_client" / "fingerprint.py"

Fingerprint = Mapping[str, Collection[str]]
"""Section → lines, as files_client/fingerprint.py has them."""

KERNEL = ("links", "routes", "rules", "tunnel ports", "sysctls", "nft tables", "ipvs", "sockets", "units")
"""Sections of what is in effect; the others are packages, files and traces."""

_TUNNELS = "(tunl0|gre0|gretap0|erspan0|sit0|ip6tnl0|ip6gre0)"
EXCUSED = (
    # Kernel modules stay loaded, since others may use them by now: their settings and their own devices,
    # down and without an address, come with them, in every network namespace.
    ("sysctls", "+", r"net/(ipv4/vs/|netfilter/|nf_conntrack_max )"),
    ("sysctls", "+", rf"net/ipv[46]/(conf|neigh)/{_TUNNELS}/"),
    ("links", "+", rf"link {_TUNNELS} down "),
    # useradd(8) and userdel(8): copies of what was there before their last change, and a lock.
    ("files", "+-", r"/etc/(passwd|group|shadow|gshadow|subuid|subgid)- "),
    ("files", "+-", r"/etc/\.pwd\.lock "),
    # Written anew by ldconfig(8) whenever libraries come and go; kept by Python of the lab's own programs.
    ("files", "+-", r"/etc/ld\.so\.cache "),
    ("files", "+-", r"\S*/__pycache__[/ ]"),
)
"""What may differ after a teardown, and why: section, whether a line may come (+) or go (-), beginning."""


class Nodes(Protocol):
    """Whatever leads to nodes; lab.Lab does."""

    def runner(self, node: str) -> Shell:
        """Return the connection to a node."""


def take(nodes: Nodes, names: Iterable[str]) -> dict[str, Fingerprint]:
    """Take the fingerprints of these nodes, side by side. Raises LabError for one that cannot tell."""
    return all_together({name: partial(_take, nodes, name) for name in names})


def _take(nodes: Nodes, name: str) -> Fingerprint:
    result = nodes.runner(name).shell("python3 -", stdin=SCRIPT.read_bytes(), timeout=180)
    if result.code != 0:
        raise CommandError(f"the fingerprint of {name}", result.code, result.stderr)
    found: dict[str, list[str]] = json.loads(result.stdout)
    # Without these it would be no proof of anything.
    empty = [
        section
        for section in ("links", "routes", "rules", "sysctls", "packages", "files")
        if not found[section]
    ]
    if empty:
        raise LabError(f"the fingerprint of {name} has no {', '.join(empty)}")
    return found


def difference(before: Fingerprint, after: Fingerprint, sections: Collection[str] | None = None) -> list[str]:
    """Lines that came (+) or went (-), each with its section; without those that are excused.

    ``sections`` leaves out all others. Lines that are there twice count as one.
    """
    found = []
    for section in before if sections is None else sections:
        old, new = set(before[section]), set(after[section])
        marked = [("-", line) for line in old - new] + [("+", line) for line in new - old]
        found += [f"{section}: {sign} {line}" for sign, line in marked if not _excused(section, sign, line)]
    # What changed stands side by side.
    return sorted(found, key=lambda text: text.replace(": + ", ": ").replace(": - ", ": "))


def _excused(section: str, sign: str, line: str) -> bool:
    return any(section == one and sign in signs and re.match(text, line) for one, signs, text in EXCUSED)


def save(path: Path, fingerprints: Mapping[str, Fingerprint]) -> None:
    """Keep fingerprints by node in a file; its directory is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(fingerprints).encode())


def load(path: Path) -> dict[str, Fingerprint]:
    """Read what save has written. Raises LabError where there is nothing."""
    try:
        found: dict[str, Fingerprint] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise LabError(
            f"there are no fingerprints in {path}: {exc}", "Run the scenario's prepare step."
        ) from exc
    return found
