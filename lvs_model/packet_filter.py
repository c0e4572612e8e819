"""What other tables of nftables do to packets that the cluster lives by.

A table of the toolkit's own cannot accept what another one drops (nft(8), «accept»: later base chains are
still asked), so that such a table must be found. Read is `nft -j list ruleset` (libnftables-json(5)), which
also shows what iptables-nft has loaded. Evaluation is three-valued: what this module does not know, may match
or not, and only what is dropped in every case counts as dropped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from lvs_model.components.nftables import TABLE
from lvs_model.packet_match import Packet, Sets, matches, within

# The hooks that a packet meets until it is where it is wanted.
_PATHS: dict[str, tuple[str, ...]] = {
    "input": ("prerouting", "input"),
    "forward": ("prerouting", "forward", "postrouting"),
    "output": ("output", "postrouting"),
}
_FAMILIES = {4: ("inet", "ip"), 6: ("inet", "ip6")}
# Statements that let a packet go on, whatever they do besides.
_HARMLESS = {
    "counter",
    "log",
    "mangle",
    "notrack",
    "ct helper",
    "ct timeout",
    "comment",
    "continue",
    "last",
    "dup",
}
_VERDICTS = {"accept", "drop", "reject", "return", "jump", "goto"}
# Statements that may end the rule: a limit may be over, a set full.
_LIMITS = {"limit", "ct count", "quota", "set"}
# Targets of iptables that do, and those that end a packet (iptables-extensions(8)).
_HARMLESS_TARGETS = {
    "LOG",
    "NFLOG",
    "MARK",
    "CONNMARK",
    "CT",
    "TCPMSS",
    "DSCP",
    "CLASSIFY",
    "TRACE",
    "CHECKSUM",
}
_ENDING_TARGETS = {"REJECT", "DROP"}

Verdict = Literal["accept", "drop", "unknown"]


class Decision(NamedTuple):
    """What becomes of a packet; ``reason`` are the chain and rule that drop it, in words."""

    verdict: Verdict
    reason: str = ""


@dataclass
class _Chain:
    family: str
    table: str
    name: str
    hook: str | None
    kind: str | None
    priority: int
    policy: str
    rules: list[dict[str, Any]] = field(default_factory=list)

    @property
    def words(self) -> str:
        return f"table {self.family} {self.table}, chain {self.name}"


@dataclass
class _Walk:
    """What a chain does: all outcomes that are possible, and whether a packet may come to its end."""

    outcomes: list[Decision]
    falls: bool


class Ruleset:
    """All tables but the toolkit's own; one that cannot be read has none."""

    def __init__(self, text: str) -> None:
        self._chains: dict[tuple[str, str, str], _Chain] = {}
        self._sets: dict[tuple[str, str], Sets] = {}
        try:
            self._read(json.loads(text)["nftables"])
        except (ValueError, TypeError, KeyError, AttributeError):
            # Something else than nft's: nothing is known, so nothing is said.
            self._chains = {}

    def _read(self, objects: list[dict[str, Any]]) -> None:
        rules = []
        for one in objects:
            ((kind, body),) = one.items()
            if kind in {"metainfo", "table"} or (body["family"], body["table"]) == ("inet", TABLE):
                continue
            if kind == "chain":
                self._chains[body["family"], body["table"], body["name"]] = _Chain(
                    body["family"],
                    body["table"],
                    body["name"],
                    body.get("hook"),
                    body.get("type"),
                    int(body.get("prio", 0)),
                    body.get("policy", "accept"),
                )
            elif kind == "rule":
                rules.append(body)
            elif kind in {"set", "map"}:
                changing = {"timeout", "dynamic"} & set(body.get("flags", []))
                elements = None if changing else body.get("elem", [])
                self._sets.setdefault((body["family"], body["table"]), {})[f"@{body['name']}"] = elements
        for rule in rules:
            self._chains[rule["family"], rule["table"], rule["chain"]].rules.append(rule)

    def decide(self, packet: Packet) -> Decision:
        """What the base chains on a packet's way do to it, in their order."""
        doubt = False
        for hook in _PATHS[packet.hook]:
            for chain in self._base_chains(hook, packet.family):
                found = self._decide_chain(chain, packet)
                if found.verdict == "drop":
                    return found
                doubt |= found.verdict == "unknown"
        return Decision("unknown" if doubt else "accept")

    def _base_chains(self, hook: str, family: int) -> list[_Chain]:
        # Those of type nat see only a tracked connection's first packet, and do not filter.
        found = [
            chain
            for chain in self._chains.values()
            if chain.hook == hook and chain.family in _FAMILIES[family] and chain.kind != "nat"
        ]
        return sorted(found, key=lambda chain: chain.priority)

    def _decide_chain(self, chain: _Chain, packet: Packet) -> Decision:
        try:
            walk = self._walk(chain, packet, {})
        except (ValueError, TypeError, KeyError, AttributeError, IndexError):
            return Decision("unknown")  # a form that this module does not know
        outcomes = walk.outcomes
        if walk.falls:
            outcomes = [
                *outcomes,
                Decision("drop" if chain.policy == "drop" else "accept", _by_policy(chain)),
            ]
        verdicts = {one.verdict for one in outcomes}
        # The last one is sure: the ones before may not have matched.
        return outcomes[-1] if len(verdicts) == 1 else Decision("unknown")

    def _walk(self, chain: _Chain, packet: Packet, known: dict[str, _Walk]) -> _Walk:
        """What a chain does; ``known`` are the chains that the packet has met, each walked once."""
        if chain.words in known:
            return known[chain.words]
        walk = known[chain.words] = _Walk([], falls=False)
        for number, rule in enumerate(chain.rules, 1):
            place = f"{chain.words} (rule {number}, handle {rule.get('handle', '?')})"
            sure, verdict = self._rule(chain, rule.get("expr", []), packet)
            if verdict is None:
                continue
            ended = self._apply(walk, chain, packet, verdict, place, known)
            if sure and ended:
                return walk
        walk.falls = True
        return walk

    def _apply(
        self,
        walk: _Walk,
        chain: _Chain,
        packet: Packet,
        verdict: dict[str, Any],
        place: str,
        known: dict[str, _Walk],
    ) -> bool:
        """Add what a verdict leads to; whether the chain's next rule is not reached if it applies."""
        ((name, body),) = verdict.items()
        if name in {"accept", "drop", "reject"}:
            walk.outcomes.append(Decision("accept" if name == "accept" else "drop", place))
        elif name == "return":
            walk.falls = True
        elif name in {"jump", "goto"}:
            target = self._chains[chain.family, chain.table, body["target"]]
            found = self._walk(target, packet, known)
            walk.outcomes += found.outcomes
            if name == "jump":
                return not found.falls
            walk.falls |= found.falls
        else:
            walk.outcomes.append(Decision("unknown"))
            return False
        return True

    def _rule(
        self, chain: _Chain, statements: Iterable[Any], packet: Packet
    ) -> tuple[bool, dict[str, Any] | None]:
        """A rule's verdict on a packet, or None, and whether the rule surely applies."""
        sure = True
        sets = self._sets.get((chain.family, chain.table), {})
        for statement in statements:
            ((name, body),) = statement.items() if isinstance(statement, dict) else ((statement, {}),)
            held, verdict = _step(name, body, packet, sets)
            if held is False:
                break
            sure &= held is True
            if verdict is not None:
                return sure, verdict
        return True, None


