"""The errors that the lab reports to its user."""

from __future__ import annotations


class LabError(Exception):
    """Something the user can understand and mend: one line says what is wrong, and what to do.

    Args:
        problem: what is wrong, naming the thing (a node, a file, a tool).
        remedy: what to do about it; empty when the problem says it already.

    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{problem}. {remedy}" if remedy else problem)


class CommandError(LabError):
    """A command on the podman host or on a node failed.

    Args:
        what: the command, shortened for people.
        code: its exit code.
        output: the end of what it printed.

    """

    def __init__(self, what: str, code: int, output: str) -> None:
        self.code = code
        self.output = output
        tail = " | ".join(output.strip().splitlines()[-3:]) or "no output"
        super().__init__(f"{what} failed with exit code {code}: {tail}")


class NodeOffError(LabError):
    """What was asked for wants a running node, and it is off."""


class Unreachable(LabError):  # noqa: N818 - the name of a state, as in Ansible
    """No ssh connection to the guest or to a node within the time allowed."""
