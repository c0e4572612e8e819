"""Field checks of the cluster document: input -> exact error text."""

from __future__ import annotations

from typing import Any

import pytest

from lvs_model.document import SCHEDULERS, Check, Cluster, Network

from .builders import Case


def put(value: Any, path: str, new: Any) -> None:  # noqa: ANN401
    """Set what stands at a path such as "services/0/check"; a key may be new."""
    *steps, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    for step in steps:
        value = value[step]
    value[last] = new


def place(path: str) -> str:
    """The same path as problems write it: ".services[0].check"."""
    return "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in path.split("/"))


NAME_RULE = "a name is 1 to 31 of a-z, 0-9, '_' and '-', and begins with a letter"
INTERFACE_RULE = "an interface name is 1 to 15 of A-Z, a-z, 0-9, '_', '.' and '-', and not lo"
TOKEN_RULE = "use 1 to 255 of A-Z, a-z, 0-9 and /_.:?&=%+,;@*()~-, not beginning with '~'"  # noqa: S105
UNICAST_RULE = "use an address of the network's own, no multicast, loopback or link-local one"
S0 = "lvs_cluster[edge].services[0]"
_NETWORK = {"interface": "eth2", "subnets": ["10.0.0.0/8"]}


KNOWN = {
    "servces": "connection_sync, directors, engine, failover, ipvs, name, networks, services",
    "networks/front/mtu": "interface, segment, subnets",
    "connection_sync/id": "network",
    "services/0/forwardng": "check, forwarding, min_servers, name, pool, ports, probe, protocol, scheduler, "
    "vips",
    "services/0/check/pth": "interval, path, port, retries, status, timeout, type, virtual_host",
}


@pytest.mark.parametrize(("path", "known"), KNOWN.items())
def test_an_unknown_key_is_named_with_those_that_are_known(path: str, known: str) -> None:
    case = Case()
    put(case.document, path, 1)

    assert case.problems() == [
        f"lvs_cluster[edge]{place(path)}: unknown key: remove it, or mend its spelling (known here: {known})"
    ]


@pytest.mark.parametrize(
    "path",
    [
        "directors",
        "networks",
        "failover",
        "failover/network",
        "services",
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

    assert case.problems() == [f"lvs_cluster[edge]{place(path)}: this key is missing: add it"]


VIP = "services/0/vips/0"
PORT = "services/0/ports/0"
PATH = "services/0/check/path"
HOST = "services/0/check/virtual_host"
HEADER = "services/0/probe/header"
INTERFACE = "networks/front/interface"
WHOLE = "write a whole number"
KEYS = "write keys and values: {key: value}"
TEXT = "an address is a text, such as 192.0.2.10"


@pytest.mark.parametrize(
    ("path", "value", "what", "remedy"),
    [
        # Addresses and networks.
        *(
            (VIP, value, f"'{value}' is not an IPv4 address", "write it as 192.0.2.10")
            for value in ("192.0.2.256", "www", "192.0.2.10/32", "2001:db8::10", "")
        ),
        *((VIP, value, f"{value} is not allowed", TEXT) for value in (None, 80, True)),
        *(
            (VIP, value, f"'{value}' is not allowed", UNICAST_RULE)
            for value in ("224.0.0.9", "127.0.0.1", "0.0.0.0", "169.254.1.1")  # noqa: S104 - nothing is bound
        ),
        ("services/0/vips", [], "this is empty", "give at least one"),
        (
            "networks/front/subnets/0",
            "192.0.2.1/24",
            "'192.0.2.1/24' is not an IPv4 network",
            "write it as 192.0.2.0/24, with no host bits set",
        ),
        # Choices.
        ("services/0/scheduler", "wr", "'wr' is not allowed", f"use one of {', '.join(SCHEDULERS)}"),
        ("services/0/forwarding", "nat", "'nat' is not allowed", "use 'dr'"),
        ("services/0/protocol", "udp", "'udp' is not allowed", "use 'tcp'"),
        ("services/0/check/type", "smtp", "'smtp' is not allowed", "use 'http' or 'tcp'"),
        ("engine", "ldirectord", "'ldirectord' is not allowed", "use 'keepalived'"),
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
            (PATH, value, f"{value!r} is not allowed", TOKEN_RULE)
            for value in ("/a b", "/}", "/#", "/!", "/'", "/$HOME", "/\0", "/\n", "/é", "/" + "a" * 255)
        ),
        (PATH, "healthz", "'healthz' is not allowed", "begin it with '/'"),
        (HOST, 'a"b', "'a\"b' is not allowed", TOKEN_RULE),
        (HOST, "~SEQ(a,1,9)", "'~SEQ(a,1,9)' is not allowed", TOKEN_RULE),
        (HOST, "", "'' is not allowed", TOKEN_RULE),
        (HEADER, "", "'' is not allowed", TOKEN_RULE),
        (HEADER, "X:\n", "'X:\\n' is not allowed", TOKEN_RULE),
        # Numbers; YAML's `yes` is none.
        (PORT, True, "True is not allowed", "this is a boolean, a number is expected"),
        (PORT, "http", "'http' is no whole number", WHOLE),
        (PORT, 80.5, "80.5 is no whole number", WHOLE),
        (PORT, None, "None is no whole number", WHOLE),
        ("services/0/check/interval", "soon", "'soon' is no number", "write a number"),
        # Other kinds of value.
        ("services/0/ports", "80", "'80' is no list", "write a list: [a, b]"),
        ("services/0/check", "http", "'http' is not a set of keys", KEYS),
        ("networks", ["front"], "['front'] is not a set of keys", KEYS),
        ("networks", {}, "this is empty", "give at least one"),
    ],
)
def test_a_wrong_value_is_named_with_its_place_and_remedy(
    path: str, value: object, what: str, remedy: str
) -> None:
    case = Case()
    put(case.document, path, value)

    assert case.problems() == [f"lvs_cluster[edge]{place(path)}: {what}: {remedy}"]


@pytest.mark.parametrize(
    ("path", "lowest", "highest", "below", "above"),
    [
        ("services/0/ports/0", 1, 65535, 0, 65536),
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
        case = Case()
        case.document["ipvs"] = {}
        put(case.document, path, value)
        return case.problems()

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
    case = Case()
    put(case.document, path, value)

    (problem,) = case.problems()

    assert problem.startswith(f"lvs_cluster[edge]{place(path)}: ")
    assert len(problem.split(": ")) >= 3
    assert "pydantic" not in problem and "Input should" not in problem and "instance of" not in problem


def test_a_document_without_a_name_is_called_by_its_variable() -> None:
    case = Case()
    del case.document["name"]

    assert case.problems() == ["lvs_cluster.name: this key is missing: add it"]


def test_values_that_only_look_like_text_are_numbers() -> None:
    """Ansible's older templates make texts of numbers."""
    case = Case()
    case.service["ports"] = ["80"]
    case.hostvars["web1"]["lvs_weight"] = "3"

    assert case.plan()["hosts"] == Case().plan()["hosts"]


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
    check = service.check
    assert (check.type, check.interval, check.timeout, check.retries) == ("tcp", 2, 2, 2)
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
    check = Check.model_validate(options)

    assert check.retry_delay == retry_delay
    assert check.first_result_s == pytest.approx(first_result)
    assert check.detection_s == pytest.approx(detection)


def test_the_schema_for_editors_describes_every_field() -> None:
    definitions = Cluster.model_json_schema()["$defs"]

    assert {"Service", "Network", "Failover", "Check", "Probe"} <= set(definitions)
    assert all(one.get("additionalProperties") is False for one in definitions.values())
