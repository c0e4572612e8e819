"""The keywords that extra lines must not repeat are those that the toolkit prints."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.components.keepalived import CONFIGURATION
from lvs_model.rules.lines import PRINTED

from .cases import INVENTORIES, plan


def keywords(configuration: str) -> Iterator[tuple[str, str]]:
    """The keywords right inside each block of a configuration: the block's own keyword, and that one."""
    blocks: list[str] = []
    for line in configuration.splitlines():
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        if words == ["}"]:
            blocks.pop()
            continue
        if len(blocks) == 1:
            yield blocks[0], words[0]
        if words[-1] == "{":
            blocks.append(words[0])


# Lines of the cases themselves, which are no keywords of the toolkit's.
EXTRA = {
    ("global_defs", "vrrp_priority"),
    ("vrrp_instance", "higher_prio_send_advert"),
    ("virtual_server", "virtualhost"),
}


def test_they_are_what_the_golden_configurations_have() -> None:
    printed = {
        pair
        for case in INVENTORIES
        for host in plan(case)["hosts"].values()
        for file in host["files"]
        if file["path"] == CONFIGURATION
        for pair in keywords(file["content"])
    }

    for block in ("global_defs", "vrrp_instance", "virtual_server"):
        assert {word for place, word in printed - EXTRA if place == block} == PRINTED[block]
