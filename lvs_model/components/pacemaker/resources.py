"""The resources that pacemaker keeps: what moves together, who is preferred, what must be reachable.

Sources: Pacemaker Explained of 2.1 and 3.0 (resources, constraints, rules, cluster options); the agents'
metadata: ocf_heartbeat_IPaddr2(7), ocf_heartbeat_ldirectord(7), ocf_pacemaker_ping(7).

One group: the role switch, ldirectord, the VIPs. ldirectord stands before the VIPs: an orderly stop takes the
addresses away first, while the table still forwards, so that clients meet silence and not a reset; and a VIP
that is added comes at the end of the group, where its start does not restart anything (members of a group are
restarted with those before them).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.sax.saxutils import quoteattr

from lvs_model.components import ldirectord, role_switch
from lvs_model.components.pacemaker.timing import options_of
from lvs_model.document import Cluster
from lvs_model.document.pacemaker import Connectivity, FencingDevice
from lvs_model.inventory import Host, Inventory
from lvs_model.topology import Address, all_vips, instances, vip_network

# [001]'s words for auto_failback: a preference that nothing outweighs, or a stickiness that outweighs it.
PREFERENCE = 50
STICKINESS = 1000
# Outweighs both: a director that reaches a target is taken before one that reaches none.
CONNECTED = 100_000
_PING = "lvs-ping"
_GROUP = "lvs-director"
_ROLE = "lvs-role"
_LDIRECTORD = "lvs-ldirectord"
# Seconds. A perl program with all its modules on a small machine takes more than the agent's own 15.
_TIMEOUT = 40
# Seconds after which a failure is forgotten, and its director counts again.
_FORGET = 120
# Seconds that the owner's peer waits before it fences, so that of two that cannot hear each other the owner
# stays.
_OWNER_FIRST = 15


@dataclass(frozen=True)
class Element:
    """An XML element."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: tuple[Element, ...] = ()


def as_text(element: Element, indent: str = "") -> str:
    """The element in XML, a line for each, without a line end."""
    words = [element.tag, *(f"{name}={quoteattr(value)}" for name, value in element.attributes.items())]
    start = f"{indent}<{' '.join(words)}"
    if not element.children:
        return f"{start}/>"
    children = (as_text(child, f"{indent}  ") for child in element.children)
    return "\n".join([f"{start}>", *children, f"{indent}</{element.tag}>"])


def configuration(cluster: Cluster, inventory: Inventory) -> Element:
    """The whole configuration of a cluster, in the form of a CIB that crm_verify(8) takes."""
    directors = inventory.directors(cluster)
    return Element(
        "cib",
        # The oldest schema that both releases' tools read; of the running cluster only sections are replaced.
        {"validate-with": "pacemaker-3.0", "admin_epoch": "0", "epoch": "0", "num_updates": "0"},
        (
            Element(
                "configuration",
                {},
                (
                    Element("crm_config", {}, (_properties(cluster, directors),)),
                    Element("nodes"),
                    Element("resources", {}, tuple(_resources(cluster, inventory))),
                    Element("constraints", {}, tuple(_constraints(cluster, directors))),
                    Element("rsc_defaults", {}, (_defaults(cluster),)),
                ),
            ),
            Element("status"),
        ),
    )


def _properties(cluster: Cluster, directors: list[Host]) -> Element:
    devices = _devices(cluster)
    values = {
        "stonith-enabled": "true" if devices else "false",
        # A part of three without a majority serves nothing; of two both have one (votequorum(5), two_node).
        "no-quorum-policy": "stop",
        # On a busy director recovery would be slowed down: one action at a time, before VIPs the monitors of
        # what has just started (pacemaker-controld(7); two seconds of a takeover, seen on an emulated CPU).
        "load-threshold": "1000%",
    }
    if devices and len(directors) == 2:
        values["priority-fencing-delay"] = f"{_OWNER_FIRST}s"
    return _pairs("cluster_property_set", "lvs-properties", values)


def _defaults(cluster: Cluster) -> Element:
    values = {
        "migration-threshold": str(options_of(cluster).restarts + 1),
        "failure-timeout": f"{_FORGET}s",
    }
    return _pairs("meta_attributes", "lvs-defaults", values)


def _resources(cluster: Cluster, inventory: Inventory) -> Iterable[Element]:
    yield from (_fence(device, inventory.directors(cluster)) for device in _devices(cluster))
    options = options_of(cluster)
    if options.ping is not None:
        yield Element("clone", {"id": f"{_PING}-clone"}, (_ping(options.ping),))
    yield _group(cluster, inventory)


def _group(cluster: Cluster, inventory: Inventory) -> Element:
    every = options_of(cluster).monitor_interval
    # Members' stickiness adds up in a group: the first one has it for all.
    meta = {"resource-stickiness": str(0 if cluster.failover.failback else STICKINESS)}
    if _devices(cluster):
        meta["priority"] = "1"
    members = [_primitive(_ROLE, "ocf:lvs-toolkit:lvs-role", every=every, meta=meta)]
    if cluster.services:
        agent = {"configfile": ldirectord.CONFIGURATION, "ldirectord": role_switch.LDIRECTORD}
        members.append(_primitive(_LDIRECTORD, "ocf:heartbeat:ldirectord", agent, every=every))
    members += [_vip(cluster, inventory, vip, every) for vip in all_vips(cluster)]
    return Element("group", {"id": _GROUP}, tuple(members))


