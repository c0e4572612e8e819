"""The toolkit's own table: its file, its unit, and what loads it."""

from __future__ import annotations

import pytest

from lvs_model.components.nftables import RULES, SETS, comparable, nftables

MARK = {"mark": ["ip daddr 192.0.2.10 meta mark set 1"]}
DROP = {"raw": ["ip daddr 192.0.2.10 drop"]}


@pytest.mark.parametrize("chains", [{}, {"raw": []}, {SETS: ["set vips4 {\n}"], "mark": []}])
def test_no_rule_asks_for_nothing(chains: dict[str, list[str]]) -> None:
    part = nftables(chains)

    assert (part.packages, part.files, part.units, part.actions, part.validate, part.health) == (
        [], [], [], [], [], [],
    )  # fmt: skip


def test_the_file_replaces_the_table_in_one_transaction() -> None:
    (file, _) = nftables({"masquerade": ["b"], **MARK, SETS: ["set one {\n    type ipv4_addr\n}"]}).files

    assert file.path == RULES
    assert file.content.splitlines()[2:] == [
        "table inet lvs_toolkit",
        "delete table inet lvs_toolkit",
        "table inet lvs_toolkit {",
        "    set one {",
        "        type ipv4_addr",
        "    }",
        "    chain marks {",
        "        type filter hook prerouting priority mangle; policy accept;",
        "        ip daddr 192.0.2.10 meta mark set 1",
        "    }",
        "    chain sources {",
        "        type nat hook postrouting priority srcnat; policy accept;",
        "        b",
        "    }",
        "}",
    ]


def test_the_unit_loads_it_with_any_other_firewall_and_before_what_it_guards() -> None:
    part = nftables(MARK)
    (unit,) = (file.content for file in part.files if file.path.endswith("lvs-nftables.service"))

    assert part.units == ["lvs-nftables.service"]
    assert {
        "After=nftables.service",
        "PartOf=nftables.service",
        "ReloadPropagatedFrom=nftables.service",
        "Before=lvs-network.service keepalived.service",
        "WantedBy=multi-user.target nftables.service",
    } <= set(unit.splitlines())
    for key in ("ExecStart", "ExecReload"):
        load, show = (line for line in unit.splitlines() if line.startswith(key))
        assert load == f"{key}=/usr/sbin/nft -f {RULES}"
        assert show.endswith(
            "/usr/sbin/nft -s list table inet lvs_toolkit >/run/lvs-toolkit/nftables.loaded'"
        )


@pytest.mark.parametrize(
    ("chains", "guard"),
    [
        (MARK, ()),
        ({"mark": ['ip daddr 192.0.2.10 meta mark set 1 comment "drop"']}, ()),
        (DROP, ("nft", "delete", "table", "inet", "lvs_toolkit")),
        ({"forward": ['oifname "eth2" drop']}, ("nft", "delete", "table", "inet", "lvs_toolkit")),
    ],
)
def test_what_drops_is_loaded_under_guard(chains: dict[str, list[str]], guard: tuple[str, ...]) -> None:
    part = nftables(chains)

    assert [action.guard for action in part.actions] == [(), (), guard]
    retract = ("systemctl", "disable", "--now", "lvs-nftables.service") if guard else ()
    assert [action.retract for action in part.actions] == [(), (), retract]
    assert part.actions[-1].on == tuple(file.path for file in part.files)


def test_every_drift_of_table_and_unit_is_healed() -> None:
    healed = {kind for action in nftables(MARK).actions for kind in action.heals}

    assert healed == {
        "nftables",
        "reload",
        "enabled lvs-nftables.service",
        "active lvs-nftables.service",
    }


# As nft 1.0.6 and 1.1.3 list it.
LISTING = """table inet lvs_toolkit {
\tset vips4 {
\t\ttype ipv4_addr
\t\telements = { 192.0.2.10,
\t\t\t     192.0.2.11 }
\t}

\tset flood4 {
\t\ttype ipv4_addr
\t\tsize 65536
\t\tflags dynamic,timeout
\t\ttimeout 10s
%s\t}

\tchain raw {
\t\ttype filter hook prerouting priority raw; policy accept;
\t\tip daddr @vips4 drop
\t}
}
"""


def test_clients_that_come_and_go_are_no_difference() -> None:
    quiet = LISTING % ""
    limit = "limit rate over 9/second"
    busy = LISTING % f"\t\telements = {{ 1.2.3.4 {limit},\n\t\t\t     1.2.3.5 {limit} }}\n"

    assert comparable(busy) == comparable(quiet) == quiet


@pytest.mark.parametrize(
    ("old", "new"), [("192.0.2.11", "192.0.2.12"), ("vips4 drop", "vips4 accept"), ("10s", "9s")]
)
def test_other_changes_are(old: str, new: str) -> None:
    listing = LISTING % ""

    assert comparable(listing.replace(old, new)) != comparable(listing)
