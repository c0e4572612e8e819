"""Field checks of the cluster document: input -> exact error text."""

from __future__ import annotations

from typing import Any

import pytest

from lvs_model.document import SCHEDULERS, Cluster, Network, TcpCheck
from lvs_model.inventory import read_inventory

from .builders import Case
from .documents import field_problems, place, problems_at

NAME_RULE = "a name is 1 to 31 of a-z, 0-9, '_' and '-', and begins with a letter"
INTERFACE_RULE = "an interface name is 1 to 15 of A-Z, a-z, 0-9, '_', '.' and '-', and not lo"
TOKEN_RULE = "use 1 to 255 of A-Z, a-z, 0-9 and /_.:?&=%+,;@*()~-, not beginning with '~'"  # noqa: S105
PATH_RULE = "begin it with '/', and use up to 254 more of A-Z, a-z, 0-9 and /_.:?&=%+,;@*()~-"
UNICAST_RULE = "use an address of the network's own, no multicast, broadcast, loopback or link-local one"
S0 = "lvs_cluster[edge].services[0]"
_NETWORK = {"interface": "eth2", "subnets": ["10.0.0.0/8"]}


KNOWN = {
    "servces": "connection_sync, directors, email, engine, extra_lines, failover, firewall, ipvs, "
    "ldirectord, name, networks, platforms, services, weight_error",
    "networks/front/mtuu": "interface, mtu, routed_in, segment, subnets",
    "connection_sync/ttll": "daemons, group, id, longest, network, port, refresh, retries, threshold, ttl",
    "services/0/forwardng": "check, extra_lines, fallback, forwarding, hysteresis, mark, min_servers, name, "
    "notify, notify_at_stop, on_failure, one_packet, persistence, persistence_prefix, pool, ports, probe, "
    "protocol, quorum, scheduler, scheduler_flags, server_port, starts_down, thresholds, tunnel, vips",
    "services/0/check/pth": "address, digest, interval, path, port, receive, retries, retry_delay, status, "
    "timeout, type, virtual_host, warm_up",
    "failover/track/scrips": "networks, processes, scripts",
}


@pytest.mark.parametrize(("path", "known"), KNOWN.items())
def test_an_unknown_key_is_named_with_those_that_are_known(path: str, known: str) -> None:
    assert problems_at(path, 1) == [
        f"lvs_cluster[edge]{place(path)}: unknown key: remove it, or mend its spelling (known here: {known})"
    ]


@pytest.mark.parametrize(
    "path",
    [
        "directors",
        "networks",
        "failover",
        "failover/network",
        "services/0/vips",
        "networks/front/subnets",
    ],
)
def test_a_missing_key_is_named(path: str) -> None:
    case = Case()
    *steps, last = path.split("/")
    value: Any = case.document
    for step in steps:
        value = value[int(step) if step.isdigit() else step]
    del value[last]

    assert field_problems(case) == [f"lvs_cluster[edge]{place(path)}: this key is missing: add it"]


VIP = "services/0/vips/0"
PORT = "services/0/ports/0"
PATH = "services/0/check/path"
HOST = "services/0/check/virtual_host"
HEADER = "services/0/probe/header"
INTERFACE = "networks/front/interface"
WHOLE = "write a whole number"
KEYS = "write keys and values: {key: value}"
ADDRESS = "write it as 192.0.2.10 or 2001:db8::10"
SUBNET = "write it as 192.0.2.0/24 or 2001:db8::/64, with no host bits set"
CHECK_RULE = "write {type: …} with one of tcp, http, https, smtp, dns, ping, udp, script, file"
PORT_RULE = "write 80, '6970-6999' or '554/tcp', with ports from 1 to 65535"


