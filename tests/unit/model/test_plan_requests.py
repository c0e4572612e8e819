"""The plan's requests: what a client asks for every service, how often, and what that can prove."""

from __future__ import annotations

from typing import Any

import pytest

from .builders import Case


def test_the_client_asks_for_every_endpoint_as_the_probe_says() -> None:
    case = Case()
    case.service.update(vips=["192.0.2.10", "192.0.2.20"])
    case.service["probe"].update(path="/who", virtual_host="www.example.com", status=204, requests=7)
    case.add_service("mail", ports=[25], check={"type": "tcp"}, probe={})
    case.add_host("client2", "probes")

    probes = case.plan()["probes"]

    assert list(probes) == ["client1"]
    first, second, third = probes["client1"]["requests"]
    assert first == second | {"name": "edge/www 192.0.2.10:80", "address": "192.0.2.10"}
    # Seven requests are rounded up to two whole rounds of weights 3, 2 and 1.
    wanted = {"path": "/who", "host": "www.example.com", "status": [204], "identify": "header", "count": 12}
    assert {key: first[key] for key in wanted} == wanted
    assert (third["protocol"], third["identify"], third["count"]) == ("tcp", "none", 60)


def test_clients_ask_for_every_cluster() -> None:
    case = Case()
    case.add_cluster("two", 3)

    requests = case.plan()["probes"]["client1"]["requests"]

    assert [request["name"] for request in requests] == ["edge/www 192.0.2.10:80", "two/www 192.0.2.30:80"]


@pytest.mark.parametrize(
    ("service", "why_not"),
    [
        ({}, None),
        ({"scheduler": "rr"}, None),
        ({"scheduler": "wlc"}, "one client does not see it under wlc"),
        ({"scheduler": "sh"}, "one client does not see it under sh"),
        ({"probe": {}}, "give the service's probe a header that names the real server"),
    ],
)
def test_only_a_fixed_round_with_named_answers_proves_a_split(
    service: dict[str, Any], why_not: str | None
) -> None:
    case = Case()
    case.service.update(service)

    assert case.plan()["clusters"]["edge"]["services"][0]["split_unprovable"] == why_not


def test_a_round_that_is_too_long_is_not_sent() -> None:
    case = Case()
    case.hostvars["web1"]["lvs_weight"] = 65535
    case.hostvars["web2"]["lvs_weight"] = 65534

    (service,) = case.plan()["clusters"]["edge"]["services"]

    assert service["requests"] == 60
    assert service["split_unprovable"] == "a whole round of these weights takes 131070 requests"


# What a request looks like where the document says nothing: as the check that the directors make.

HTTP = {"protocol": "http", "path": "/", "host": None, "status": [200], "header": None, "identify": "none"}
TCP = HTTP | {"protocol": "tcp"}
NAMED = HTTP | {"header": "X-Real-Server", "identify": "header"}
CHECK = {"type": "http", "path": "/healthz", "virtual_host": "www.example.com", "status": 204}
AS_CHECKED = {"path": "/healthz", "host": "www.example.com", "status": [204]}


@pytest.mark.parametrize(
    ("check", "probe", "request_"),
    [
        ({"type": "tcp"}, {}, TCP),
        # Only an http answer can name its real server.
        ({"type": "tcp"}, {"header": "X-Real-Server"}, NAMED),
        ({"type": "tcp"}, {"header": "X-Real-Server", "path": "/who"}, NAMED | {"path": "/who"}),
        (CHECK, {}, HTTP | AS_CHECKED),
        (CHECK, {"header": "X-Real-Server"}, NAMED | AS_CHECKED),
        (CHECK, {"path": "/who"}, HTTP | AS_CHECKED | {"path": "/who"}),
        (CHECK, {"status": 200}, HTTP | AS_CHECKED | {"status": [200]}),
        (CHECK, {"virtual_host": "other"}, HTTP | AS_CHECKED | {"host": "other"}),
    ],
)
def test_a_request_is_by_default_what_the_check_asks(
    check: dict[str, Any], probe: dict[str, Any], request_: dict[str, Any]
) -> None:
    case = Case()
    case.service.update(check=check, probe=probe)

    (found,) = case.plan()["probes"]["client1"]["requests"]

    assert {key: found[key] for key in request_} == request_
