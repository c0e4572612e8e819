"""The scenario's prepare step: network managers take interfaces, then each node's fingerprint is kept."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from lab import Lab, fingerprint, inventory
from lab.home import PROJECT
from lab.parallel import all_together


def main() -> None:
    """Prepare all nodes of the scenario."""
    place = Path(__file__).resolve().parent / "inventory"
    lab, nodes = Lab(place), inventory.load(place).nodes
    managed = [node.name for node in nodes if node.settings.manager]
    all_together({name: partial(lab.adopt_network_manager, name) for name in managed})
    taken = fingerprint.take(lab, [node.name for node in nodes])
    fingerprint.save(PROJECT / "build" / "lifecycle" / "before.json", taken)


if __name__ == "__main__":
    main()
