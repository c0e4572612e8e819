"""The kernel's IPVS table: read as `ipvsadm -Sn` prints it, and mended by `ipvsadm`'s own commands."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvs_model.ipvs_table import (
    Difference,
    Server,
    Table,
    VirtualService,
    diff,
    parse_table,
    read_table,
    with_thresholds,
)
from lvs_model.refused import RefusedError

PROTOCOLS = {"TCP": "-t", "UDP": "-u", "SCTP": "--sctp-service", "FWM": "-f"}
METHODS = {"dr": "-g", "tun": "-i", "nat": "-m"}

_ENDPOINTS = st.builds(
    "{}:{}".format,
    st.sampled_from(["192.0.2.1", "192.0.2.2", "198.51.100.7", "[2001:db8::1]", "[2001:db8::2]"]),
    st.sampled_from([0, 80, 443]),
)
# Without thresholds: ipvsadm -Sn prints none.
_SERVERS = st.one_of(
    st.builds(Server, weight=st.integers(0, 65535), method=st.sampled_from(["dr", "nat"])),
    st.builds(
        Server,
        weight=st.integers(0, 65535),
        method=st.just("tun"),
        extra=st.sampled_from(
            [
                (),
                ("--tun-type", "gue", "--tun-port", "6080"),
                ("--tun-type", "gue", "--tun-port", "6080", "--tun-remcsum"),
                ("--tun-type", "gre", "--tun-csum"),
            ]
        ),
    ),
)
_SERVICES = st.builds(
    VirtualService,
    scheduler=st.sampled_from(["rr", "wrr", "wlc", "sh", "mh", "ovf"]),
    servers=st.dictionaries(_ENDPOINTS, _SERVERS, max_size=4),
    extra=st.sampled_from(
        [
            (),
            ("-p", "300"),
            ("-p", "300", "-M", "255.255.255.0"),
            ("-p", "60", "-M", "64", "--pe", "sip"),
            ("-b", "sh-fallback,sh-port"),
            ("-o",),
            ("-p", "360", "-o", "-b", "flag-1"),
        ]
    ),
)
_KEYS = st.one_of(
    st.builds("{} {}".format, st.sampled_from(["TCP", "UDP", "SCTP"]), _ENDPOINTS),
    st.builds("FWM {}{}".format, st.integers(1, 3), st.sampled_from(["", " IPv6"])),
)
TABLES = st.dictionaries(_KEYS, _SERVICES, max_size=4)


def printed(table: Table) -> str:
    """A table as `ipvsadm -Sn` prints it: each service, then its servers (ipvsadm.c, print_service_entry)."""
    lines: list[tuple[str, ...]] = []
    for key, service in table.items():
        protocol, *endpoint = key.replace(" IPv6", " -6").split(" ")
        where = (PROTOCOLS[protocol], *endpoint)
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
    if options[:1] == ["-6"]:
        key, options = f"{key} IPv6", options[1:]
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
-A -f 7 -6 -s rr -p 60 -M 64 --pe sip
-a -f 7 -6 -r [2001:DB8:0::21]:0 -i -w 2 --tun-type gue --tun-port 6080 --tun-nocsum
-a -f 7 -6 -r [2001:db8::22]:0 -i -w 2 --tun-type gre --tun-csum
-A --sctp-service 192.0.2.10:0 -s mh -p 360 -M 255.255.255.255 -b mh-port,mh-fallback
"""