_Step = tuple[bool | None, dict[str, Any] | None]


def _step(name: str, body: Any, packet: Packet, sets: Sets) -> _Step:  # noqa: ANN401 - nft's own forms
    """Whether a statement lets a packet go on in its rule, and its verdict if it has one."""
    if name == "match":
        return matches(body, packet, sets), None
    if name == "vmap":
        return _mapped(body, packet, sets)
    if name == "xt":
        return _extension(body["type"], body["name"])
    if name in _VERDICTS:
        return True, {name: body}
    if name in _LIMITS:
        return None, None
    return (True, None) if name in _HARMLESS else (None, {"unknown": None})


def _mapped(body: dict[str, Any], packet: Packet, sets: Sets) -> _Step:
    """The verdict of a vmap's first key that fits."""
    data = body["data"]
    elements = sets.get(data) if isinstance(data, str) else data["set"]
    for key, verdict in elements if elements is not None else ():
        fits = within(body["key"], key, packet, sets)
        if fits is not False:
            return fits, verdict if fits else {"unknown": None}
    return (None, {"unknown": None}) if elements is None else (False, None)


def _extension(kind: str, name: str) -> _Step:
    """A match or target of iptables that nft has no words for: its name is all that it tells."""
    if kind != "target":
        return (True, None) if name == "comment" else (None, None)
    if name in _ENDING_TARGETS:
        return True, {"drop": None}
    return (True, None) if name in _HARMLESS_TARGETS else (None, {"unknown": None})


def _by_policy(chain: _Chain) -> str:
    return f"{chain.words} (policy {chain.policy})"


def foreign_drops(ruleset_text: str, packets: Iterable[tuple[str, Packet]]) -> Iterator[str]:
    """A sentence for each packet that tables other than the toolkit's surely drop.

    ``packets`` have names such as "VRRP from 192.0.2.12". What cannot be read or is not sure is passed over.
    """
    ruleset = Ruleset(ruleset_text)
    for name, packet in packets:
        found = ruleset.decide(packet)
        if found.verdict == "drop":
            where = "to it" if "(policy" in found.reason else "before it"
            yield f"{found.reason} drops {name}: add `{packet.rule} accept` {where}"
