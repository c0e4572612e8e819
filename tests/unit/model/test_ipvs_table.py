"""The kernel's IPVS table: read as `ipvsadm -Sn` prints it, and mended by `ipvsadm`'s own commands."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvs_model.document import SCHEDULERS
from lvs_model.ipvs_table import Difference, Server, Table, VirtualService, diff, parse_table

PROTOCOLS = {"TCP": "-t", "UDP": "-u", "SCTP": "--sctp-service", "FWM": "-f"}
METHODS = {"dr": "-g", "tun": "-i", "nat": "-m"}

_ENDPOINTS = st.builds("192.0.2.{}:{}".format, st.integers(1, 5), st.sampled_from([80, 443]))
_SERVERS = st.builds(
    Server,
    weight=st.integers(0, 65535),
    method=st.sampled_from(sorted(METHODS)),
    extra=st.sampled_from([(), ("-x", "100", "-y", "50")]),
)
_SERVICES = st.builds(
    VirtualService,
    scheduler=st.sampled_from(SCHEDULERS),
    servers=st.dictionaries(_ENDPOINTS, _SERVERS, max_size=4),
    extra=st.sampled_from([(), ("-p", "300"), ("-b", "sh-port"), ("-o",)]),
)
_KEYS = st.one_of(
    st.builds("{} {}".format, st.sampled_from(["TCP", "UDP", "SCTP"]), _ENDPOINTS),
    st.builds("FWM {}".format, st.integers(1, 3)),
)
TABLES = st.dictionaries(_KEYS, _SERVICES, max_size=4)


def printed(table: Table) -> str:
    """A table as `ipvsadm -Sn` prints it: each service, then its servers (ipvsadm.c, print_service_entry)."""
    lines: list[tuple[str, ...]] = []
    for key, service in table.items():
        protocol, endpoint = key.split(" ")
        where = (PROTOCOLS[protocol], endpoint)
        lines.append(("-A", *where, "-s", service.scheduler, *service.extra))
        for address, server in service.servers.items():
            options = (METHODS[server.method], "-w", str(server.weight), *server.extra)
            lines.append(("-a", *where, "-r", address, *options))
    return "".join(" ".join(line) + "\n" for line in lines)


def ipvsadm(table: Table, arguments: Sequence[str]) -> None:
    """What `ipvsadm` does to a table: -A -E -D -a -e -d, refusing what the kernel refuses.

    Adding what is there and changing or removing what is not are errors (ip_vs_ctl.c: EEXIST, ESRCH, ENOENT).
    """
    command, protocol, endpoint, *options = arguments
    key = f"{dict(zip(PROTOCOLS.values(), PROTOCOLS, strict=True))[protocol]} {endpoint}"
    if command == "-D":
        del table[key]
    elif command in {"-A", "-E"}:
        assert (command == "-A") == (key not in table), f"ipvsadm {command} {key}"
        servers = table[key].servers if key in table else {}
        assert options[0] == "-s"
        table[key] = VirtualService(options[1], servers, tuple(options[2:]))
    else:
        assert options[0] == "-r"
        address = options[1]
        servers = table[key].servers
        assert (command == "-a") == (address not in servers), f"ipvsadm {command} {key} {address}"
        if command == "-d":
            assert options[2:] == []
            del servers[address]
            return
        method = {option: word for word, option in METHODS.items()}[options[2]]
        assert options[3] == "-w"
        servers[address] = Server(int(options[4]), method, tuple(options[5:]))


TWO_SERVICES = """\
-A -t 192.0.2.10:80 -s wrr
-a -t 192.0.2.10:80 -r 192.0.2.21:80 -g -w 3
-a -t 192.0.2.10:80 -r 192.0.2.22:80 -g -w 0

