"""Nodes that answer what a test says, in the place of the lab's."""

from __future__ import annotations

from collections.abc import Sequence

from lab.runner import Result

# What `ipvsadm -Ln --stats --exact` shows on the director; the counters in braces are a test's own.
SHOWN = """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  192.0.2.30:7000                   320     {nat}     {nat_out}   127360   505920
  -> 203.0.113.21:7000                 320     2240     1600   127360   505920
TCP  192.0.2.40:7000                   320     2240     {dr_out}   127360        0
  -> 203.0.113.21:7000                 320     2240        0   127360        0
TCP  192.0.2.50:7000                   320     2240        0   127360        0
  -> 203.0.113.21:7000                 320     2240        0   127360        0
"""


class Node:
    """A node that answers every command with one text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 60.0, check: bool = True
    ) -> Result:
        """Answer, whatever was asked."""
        return Result(0, self.text, "", 0.0)