def test_a_printed_table_is_read() -> None:
    assert parse_table(TWO_SERVICES) == {
        "TCP 192.0.2.10:80": VirtualService(
            "wrr", {"192.0.2.21:80": Server(3, "dr"), "192.0.2.22:80": Server(0, "dr")}
        ),
        "FWM 7": VirtualService(
            "sh",
            {"192.0.2.21:0": Server(1, "tun")},
            ("-p", "300", "-b", "sh-port"),
        ),
        "UDP 192.0.2.10:53": VirtualService("rr", {}, ("-o",)),
        "TCP [2001:db8::10]:80": VirtualService(
            "rr", {"[2001:db8::21]:80": Server(1, "nat", ("-x", "10", "-y", "5"))}
        ),
        "FWM 7 IPv6": VirtualService(
            "rr",
            {
                "[2001:db8::21]:0": Server(2, "tun", ("--tun-type", "gue", "--tun-port", "6080")),
                "[2001:db8::22]:0": Server(2, "tun", ("--tun-type", "gre", "--tun-csum")),
            },
            ("-p", "60", "-M", "64", "--pe", "sip"),
        ),
        "SCTP 192.0.2.10:0": VirtualService("mh", {}, ("-p", "360", "-b", "mh-fallback,mh-port")),
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
        (
            "-A -t www:http -s rr",
            "line 1: '-A -t www:http -s rr' is not understood (www:http is no address:port",
        ),
        ("-A -t 192.0.2.300:80 -s rr", "line 1: "),
        ("-A -t 192.0.2.10:65536 -s rr", "line 1: "),
        ("-A -t [192.0.2.10]:80 -s rr", "line 1: "),
        ("-A -f www -s rr", "line 1: "),
        (
            "-A -t 1.2.3.4:5 -s rr --new",
            "line 1: '-A -t 1.2.3.4:5 -s rr --new' is not understood (unknown option",
        ),
        (
            "-A -t 1.2.3.4:5 -s rr -p",
            "line 1: '-A -t 1.2.3.4:5 -s rr -p' is not understood (-p lacks its value",
        ),
        (
            "-A -t 1.2.3.4:5 -s rr -o -o",
            "line 1: '-A -t 1.2.3.4:5 -s rr -o -o' is not understood (-o is there",
        ),
        ("-A -t 1.2.3.4:5 -s rr -6", "line 1: "),
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


GUE = "-a -t 192.0.2.10:80 -r 192.0.2.21:80 -i -w 1 --tun-type gue --tun-port 6080"
SERVICE = "-A -t 192.0.2.10:80 -s sh"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"{SERVICE} -b sh-port,sh-fallback", f"{SERVICE} -b sh-fallback,sh-port"),
        (f"{SERVICE} -o -p 60", f"{SERVICE} -p 60 -o"),
        (f"{SERVICE} -p 60 -M 255.255.255.255", f"{SERVICE} -p 60"),
        (f"{SERVICE}\n{GUE} --tun-nocsum", f"{SERVICE}\n{GUE}"),
        (f"{SERVICE}\n{GUE}", f"{SERVICE}\n{GUE.replace('gue --tun-port 6080', 'gue  --tun-port 6080')}"),
        (
            f"{SERVICE}\n-a -t 192.0.2.10:80 -r 192.0.2.21:80 -i -w 1 --tun-type ipip",
            f"{SERVICE}\n-a -t 192.0.2.10:80 -r 192.0.2.21:80 -i -w 1",
        ),
        ("-A -t [2001:DB8:0:0::1]:80 -s rr", "-A -t [2001:db8::1]:80 -s rr"),
    ],
)
def test_two_ways_to_print_the_same_do_not_differ(one: str, other: str) -> None:
    assert diff(parse_table(one), parse_table(other)) == diff(parse_table(other), parse_table(one)) == []


def test_a_default_that_the_plan_spells_out_does_not_differ() -> None:
    spelt = {
        "TCP 192.0.2.10:80": VirtualService(
            "rr", {"192.0.2.21:80": Server(1, "tun", ("--tun-type", "ipip"))}, ("-M", "255.255.255.255")
        )
    }

    assert diff(spelt, parse_table(printed(spelt))) == []


def with_server(*extra: str) -> Table:
    return {"TCP 192.0.2.10:80": VirtualService("rr", {"192.0.2.21:80": Server(1, "dr", extra)})}