@pytest.mark.parametrize(
    ("path", "value", "what", "remedy"),
    [
        # Addresses and networks.
        *(
            (VIP, value, f"{value!r} is no IP address", ADDRESS)
            for value in ("192.0.2.256", "www", "192.0.2.10/32", "2001:db8::g", "fe80::1%eth0", "", None)
        ),
        # ipaddress would take numbers.
        *((VIP, value, f"{value} is no IP address", ADDRESS) for value in (80, True)),
        *(
            (VIP, value, f"'{value}' is not allowed", UNICAST_RULE)
            for value in ("224.0.0.9", "127.0.0.1", "0.0.0.0", "0.0.0.80", "169.254.1.1")  # noqa: S104
        ),
        *(
            (VIP, value, f"'{value}' is not allowed", UNICAST_RULE)
            for value in ("255.255.255.255", "ff02::12", "::1", "::", "fe80::1")
        ),
        (
            VIP,
            "::ffff:192.0.2.10",
            "'::ffff:192.0.2.10' is an IPv4 address in IPv6 clothes",
            "write it as 192.0.2.10",
        ),
        ("services/0/vips", [], "this is empty", "give at least one"),
        *(
            ("networks/front/subnets/0", value, f"{value!r} is no IP network", SUBNET)
            for value in ("192.0.2.1/24", "2001:db8::1/64", "front", 24)
        ),
        # Choices.
        ("services/0/scheduler", "wr", "'wr' is not allowed", f"use one of {', '.join(SCHEDULERS)}"),
        (
            "services/0/forwarding",
            "fullnat",
            "'fullnat' is not allowed",
            "use 'dr', 'nat', 'tun' or 'masquerade'",
        ),
        ("services/0/protocol", "icmp", "'icmp' is not allowed", "use 'tcp', 'udp' or 'sctp'"),
        ("failover/version", "3", "'3' is not allowed", "use a value 2 or 3"),
        ("engine", "nginx", "'nginx' is not allowed", "use 'keepalived' or 'ldirectord'"),
        ("failover/failback", "perhaps", "'perhaps' is no boolean", "write true or false"),
        # Names.
        ("services/0/name", "Web", "'Web' is not allowed", NAME_RULE),
        ("services/0/name", "w" * 32, f"'{'w' * 32}' is not allowed", NAME_RULE),
        ("services/0/name", 80, "80 is no text", "write a text"),
        ("directors", "", "this is empty", "write a text"),
        ("networks/Front", _NETWORK, "'Front' is not allowed", NAME_RULE),
        *(
            (INTERFACE, value, f"'{value}' is not allowed", INTERFACE_RULE)
            for value in ("bond 0", "i" * 16, "eth0:1", "eth0;x", "eth0$x", "lo", "..", "")
        ),
        # What would end a value in a daemon's configuration, or be expanded there.
        *(
            (PATH, value, f"{value!r} is not allowed", PATH_RULE)
            for value in ("/a b", "/}", "/#", "/!", "/'", "/$HOME", "/\0", "/\n", "/é", "/\\")
        ),
        (PATH, "healthz", "'healthz' is not allowed", PATH_RULE),
        (PATH, "/" + "a" * 255, f"'/{'a' * 78}… is not allowed", PATH_RULE),
        (HOST, 'a"b', "'a\"b' is not allowed", TOKEN_RULE),
        (HOST, "~SEQ(a,1,9)", "'~SEQ(a,1,9)' is not allowed", TOKEN_RULE),
        (HOST, "", "'' is not allowed", TOKEN_RULE),
        (HEADER, "", "'' is not allowed", TOKEN_RULE),
        (HEADER, "X:\n", "'X:\\n' is not allowed", TOKEN_RULE),
        # Numbers; YAML's `yes` is none.
        *(
            (PORT, value, f"{value!r} is no port", PORT_RULE)
            for value in (
                True,
                "http",
                80.5,
                None,
                0,
                65536,
                -1,
                "0-80",
                "80-79",
                "80-65536",
                "80/icmp",
                "80 ",
            )
        ),
        ("services/0/quorum", True, "True is not allowed", "this is a boolean, a number is expected"),
        ("services/0/quorum", 1.5, "1.5 is no whole number", WHOLE),
        ("services/0/quorum", "few", "'few' is no whole number", WHOLE),
        ("services/0/quorum", "9" * 5000, f"'{'9' * 79}… is too large", "write a smaller number"),
        ("services/0/check/interval", "soon", "'soon' is no number", "write a number"),
        # Other kinds of value.
        ("services/0/ports", "80", "'80' is no list", "write a list: [a, b]"),
        *(
            ("services/0/check", value, f"{value!r} is no check that the toolkit knows", CHECK_RULE)
            for value in ("http", None, {"type": "icmp"}, {"type": None}, {"type": ["tcp"]})
        ),
        ("services/0/check", [], "this is empty", "give at least one"),
        ("networks", ["front"], "['front'] is not a set of keys", KEYS),
        ("networks", {}, "this is empty", "give at least one"),
    ],
)
def test_a_wrong_value_is_named_with_its_place_and_remedy(
    path: str, value: object, what: str, remedy: str
) -> None:
    assert problems_at(path, value) == [f"lvs_cluster[edge]{place(path)}: {what}: {remedy}"]


