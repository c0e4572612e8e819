"""What foreign tables do to packets: rulesets as `nft -j list ruleset` of 1.0.6 and 1.1.3 prints them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lvs_model.packet_filter import Ruleset, foreign_drops
from lvs_model.packet_match import Packet

Rule = list[dict[str, Any]]
ACCEPT, DROP, RETURN = {"accept": None}, {"drop": None}, {"return": None}
COUNTER = {"counter": {"packets": 0, "bytes": 0}}
VRRP = Packet("input", 4, 112, "192.0.2.12", "192.0.2.11", iifname="eth0", ttl=255)
VRRP6 = Packet("input", 6, 112, "2001:db8::12", "2001:db8::11", iifname="eth0", ttl=255)
WEB = Packet("input", 4, 6, None, "192.0.2.10", dport=80)
ANSWER = Packet("forward", 4, 6, "10.0.0.21", sport=80, iifname="eth2", flags=("syn", "ack"), state="invalid")


def payload(protocol: str, field: str) -> dict[str, Any]:
    return {"payload": {"protocol": protocol, "field": field}}


def meta(key: str) -> dict[str, Any]:
    return {"meta": {"key": key}}


STATE = {"ct": {"key": "state"}}
FLAGS = payload("tcp", "flags")
BOTH = {"concat": [payload("ip", "daddr"), payload("tcp", "dport")]}


def by(key: object, *elements: list[Any]) -> dict[str, Any]:
    """A map of verdicts."""
    return {"vmap": {"key": key, "data": {"set": list(elements)}}}


def match(left: object, right: object, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": left, "right": right}}


def ruleset(
    *rules: Rule,
    policy: str = "accept",
    hook: str = "input",
    family: str = "inet",
    objects: list[dict[str, Any]] | None = None,
    **chain: Any,  # noqa: ANN401 - nft's
) -> str:
    """One base chain with these rules; ``objects`` are further chains, rules and sets of the table."""
    place = {"family": family, "table": "filter"}
    base = {**place, "name": "base", "handle": 1, "type": "filter", "hook": hook, "prio": 0, "policy": policy}
    listed: list[dict[str, Any]] = [
        {"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
        {"table": {"family": family, "name": "filter", "handle": 1}},
        {"chain": base | chain},
        *({next(iter(one)): {**place, **next(iter(one.values()))}} for one in objects or []),
        *(
            {"rule": {**place, "chain": "base", "handle": 10 + n, "expr": rule}}
            for n, rule in enumerate(rules)
        ),
    ]
    return json.dumps({"nftables": listed})


@pytest.mark.parametrize(
    ("matches", "packet", "held"),
    [
        ([match(meta("iifname"), "eth0")], VRRP, True),
        ([match(meta("iifname"), "eth*")], VRRP, True),
        ([match(meta("iif"), "lo")], VRRP, False),
        ([match(meta("iifname"), {"set": ["lo", "eth1"]})], VRRP, False),
        ([match(meta("iifname"), "eth0")], WEB, None),
        ([match(meta("l4proto"), "vrrp")], VRRP, True),
        ([match(meta("l4proto"), 112)], VRRP, True),
        ([match(meta("l4proto"), {"set": ["tcp", "udp"]})], VRRP, False),
        ([match(meta("l4proto"), "xns-idp")], VRRP, None),
        ([match(meta("nfproto"), "ipv6")], VRRP, False),
        ([match(payload("ip", "protocol"), "vrrp"), match(payload("ip", "ttl"), 255)], VRRP, True),
        ([match(payload("ip6", "nexthdr"), "vrrp"), match(payload("ip6", "hoplimit"), 255)], VRRP6, True),
        ([match(payload("ip", "ttl"), 255, "<")], VRRP, False),
        ([match(payload("ip", "protocol"), "vrrp")], VRRP6, False),
        ([match(payload("ip", "saddr"), "192.0.2.12")], VRRP, True),
        ([match(payload("ip", "saddr"), "192.0.2.12", "!=")], VRRP, False),
        ([match(payload("ip", "saddr"), "192.0.2.12", "!=")], VRRP6, False),
        ([match(payload("ip", "saddr"), {"prefix": {"addr": "192.0.2.0", "len": 28}})], VRRP, True),
        ([match(payload("ip", "saddr"), {"prefix": {"addr": "192.0.2.0", "len": 29}})], VRRP, False),
        ([match(payload("ip", "saddr"), {"range": ["192.0.2.1", "192.0.2.20"]})], VRRP, True),
        ([match(payload("ip", "saddr"), "@peers")], VRRP, True),
        ([match(payload("ip", "saddr"), "@strangers")], VRRP, False),
        ([match(payload("ip", "saddr"), "@seen")], VRRP, None),
        ([match(payload("ip", "saddr"), "@peers")], WEB, None),
        ([match(payload("ip", "dscp"), 6)], VRRP, None),
        ([match(payload("tcp", "dport"), 80)], WEB, True),
        ([match(payload("th", "dport"), {"set": [22, {"range": [80, 90]}]})], WEB, True),
        ([match(payload("tcp", "dport"), {"set": [{"elem": {"val": 80, "counter": {}}}]})], WEB, True),
        ([match(payload("tcp", "dport"), {"range": [81, 90]})], WEB, False),
        ([match(payload("udp", "dport"), 80)], WEB, False),
        ([match(payload("tcp", "dport"), 80)], VRRP, False),
        ([match(payload("icmp", "type"), "echo-request")], WEB, False),
        (
            [
                match(
                    BOTH,
                    {
                        "set": [
                            {"concat": ["192.0.2.9", 80]},
                            {"concat": [{"prefix": {"addr": "192.0.2.0", "len": 24}}, 80]},
                        ]
                    },
                )
            ],
            WEB,
            True,
        ),
        ([match(BOTH, {"concat": ["192.0.2.9", 80]})], WEB, False),
        ([match(STATE, "new", "in")], WEB, True),
        ([match(STATE, ["established", "related"], "in")], WEB, False),
        ([match(STATE, {"set": ["established", "new"]})], WEB, True),
        ([match(STATE, "invalid", "in")], ANSWER, True),
        ([match(FLAGS, "syn", "in")], WEB, True),
        ([match(FLAGS, "syn")], ANSWER, False),
        # 1.0.6 lists a mask as a list, 1.1.3 as an expression.
        ([match({"&": [FLAGS, ["fin", "syn", "ack"]]}, "syn")], WEB, True),
        ([match({"&": [FLAGS, {"|": ["fin", "syn", "ack"]}]}, "syn")], ANSWER, False),
        ([match({"&": [meta("mark"), 255]}, 1)], WEB, None),
        ([match({"fib": {"result": "type", "flags": ["daddr"]}}, "local")], WEB, None),
        ([match(meta("mark"), 1)], WEB, None),
        ([COUNTER, {"log": {"prefix": "x"}}, {"xt": {"type": "match", "name": "comment"}}], WEB, True),
        ([{"xt": {"type": "match", "name": "conntrack"}}], WEB, None),
        ([{"limit": {"rate": 10, "burst": 5, "per": "second"}}], WEB, None),
    ],
)  # fmt: skip
def test_a_match(matches: Rule, packet: Packet, held: bool | None) -> None:
    sets: list[dict[str, Any]] = [
        {"set": {"name": "peers", "type": "ipv4_addr", "elem": [{"range": ["192.0.2.9", "192.0.2.19"]}]}},
        {"set": {"name": "strangers", "type": "ipv4_addr"}},
        {"set": {"name": "seen", "type": "ipv4_addr", "flags": ["timeout"], "elem": ["192.0.2.12"]}},
    ]
    dropped = Ruleset(ruleset([*matches, DROP], hook=packet.hook, objects=sets)).decide(packet)

    assert dropped.verdict == {True: "drop", False: "accept", None: "unknown"}[held]


CHAINS: list[dict[str, Any]] = [
    {"chain": {"name": "web", "handle": 2}},
    {"rule": {"chain": "web", "handle": 3, "expr": [match(payload("tcp", "dport"), 80), ACCEPT]}},
    {"chain": {"name": "end", "handle": 4}},
    {"rule": {"chain": "end", "handle": 5, "expr": [RETURN]}},
    {"rule": {"chain": "end", "handle": 6, "expr": [DROP]}},
]
PERHAPS = {"xt": {"type": "match", "name": "conntrack"}}


@pytest.mark.parametrize(
    ("rules", "policy", "verdict"),
    [
        ([], "accept", "accept"),
        ([], "drop", "drop"),
        ([[ACCEPT]], "drop", "accept"),
        ([[{"reject": {"type": "tcp reset"}}]], "accept", "drop"),
        ([[{"jump": {"target": "web"}}]], "drop", "accept"),
        ([[{"jump": {"target": "end"}}, ], [ACCEPT]], "drop", "accept"),
        ([[{"goto": {"target": "end"}}], [ACCEPT]], "drop", "drop"),
        ([[RETURN], [ACCEPT]], "drop", "drop"),
        ([[PERHAPS, ACCEPT]], "drop", "unknown"),
        ([[PERHAPS, DROP]], "drop", "drop"),
        ([[PERHAPS, DROP]], "accept", "unknown"),
        ([[PERHAPS, {"goto": {"target": "end"}}], [ACCEPT]], "drop", "unknown"),
        ([[PERHAPS, {"jump": {"target": "web"}}], [DROP]], "accept", "unknown"),
        ([[by(STATE, ["established", ACCEPT], ["new", DROP])]], "accept", "drop"),
        ([[by(STATE, ["established", DROP])], [ACCEPT]], "drop", "accept"),
        ([[by(payload("tcp", "dport"), [80, {"jump": {"target": "web"}}])]], "drop", "accept"),
        ([[by(meta("mark"), [1, ACCEPT])]], "drop", "unknown"),
        ([[{"xt": {"type": "target", "name": "REJECT"}}]], "accept", "drop"),
        ([[{"xt": {"type": "target", "name": "LOG"}}]], "drop", "drop"),
        ([[{"xt": {"type": "target", "name": "NFQUEUE"}}]], "drop", "unknown"),
        ([[{"queue": {"num": 0}}]], "drop", "unknown"),
        ([[{"dnat": {"addr": "10.0.0.1"}}]], "drop", "unknown"),
        ([[{"set": {"op": "add", "set": "@s", "elem": meta("iifname")}}, DROP]], "accept", "unknown"),
    ],
)  # fmt: skip
def test_a_chain(rules: list[Rule], policy: str, verdict: str) -> None:
    assert Ruleset(ruleset(*rules, policy=policy, objects=CHAINS)).decide(WEB).verdict == verdict


@pytest.mark.parametrize(
    ("options", "packet", "verdict"),
    [
        ({"hook": "prerouting"}, WEB, "drop"),
        ({"hook": "prerouting"}, ANSWER, "drop"),
        ({"hook": "forward"}, ANSWER, "drop"),
        ({"hook": "forward"}, WEB, "accept"),
        ({"hook": "output"}, Packet("output", 4, 112), "drop"),
        ({"hook": "postrouting"}, Packet("output", 4, 112), "drop"),
        ({"hook": "output"}, WEB, "accept"),
        ({"family": "ip"}, WEB, "drop"),
        ({"family": "ip"}, VRRP6, "accept"),
        ({"family": "bridge"}, WEB, "accept"),
        ({"type": "nat"}, WEB, "accept"),
        ({"table": "lvs_toolkit"}, WEB, "accept"),
    ],
)
def test_which_chains_are_asked(options: dict[str, Any], packet: Packet, verdict: str) -> None:
    assert Ruleset(ruleset(policy="drop", **options)).decide(packet).verdict == verdict


def test_a_later_chain_drops_what_an_earlier_one_accepts() -> None:
    early = json.loads(ruleset([ACCEPT], prio=-300))["nftables"]
    late = json.loads(ruleset(policy="drop", family="ip"))["nftables"]

    assert Ruleset(json.dumps({"nftables": late + early})).decide(WEB).verdict == "drop"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            ruleset([match(STATE, ["established"], "in"), ACCEPT], policy="drop"),
            "table inet filter, chain base (policy drop) drops VRRP from 192.0.2.12: add "
            '`iifname "eth0" ip saddr 192.0.2.12 ip daddr 192.0.2.11 meta l4proto 112 accept` to it',
        ),
        (
            ruleset([match(meta("iif"), "lo"), ACCEPT], [DROP]),
            "table inet filter, chain base (rule 2, handle 11) drops VRRP from 192.0.2.12: add "
            '`iifname "eth0" ip saddr 192.0.2.12 ip daddr 192.0.2.11 meta l4proto 112 accept` before it',
        ),
    ],
)
def test_the_remedy_is_said(text: str, said: str) -> None:
    assert list(foreign_drops(text, [("VRRP from 192.0.2.12", VRRP)])) == [said]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"nftables": 1}',
        '{"nftables": [1]}',
        '{"nftables": [{}]}',
        '{"nftables": [{"chain": {}}]}',
        '{"nftables": [{"rule": {"family": "inet", "table": "x", "chain": "none", "expr": []}}]}',
        ruleset([{"match": {}}], policy="drop"),
        ruleset([{"match": {"left": {"payload": 1}, "right": 1, "op": "=="}}], policy="drop"),
        ruleset([{"jump": {"target": "nowhere"}}], policy="drop"),
        ruleset([match(payload("ip", "saddr"), "somebody.example"), ACCEPT], policy="drop"),
        ruleset([match(payload("ip", "saddr"), {"concat": [1]}), ACCEPT], policy="drop"),
        ruleset([{"vmap": 1}], policy="drop"),
        ruleset([1], policy="drop"),  # type: ignore[list-item]
        ruleset(prio="filter"),
    ],
)
def test_what_cannot_be_read_is_no_reason_to_complain(text: str) -> None:
    assert list(foreign_drops(text, [("VRRP", VRRP), ("requests", WEB)])) == []
