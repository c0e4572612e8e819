"""Pieces that several of the lab's tests build on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lab.errors import CommandError
from lab.runner import Result

NETWORKS = {
    "front": {"interface": "eth0", "subnet": "192.0.2.0/24"},
    "sync": {"interface": "eth1", "subnet": "198.51.100.0/24"},
}


def hostvars(**hosts: list[str] | dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what ansible-inventory gives for hosts, each a list of addresses or a mapping of variables."""
    return {
        name: {"lab_networks": NETWORKS, **(value if isinstance(value, dict) else {"lvs_addresses": value})}
        for name, value in hosts.items()
    }


class FakeRunner:
    """A podman host that notes what it is told and answers from a table.

    Args:
        answers: a word of the command → what it prints, or an exit code.

    """

    def __init__(self, answers: dict[str, str | int] | None = None) -> None:
        self.answers = answers or {}
        self.calls: list[list[str]] = []
        self.inputs: list[bytes] = []

    def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 60.0, check: bool = True
    ) -> Result:
        """Note the command."""
        assert timeout > 0
        self.calls.append(list(argv))
        self.inputs.append(stdin)
        answer = next((value for word, value in self.answers.items() if word in " ".join(argv)), "")
        if isinstance(answer, int):
            if check and answer:
                raise CommandError(" ".join(argv), answer, "it broke")
            return Result(answer, "", "it broke", 0.0)
        return Result(0, answer, "", 0.0)