-A -f 7 -s sh -p 300 -b sh-port
-a -f 7 -r 192.0.2.21:0 -i -w 1 --tun-type ipip
-A -u 192.0.2.10:53 -s rr -o
-A -t [2001:db8::10]:80 -s rr
-a -t [2001:db8::10]:80 -r [2001:db8::21]:80 -m -w 1 -x 10 -y 5
"""


def test_a_printed_table_is_read() -> None:
    assert parse_table(TWO_SERVICES) == {
        "TCP 192.0.2.10:80": VirtualService(
            "wrr", {"192.0.2.21:80": Server(3, "dr"), "192.0.2.22:80": Server(0, "dr")}
        ),
        "FWM 7": VirtualService(
            "sh",
            {"192.0.2.21:0": Server(1, "tun", ("--tun-type", "ipip"))},
            ("-p", "300", "-b", "sh-port"),
        ),
        "UDP 192.0.2.10:53": VirtualService("rr", {}, ("-o",)),
        "TCP [2001:db8::10]:80": VirtualService(
            "rr", {"[2001:db8::21]:80": Server(1, "nat", ("-x", "10", "-y", "5"))}
        ),
    }


@given(table=TABLES)
def test_what_is_printed_is_read_back(table: Table) -> None:
    assert parse_table(printed(table)) == table


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("-A -t 192.0.2.10:80 -s rr\n-Z\n", "line 2: '-Z'"),
        ("-A -x 192.0.2.10:80 -s rr", "line 1: '-A -x 192.0.2.10:80 -s rr'"),
        ("-A -t 192.0.2.10:80", "line 1: '-A -t 192.0.2.10:80'"),
        ("-A -t 192.0.2.10:80 -s", "line 1: '-A -t 192.0.2.10:80 -s'"),
        ("-D -t 192.0.2.10:80 -s rr", "line 1: '-D -t 192.0.2.10:80 -s rr'"),
        ("-a -t 192.0.2.10:80 -r 192.0.2.21:80 -g -w 1", "line 1: '-a -t "),
        ("\n-A -t 1.2.3.4:5 -s rr\n-a -t 1.2.3.4:5 -r 1.1.1.1:5 -w 1", "line 3: '-a "),
        ("-A -t 1.2.3.4:5 -s rr\n-a -t 1.2.3.4:5 -r 1.1.1.1:5 -g -w x", "line 2: '-a "),
    ],
)
def test_a_line_that_ipvsadm_never_prints_is_named(text: str, line: str) -> None:
    with pytest.raises(ValueError, match="is not understood") as error:
        parse_table(text)

    assert str(error.value).startswith(f"ipvsadm -Sn, {line}")


@given(text=st.text(st.sampled_from("-AaEtufrgws 1.:\n"), max_size=60))
def test_any_text_is_a_table_or_a_value_error(text: str) -> None:
    try:
        table = parse_table(text)
    except ValueError as error:
        assert str(error).startswith("ipvsadm -Sn, line ")
    else:
        assert parse_table(printed(table)) == table


ONE = {"TCP 192.0.2.10:80": VirtualService("wrr", {"192.0.2.21:80": Server(3, "dr")})}


@pytest.mark.parametrize(
    ("found", "difference"),
    [
        (
            "-A -t 192.0.2.10:80 -s wrr",
            Difference(
                "TCP 192.0.2.10:80",
                "192.0.2.21:80",
                "missing",
                "TCP 192.0.2.10:80: real server 192.0.2.21:80 is missing",
                ("-a", "-t", "192.0.2.10:80", "-r", "192.0.2.21:80", "-g", "-w", "3"),
            ),
        ),
        (
            "-A -t 192.0.2.10:80 -s wrr\n-a -t 192.0.2.10:80 -r 192.0.2.21:80 -i -w 2",
            Difference(
                "TCP 192.0.2.10:80",
                "192.0.2.21:80",
                "different",
                "TCP 192.0.2.10:80: real server has -r 192.0.2.21:80 -i -w 2, not -r 192.0.2.21:80 -g -w 3",
                ("-e", "-t", "192.0.2.10:80", "-r", "192.0.2.21:80", "-g", "-w", "3"),
            ),
        ),
        (
            "-A -t 192.0.2.10:80 -s rr -p 300\n-a -t 192.0.2.10:80 -r 192.0.2.21:80 -g -w 3",
            Difference(
                "TCP 192.0.2.10:80",
                None,
                "different",
                "TCP 192.0.2.10:80 has -s rr -p 300, not -s wrr",
                ("-E", "-t", "192.0.2.10:80", "-s", "wrr"),
            ),
        ),
        (
            "-A -t 192.0.2.10:80 -s wrr\n-a -t 192.0.2.10:80 -r 192.0.2.21:80 -g -w 3\n"
            "-a -t 192.0.2.10:80 -r 192.0.2.99:80 -g -w 1",
            Difference(
                "TCP 192.0.2.10:80",
                "192.0.2.99:80",
                "extra",
                "TCP 192.0.2.10:80: real server 192.0.2.99:80 is not in the plan",
                ("-d", "-t", "192.0.2.10:80", "-r", "192.0.2.99:80"),
            ),
        ),
        (
            "-A -t 192.0.2.10:80 -s wrr\n-a -t 192.0.2.10:80 -r 192.0.2.21:80 -g -w 3\n-A -f 7 -s rr",
            Difference("FWM 7", None, "extra", "FWM 7 is not in the plan", ("-D", "-f", "7")),
        ),
    ],
)
def test_one_difference_and_its_remedy(found: str, difference: Difference) -> None:
    assert diff(ONE, parse_table(found)) == [difference]


def test_a_missing_service_comes_back_with_its_servers() -> None:
    assert [(entry.kind, entry.fix[0]) for entry in diff(ONE, {})] == [("missing", "-A"), ("missing", "-a")]


@given(planned=TABLES, found=TABLES)
def test_the_remedies_in_their_order_lead_to_the_planned_table(planned: Table, found: Table) -> None:
    table = parse_table(printed(found))
    differences = diff(planned, table)

    for difference in differences:
        ipvsadm(table, difference.fix)

    assert table == planned
    assert diff(planned, table) == []
    assert (differences == []) == (found == planned)
    assert all(difference.key in difference.text for difference in differences)