@pytest.mark.parametrize(
    ("path", "lowest", "highest", "below", "above"),
    [
        ("services/0/check/port", 1, 65535, 0, 65536),
        ("services/0/check/status", 100, 599, 99, 600),
        ("services/0/check/interval", 0.1, 3600, 0.09, 3601),
        ("services/0/check/timeout", 0.1, 3600, 0.09, 3601),
        ("services/0/check/retries", 0, 100, -1, 101),
        ("services/0/probe/status", 100, 599, 99, 600),
        ("services/0/probe/requests", 1, 10000, 0, 10001),
        ("failover/advert_interval", 0.01, 40.95, 0, 40.96),
        ("failover/failback_delay", 0, 1000, -1, 1001),
        ("failover/router_id", 1, 255, 0, 256),
        ("ipvs/table_bits", 8, 20, 7, 21),
    ],
)
def test_a_number_has_its_limits(
    path: str, lowest: float, highest: float, below: float, above: float
) -> None:
    def problems(value: float) -> list[str]:
        return problems_at(path, value)

    where = "lvs_cluster[edge]" + place(path)
    rule = "is not allowed: use a value"
    assert problems(lowest) == problems(highest) == []
    assert problems(below) == [f"{where}: {below} {rule} greater than or equal to {lowest}"]
    assert problems(above) == [f"{where}: {above} {rule} less than or equal to {highest}"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("services/0/ports/0", None),
        ("services/0/ports/0", []),
        ("services/0/vips", "192.0.2.10"),
        ("services/0/check", None),
        ("services/0/check/interval", float("nan")),
        ("services/0/check/interval", float("inf")),
        ("services/0/name", None),
        ("services", {}),
        ("services", None),
        ("services/0", "www"),
        ("networks/front", "eth0"),
        ("networks/front/segment", ""),
        ("networks/front/subnets/0", True),
        ("failover", "front"),
        ("failover/advert_interval", 0.255),
        ("connection_sync", "sync"),
    ],
)
def test_a_value_of_another_kind_is_one_problem_at_its_place(path: str, value: object) -> None:
    (problem,) = problems_at(path, value)

    assert problem.startswith(f"lvs_cluster[edge]{place(path)}: ")
    assert len(problem.split(": ")) >= 3
    assert "pydantic" not in problem and "Input should" not in problem and "instance of" not in problem


def test_a_document_without_a_name_is_called_by_its_variable() -> None:
    case = Case()
    del case.document["name"]

    assert field_problems(case) == ["lvs_cluster.name: this key is missing: add it"]


def test_a_check_in_a_list_is_named_with_its_number() -> None:
    assert problems_at("services/0/check", [{"type": "tcp"}, "http", {"type": "http", "path": "x"}]) == [
        f"{S0}.check[1]: 'http' is no check that the toolkit knows: {CHECK_RULE}",
        f"{S0}.check[2].path: 'x' is not allowed: {PATH_RULE}",
    ]


def test_values_that_only_look_like_text_are_numbers() -> None:
    """Templates can make texts of numbers."""
    case = Case()
    case.service["ports"] = ["80"]
    case.service["mark"] = "7"
    case.hostvars["web1"]["lvs_weight"] = "3"
    inventory, problems = read_inventory(*case.inputs())
    (service,) = inventory.clusters["edge"].services

    assert problems == []
    assert (service.endpoints(), service.mark) == ([("tcp", 80)], 7)
    assert inventory.hosts["web1"].variables.lvs_weight == 3


def test_defaults_are_what_the_design_promises() -> None:
    cluster = Cluster.model_validate(
        {
            "name": "edge",
            "directors": "edge_directors",
            "networks": {"front": {"interface": "eth0", "subnets": ["192.0.2.0/24"]}},
            "failover": {"network": "front"},
            "services": [{"name": "www", "vips": ["192.0.2.10"], "ports": [80], "pool": "edge_web"}],
        }
    )
    (service,) = cluster.services

    assert (cluster.failover.failback, cluster.failover.advert_interval) == (False, 1.0)
    assert (service.protocol, service.forwarding, service.scheduler) == ("tcp", "dr", "wlc")
    (check,) = service.checks
    assert isinstance(check, TcpCheck)
    assert (check.interval, check.timeout, check.retries) == (2, 2, 2)
    assert cluster.networks["front"].segment_name == "192.0.2.0/24"
    assert (
        Network.model_validate(
            {"interface": "eth0", "subnets": ["192.0.2.0/24"], "segment": "dc1"}
        ).segment_name
        == "dc1"
    )


@pytest.mark.parametrize(
    ("options", "retry_delay", "first_result", "detection"),
    [
        ({}, 1.0, 8.0, 10.0),  # three times 2 s, 1 s between them; the failure came just after a good check
        ({"interval": 0.5, "timeout": 0.5, "retries": 1}, 0.5, 1.5, 2.0),
        ({"interval": 10, "timeout": 3, "retries": 0}, 1.0, 3.0, 13.0),
    ],
)
def test_times_of_a_check(
    options: dict[str, float], retry_delay: float, first_result: float, detection: float
) -> None:
    check = TcpCheck.model_validate(options)

    assert check.delay_before_retry_s == retry_delay
    assert check.first_result_s == pytest.approx(first_result)
    assert check.detection_s == pytest.approx(detection)