@pytest.mark.parametrize(
    ("planned", "found", "differ"),
    [
        # ipvsadm -Sn prints no thresholds: that it says none proves nothing.
        (("-x", "100", "-y", "50"), (), False),
        ((), ("-x", "100"), True),
        (("-x", "100"), ("-x", "99"), True),
        (("-x", "100", "-y", "50"), ("-x", "100"), True),
        (("-x", "100"), ("-x", "100", "-y", "0"), False),
        (("-y", "50", "-x", "100"), ("-x", "100", "-y", "50"), False),
    ],
)
def test_thresholds_are_compared_where_they_are_told(
    planned: tuple[str, ...], found: tuple[str, ...], differ: bool
) -> None:
    assert [entry.kind for entry in diff(with_server(*planned), with_server(*found))] == (
        ["different"] if differ else []
    )


@pytest.mark.parametrize(("upper", "lower", "differ"), [(100, 50, False), (100, 0, True), (0, 0, True)])
def test_none_is_told_too(upper: int, lower: int, *, differ: bool) -> None:
    """A reload of keepalived does not push a change of thresholds alone."""
    limits = {
        ("TCP 192.0.2.10:80", "192.0.2.21:80"): (upper, lower),
        ("TCP 192.0.2.10:80", "of others"): (1, 1),
    }

    found = diff(with_server("-x", "100", "-y", "50"), with_thresholds(with_server(), limits))
    assert [entry.kind for entry in found] == (["different"] if differ else [])


def test_a_server_that_is_mended_gets_its_thresholds_again() -> None:
    (entry,) = diff(
        with_server("-x", "100", "-y", "50"),
        parse_table("-A -t 192.0.2.10:80 -s rr\n-a -t 192.0.2.10:80 -r 192.0.2.21:80 -g -w 9"),
    )

    assert entry.fix[-6:] == ("-w", "1", "-x", "100", "-y", "50")


def as_data(table: Table) -> dict[str, object]:
    """A table as the plan has it, with keys of its own besides."""
    return {
        key: {
            "scheduler": service.scheduler,
            "min_servers": 1,
            "extra": list(service.extra),
            "servers": {
                address: {"weight": server.weight, "method": server.method, "extra": list(server.extra)}
                for address, server in service.servers.items()
            },
        }
        for key, service in table.items()
    }


@given(table=TABLES)
def test_plain_data_and_printed_text_are_the_same_table(table: Table) -> None:
    assert read_table(as_data(table)) == read_table(printed(table)) == table


@pytest.mark.parametrize(
    ("planned", "says"),
    [
        ([], "[] is no table"),
        (
            {"TCP 192.0.2.10:80": {"servers": {}}},
            "TCP 192.0.2.10:80: this is no service (it lacks 'scheduler')",
        ),
        ({"TCP 192.0.2.10:80": 5}, "TCP 192.0.2.10:80: this is no service ("),
        ({"ICMP 192.0.2.10:80": {}}, "ICMP 192.0.2.10:80: this is no service (there is no protocol ICMP)"),
        (
            {"TCP 192.0.2.10": {"scheduler": "rr", "servers": {}}},
            "TCP 192.0.2.10: this is no service (192.0.2.10 is no address:port in numbers)",
        ),
        (
            {"FWM 7": {"scheduler": "rr", "servers": {"192.0.2.21:0": {"weight": "1", "method": "dr"}}}},
            "FWM 7: this is no service ('1' is no weight)",
        ),
        (
            {"FWM 7": {"scheduler": "rr", "servers": {"192.0.2.21:0": {"weight": 1, "method": "gate"}}}},
            "FWM 7: this is no service ('gate' is no method, which are dr, tun and nat)",
        ),
        (
            {"FWM 7": {"scheduler": "rr", "servers": {}, "extra": ["-P"]}},
            "FWM 7: this is no service (unknown option -P)",
        ),
    ],
)
def test_data_that_is_no_table_is_named(planned: object, says: str) -> None:
    with pytest.raises(RefusedError) as error:
        read_table(planned)  # type: ignore[arg-type]

    assert str(error.value).startswith(says)
    assert error.value.remedy


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