def _vip(cluster: Cluster, inventory: Inventory, vip: Address, every: int) -> Element:
    (instance,) = instances(cluster, inventory)
    network = vip_network(cluster, instance, vip)
    nics = {host.name: host.interface_on(cluster, network) for host in inventory.directors(cluster)}
    options = {
        "ip": str(vip),
        # An address of its own, whose loss takes no other one of the subnet along (ip(8), secondary).
        "cidr_netmask": "32" if vip.version == 4 else "128",
    }
    if vip.version == 6:
        # Whoever had it is dead, or has given it up: no second of waiting for an answer (RFC 4862, 5.4); and
        # never a source address of the director's own connections. The agent would return only when its
        # advertisements are sent, a second for each address (IPaddr2, arp_bg); of IPv4 it does not wait.
        options |= {"nodad": "true", "preferred_lft": "0", "arp_bg": "true"}
    key = f"lvs-vip-{str(vip).replace(':', '_')}"
    if len(set(nics.values())) == 1:
        options["nic"] = next(iter(nics.values()))
        return _primitive(key, "ocf:heartbeat:IPaddr2", options, every=every)
    return _primitive(key, "ocf:heartbeat:IPaddr2", options, every=every, nics=nics)


def _ping(ping: Connectivity) -> Element:
    targets = [str(target) for target in ping.targets]
    options = {
        "name": _PING,
        "host_list": " ".join(targets),
        "multiplier": "1",
        "dampen": f"{ping.damping}s",
        "timeout": str(ping.timeout),
        "attempts": str(ping.attempts),
    }
    # The targets are asked one behind the other, a second between two pings (ping(8), -i).
    longest = len(targets) * (ping.attempts + ping.timeout) + 10
    return _primitive(
        _PING, "ocf:pacemaker:ping", options, every=ping.interval, timeout=max(longest, _TIMEOUT)
    )


def _fence(device: FencingDevice, directors: list[Host]) -> Element:
    names = device.directors or [host.name for host in directors]
    options = {**device.parameters, "pcmk_host_list": " ".join(names)}
    if device.password is not None:
        options["password"] = device.password
    return _primitive(f"lvs-fence-{device.name}", f"stonith:{device.agent}", options, every=60, timeout=60)


def _constraints(cluster: Cluster, directors: list[Host]) -> Iterable[Element]:
    last = len(directors) - 1
    for place, host in enumerate(directors[:-1]):
        score = PREFERENCE * (last - place) // last
        yield _location(f"lvs-prefer-{host.name}", _GROUP, {"node": host.name, "score": str(score)})
    for device in _devices(cluster):
        # Nobody fences itself; a device for all of them cannot be kept from it.
        if device.directors and len(set(device.directors)) < len(directors):
            for name in device.directors:
                key = f"lvs-fence-{device.name}"
                yield _location(f"{key}-not-on-{name}", key, {"node": name, "score": "-INFINITY"})
    if options_of(cluster).ping is not None:
        yield _location(f"{_PING}-reaches", _GROUP, {}, _reaches())
        # At a start from nothing it is first known who reaches what.
        order = {"id": f"{_PING}-first", "first": f"{_PING}-clone", "then": _GROUP, "kind": "Optional"}
        yield Element("rsc_order", order)


def _reaches() -> Element:
    """A rule that prefers directors that reach a target; where nobody does, nothing moves."""
    key = f"{_PING}-reaches-rule"
    expression = {"attribute": _PING, "operation": "gt", "value": "0", "type": "number"}
    return Element(
        "rule",
        {"id": key, "score": str(CONNECTED)},
        (Element("expression", {"id": f"{key}-any", **expression}),),
    )


def _location(key: str, resource: str, attributes: dict[str, str], *children: Element) -> Element:
    return Element("rsc_location", {"id": key, "rsc": resource, **attributes}, children)


def _primitive(
    key: str,
    agent: str,
    options: dict[str, str] | None = None,
    *,
    every: int,
    timeout: int = _TIMEOUT,
    meta: dict[str, str] | None = None,
    nics: dict[str, str] | None = None,
) -> Element:
    """A resource; ``agent`` as crm_resource(8) writes it, ``nics`` by director where they differ; seconds."""
    standard, *provider, kind = agent.split(":")
    attributes = {"id": key, "class": standard}
    if provider:
        attributes["provider"] = provider[0]
    children = [_pairs("meta_attributes", f"{key}-meta", meta)] if meta else []
    if options:
        children.append(_pairs("instance_attributes", f"{key}-options", options))
    children += [_only_on(f"{key}-on-{name}", name, {"nic": nic}) for name, nic in (nics or {}).items()]
    times = {"monitor": every} if standard == "stonith" else {"monitor": every, "start": 0, "stop": 0}
    operations = [
        Element(
            "op",
            {"id": f"{key}-{name}", "name": name, "interval": f"{interval}s", "timeout": f"{timeout}s"},
        )
        for name, interval in times.items()
    ]
    children.append(Element("operations", {}, tuple(operations)))
    return Element("primitive", {**attributes, "type": kind}, tuple(children))


def _only_on(key: str, director: str, values: dict[str, str]) -> Element:
    """Options that hold on one director."""
    named = {"attribute": "#uname", "operation": "eq", "value": director}
    rule = Element(
        "rule", {"id": f"{key}-rule", "score": "0"}, (Element("expression", {"id": f"{key}-name", **named}),)
    )
    pairs = _pairs("instance_attributes", key, values)
    return Element(pairs.tag, pairs.attributes, (rule, *pairs.children))


def _pairs(tag: str, key: str, values: dict[str, str]) -> Element:
    children = tuple(
        Element("nvpair", {"id": f"{key}-{name}", "name": name, "value": value})
        for name, value in values.items()
    )
    return Element(tag, {"id": key}, children)


def _devices(cluster: Cluster) -> list[FencingDevice]:
    fencing = options_of(cluster).fencing
    return fencing.devices if fencing is not None else []
