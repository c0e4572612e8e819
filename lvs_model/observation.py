"""What lvs_facts saw on a host, parsed: raw text becomes the questions that comparisons ask."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lvs_model.elections import Declared, declared
from lvs_model.ipvs_counters import parse_thresholds
from lvs_model.ipvs_table import Table, parse_table, with_thresholds
from lvs_model.keepalived_view import Held, parse_checker_dump, parse_held
from lvs_model.overrides import DEMOTED, Overrides, overrides
from lvs_model.pacemaker_view import PacemakerView, pacemaker_view


def from_result(result: dict[str, Any]) -> dict[str, Any]:
    """What a run of lvs_facts gave: its observation; empty if unreachable; {"failed": why} if it failed.

    ``result`` is what Ansible registers, or an observation itself.
    """
    if "schema" in result:
        return result
    if "observation" in result:
        observation: dict[str, Any] = result["observation"]
        return observation
    if result.get("unreachable") or not result:
        return {}
    return {"failed": str(result.get("msg") or result.get("module_stderr") or "no reason given").strip()}


@dataclass(frozen=True)
class Election:
    """What tells a running VRRP election from others, None where unknown, and the addresses its owner has.

    ``label`` is what keepalived.conf calls the instance.
    """

    router_id: int | None
    version: int | None
    interface: str | None
    authentication: str | None
    addresses: frozenset[str]
    label: str | None = None
    interval_s: float | None = None
    password: str | None = None
    """Its digest (elections.password_digest)."""


@dataclass
class Observation:
    """One host as observed; ``raw`` is the return value ``observation`` of lvs_facts."""

    host: str
    raw: dict[str, Any]

    @property
    def clock(self) -> float | None:
        """The host's own time when it was looked at, in seconds since 1970."""
        told = self.raw.get("time")
        return None if told is None else float(told)

    @cached_property
    def os(self) -> tuple[str, str]:
        """The system's id and version, such as ("debian", "13") (os-release(5))."""
        fields = dict(
            line.split("=", 1) for line in (self.raw.get("os_release") or "").splitlines() if "=" in line
        )
        values = {key: "".join(shlex.split(value)) for key, value in fields.items()}
        return values.get("ID", "unknown"), values.get("VERSION_ID", "unknown")

    @cached_property
    def _links(self) -> list[dict[str, Any]]:
        links: list[dict[str, Any]] = json.loads(self.raw.get("addresses") or "[]")
        return links

    @cached_property
    def interfaces(self) -> set[str]:
        """Names of the host's interfaces."""
        return {link["ifname"] for link in self._links}

    def mac(self, interface: str) -> str | None:
        """The hardware address of an interface, lower case, or None."""
        return next((link.get("address") for link in self._links if link["ifname"] == interface), None)

    @cached_property
    def macs(self) -> set[str]:
        """All hardware addresses of the host."""
        return {link["address"] for link in self._links if "address" in link}

    @cached_property
    def addresses(self) -> dict[str, str]:
        """Interface by address; without lo, and without what lvs-network holds on a tunnel."""
        return {
            entry["local"]: link["ifname"]
            for link in self._links
            if link["ifname"] != "lo"
            for entry in link.get("addr_info", [])
            if entry.get("family") in {"inet", "inet6"}
            and f"address {entry['local']} {link['ifname']}" not in self.held
        }

    @cached_property
    def held(self) -> frozenset[str]:
        """What lvs-network holds in the kernel, as lines of its configuration; empty without it.

        Empty as well where :attr:`held_error` says that it is not known.
        """
        return frozenset((self.raw.get("network") or "").splitlines())

    @property
    def held_error(self) -> str | None:
        """Why lvs-network could not tell what it holds, or None."""
        return self.raw.get("network_error")

    @cached_property
    def overrides(self) -> Overrides:
        """What operators have set aside here: drained real servers, a demotion, locks."""
        return overrides(self.raw)

    @cached_property
    def recorded_places(self) -> dict[str, int]:
        """By tracked file of keepalived's elections what an operator has put there to last; 0 is left out."""
        for record in self.raw.get("overrides") or []:
            if record.get("file") == DEMOTED and isinstance(record.get("places"), dict):
                return {
                    str(file): int(value)
                    for file, value in record["places"].items()
                    if isinstance(value, int) and value
                }
        return {}

    def place(self, file: str) -> int:
        """What keepalived adds to the priority at this moment; as recorded where that was not asked."""
        found = self.raw.get("demotions")
        if found is None:
            return self.recorded_places.get(file, 0)
        return int(found[file]["number"]) if file in found else 0

    def module(self, name: str) -> str:
        """State of a kernel module: loaded, builtin, available or missing."""
        return str(self.raw["modules"].get(name, "missing"))

    def unit(self, name: str) -> dict[str, str]:
        """Properties of a systemd unit, empty where unknown."""
        return self.raw["units"].get(name) or {}

    def runs(self, name: str) -> bool:
        """Whether a unit runs; one that is reloading does."""
        return self.unit(name).get("ActiveState") in {"active", "reloading"}

    @cached_property
    def table(self) -> Table:
        """The kernel's IPVS table; empty without IPVS. Raises ValueError if it cannot be read."""
        try:
            table = parse_table(self.raw["ipvs"].get("table") or "")
            return with_thresholds(table, parse_thresholds(self.raw["ipvs"].get("thresholds") or ""))
        except ValueError as error:
            raise ValueError(f"host {self.host}: {error}") from error

    @cached_property
    def checkers(self) -> dict[tuple[str, str], dict[str, bool]] | None:
        """Keepalived's view of its real servers: {(service key, address:port): {alive, checked}}.

        None where keepalived does not run or did not tell.
        """
        text = (self.raw.get("keepalived") or {}).get("data")
        try:
            return parse_checker_dump(text) if text else None
        except ValueError:  # cut off: it was being written
            return None

    @cached_property
    def balanced(self) -> dict[str, Held]:
        """The virtual services that keepalived holds, by key; empty where :attr:`checkers` is none."""
        return {} if self.checkers is None else parse_held(self.raw["keepalived"]["data"])

    @property
    def vrrp_silent(self) -> bool:
        """Whether keepalived runs but its VRRP process did not answer when it was asked for its state."""
        view = self.raw.get("keepalived") or {}
        return bool(view.get("vrrp")) and not view.get("json")

    @cached_property
    def _vrrp(self) -> list[dict[str, Any]]:
        """What keepalived's JSON says of each VRRP instance (vrrp_json.c); empty if it said nothing."""
        text = (self.raw.get("keepalived") or {}).get("json")
        try:
            found = [one["data"] for one in json.loads(text)] if text else []
        except (ValueError, LookupError, TypeError):  # cut off: it was being written
            return []
        return [one for one in found if isinstance(one, dict)]

    @cached_property
    def elections(self) -> list[Election]:
        """The elections that keepalived runs, as far as it told."""
        return [
            Election(
                router_id=one.get("vrid"),
                version=one.get("version"),
                interface=one.get("ifp_ifname"),
                # vrrp.h, VRRP_AUTH_NONE and its neighbours.
                authentication={0: "none", 1: "pass", 2: "ah"}.get(one.get("auth_type", -1)),
                # Such as "192.0.2.10 dev eth0 scope global set" (vrrp_ipaddress.c, format_ipaddress).
                addresses=frozenset(
                    text.split()[0].split("/")[0] for key in ("vips", "evips") for text in one.get(key) or []
                ),
                label=one.get("iname"),
                interval_s=one.get("adver_int"),
                password=one.get("auth_data"),
            )
            for one in self._vrrp
        ]

    @cached_property
    def declared(self) -> dict[str, Declared]:
        """What keepalived.conf on the host says of where adverts go, by instance; nothing else is known."""
        return declared((self.raw.get("keepalived") or {}).get("transport") or "")

    def tracks(self, file: str | None) -> bool:
        """Whether keepalived.conf on the host has the tracked file of a demotion."""
        text = (self.raw.get("keepalived") or {}).get("transport") or ""
        return ["file", file] in [line.split() for line in text.splitlines()]

    @cached_property
    def vrrp_states(self) -> dict[str, str]:
        """State by VRRP instance as keepalived's JSON gives them: BACKUP, MASTER, FAULT; empty if unknown."""
        words = {1: "BACKUP", 2: "MASTER", 3: "FAULT"}
        try:
            return {
                str(one["iname"]): words[int(one["state"])]
                for one in self._vrrp
                if int(one["state"]) in words
            }
        except (ValueError, LookupError, TypeError):
            return {}

    @cached_property
    def pacemaker(self) -> PacemakerView | None:
        """What its pacemaker holds of the cluster; None where it was not asked, or did not tell."""
        try:
            return pacemaker_view(self.raw.get("pacemaker"))
        except ValueError:  # cut off
            return None

    @property
    def sync_daemons(self) -> set[str]:
        """Which IPVS connection sync daemons run: master, backup."""
        text = self.raw["ipvs"].get("daemons") or ""
        return {line.split()[0] for line in text.splitlines() if " sync daemon" in line}

    def arp(self, address: str) -> set[str] | None:
        """Hardware addresses that answered this host's ARP request for an address; None if it did not ask."""
        for entry in self.raw.get("arp") or []:
            if entry["address"] == address and not entry.get("skipped"):
                return {mac.lower() for mac in entry.get("macs") or []}
        return None

    @cached_property
    def ages(self) -> dict[str, float]:
        """For how many seconds the host has each address, without lo; empty where that was not asked."""
        found = (self.raw.get("status") or {}).get("ages") or []
        return {str(address): float(age) for interface, address, age in found if interface != "lo"}

    def owns(self, vip: str) -> bool:
        """Whether the host has a VIP on an interface other than lo."""
        return vip in self.addresses
