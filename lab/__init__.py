"""Machines with a real IPVS for tests and first tries: systemd containers in a guest of the lab's own."""

from lab.errors import CommandError, LabError, Unreachable
from lab.lab import Lab, NodeStatus, Status
from lab.runner import Result

__all__ = ["CommandError", "Lab", "LabError", "NodeStatus", "Result", "Status", "Unreachable"]
