"""Which packages are held, from dpkg's own file."""

from __future__ import annotations

from module_utils import lvs_host

from .node import Node

STATUS = """Package: keepalived
Status: hold ok installed
Priority: optional
Version: 1:2.3.3-1

Package: ldirectord
Status: install ok installed
Description: it says
 Status: hold ok installed

Package: heartbeat
Status: hold ok installed
"""


def test_held_ones_are_told_of_those_that_are_asked_for(node: Node) -> None:
    node.file("var/lib/dpkg/status", STATUS)

    assert lvs_host.holds(node.host, ["ldirectord", "keepalived", "nosuch"]) == ["keepalived"]
    assert node.calls == []


def test_without_dpkg_nothing_is_held(node: Node) -> None:
    assert lvs_host.holds(node.host, ["keepalived"]) == []
    assert node.host.problems == []
