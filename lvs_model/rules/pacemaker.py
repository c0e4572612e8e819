"""pacemaker: what it needs to find out who owns the VIPs."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.components.pacemaker.links import common_family, link_networks
from lvs_model.components.pacemaker.timing import options_of
from lvs_model.document import Cluster
from lvs_model.problems import Problem
from lvs_model.rules.registry import cluster_rule
from lvs_model.rules.view import View, root_of
from lvs_model.topology import all_vips


def _asked(cluster: Cluster) -> bool:
    return cluster.failover.method == "pacemaker"


def _path(cluster: Cluster) -> str:
    return f"{root_of(cluster)}.failover.pacemaker"


@cluster_rule("pacemaker-without-key")
def pacemaker_without_key(cluster: Cluster, view: View) -> Iterator[Problem]:
    """There is no key for corosync.

    Whoever can send to a director's UDP port 5405 could join the cluster, and take its VIPs. With a key
    messages are encrypted and authenticated (corosync.conf(5), `crypto_cipher`, `crypto_hash`).

    Wrong::

        failover: {network: front, method: pacemaker}

    Mend: `pacemaker: {key: "{{ vault_corosync_key }}"}`, 32 random characters or more, as `openssl rand
    -base64 48` prints them.
    """
    if _asked(cluster) and options_of(cluster).key is None:
        yield Problem(
            f"{_path(cluster)}.key", "corosync has no key", "give 32 random characters, from a vault"
        )


@cluster_rule("pacemaker-without-fencing")
def pacemaker_without_fencing(cluster: Cluster, view: View) -> Iterator[Problem]:
    """Nothing is said of fencing.

    A director that nobody hears may be dead, or cut off and still serving. Only whoever turns it off knows
    (pacemaker-fenced(7)): without that two directors that lose sight of each other both own the VIPs until
    they see each other again.

    Wrong::

        failover:
          network: front
          method: pacemaker
          pacemaker: {key: "{{ vault_corosync_key }}"}

    Mend: `fencing: {devices: [...]}` with the directors' power switches or management boards; or say why
    there are none: `fencing: {declined: test cluster}`.
    """
    if _asked(cluster) and options_of(cluster).fencing is None:
        yield Problem(
            f"{_path(cluster)}.fencing",
            "nothing is said of how a lost director is cut off",
            "give devices, or declined with the reason",
        )


@cluster_rule("pacemaker-fencing-directors")
def pacemaker_fencing_directors(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A director that no device cuts off, or a device for somebody who is no director.

    When a director is lost whom nobody can cut off, pacemaker waits for that for ever, and the VIPs do not
    move.

    Wrong::

        # the directors are lb1 and lb2
        fencing:
          devices:
            - {name: board1, agent: fence_ipmilan, directors: [lb1], parameters: {ip: 10.9.0.1}}

    Mend: a device for each director, or one for all: leave `directors` out.
    """
    options = options_of(cluster)
    if not _asked(cluster) or options.fencing is None or not options.fencing.devices:
        return
    names = [host.name for host in view.directors(cluster)]
    for place, device in enumerate(options.fencing.devices):
        for name in device.directors:
            if name not in names:
                yield Problem(
                    f"{_path(cluster)}.fencing.devices[{place}].directors",
                    f"{name!r} is no director",
                    f"use names of the group {cluster.directors!r}: {', '.join(names)}",
                )
    covered = {name for device in options.fencing.devices for name in device.directors or names}
    if lacking := [name for name in names if name not in covered]:
        yield Problem(
            f"{_path(cluster)}.fencing.devices",
            f"no device cuts off {', '.join(lacking)}",
            "name it in a device's directors, or add a device",
        )


@cluster_rule("pacemaker-link")
def pacemaker_link(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A link over a network that is not there, or on which a director has no address.

    A link joins all directors, by addresses of one family (corosync.conf(5), `ringX_addr`).

    Wrong::

        # lb2 has no address on the network sync
        pacemaker: {links: [front, sync]}

    Mend: give every director an address there, or take another network.
    """
    if not _asked(cluster):
        return
    directors = view.directors(cluster)
    for place, name in enumerate(options_of(cluster).links):
        path = f"{_path(cluster)}.links[{place}]"
        if name not in cluster.networks:
            yield Problem(path, f"{name!r} is no network", f"use one of {', '.join(cluster.networks)}")
        elif directors and common_family(cluster, directors, name) is None:
            lacking = [host.name for host in directors if host.address_in(cluster.networks[name]) is None]
            what = f"{', '.join(lacking)} has no address on {name!r}" if lacking else ""
            yield Problem(
                path,
                what or f"the directors' addresses on {name!r} are of different families",
                "give every director an address of one family there, or take another network",
            )
    if directors and not options_of(cluster).links and not link_networks(cluster, directors):
        yield Problem(
            f"{_path(cluster)}.links",
            "on no network all directors have an address of one family",
            "give them such addresses on one",
        )


@cluster_rule("pacemaker-one-link", "warning")
def pacemaker_one_link(cluster: Cluster, view: View) -> Iterator[Problem]:
    """The directors hear each other over one link only.

    When it breaks each believes the other one dead: with fencing one is turned off, without it both own the
    VIPs. A second link, over other cables, makes that two failures.

    Wrong::

        pacemaker: {links: [front]}

    Mend: a second network of the document on which all directors have addresses, on another interface.
    """
    directors = view.directors(cluster)
    if not _asked(cluster) or len(directors) < 2:
        return
    known = [name for name in link_networks(cluster, directors) if name in cluster.networks]
    cables = {
        tuple(host.interface_on(cluster, name).partition(".")[0] for host in directors) for name in known
    }
    if known and len(cables) < 2:
        why = "all on the same interfaces" if len(known) > 1 else "the only one"
        yield Problem(
            f"{_path(cluster)}.links",
            f"{', '.join(known)}: {why}",
            "add a network of other interfaces on which all directors have addresses",
        )


@cluster_rule("pacemaker-ping-target")
def pacemaker_ping_target(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A ping target that says nothing about a director's connection.

    A VIP answers from whoever owns it, and a director's own address from itself, whatever is cut. An address
    of a family that a director does not have is never reached.

    Wrong::

        # 192.0.2.10 is a VIP
        pacemaker: {ping: {targets: [192.0.2.10]}}

    Mend: addresses of routers or switches that all directors reach by the network of the clients.
    """
    options = options_of(cluster)
    if not _asked(cluster) or options.ping is None:
        return
    directors = view.directors(cluster)
    own = {address: host.name for host in directors for address in host.variables.lvs_addresses}
    for place, target in enumerate(options.ping.targets):
        path = f"{_path(cluster)}.ping.targets[{place}]"
        remedy = "give the address of a router or a switch"
        if target in all_vips(cluster):
            yield Problem(path, f"{target} is a VIP: its owner always reaches it", remedy)
        elif target in own:
            yield Problem(path, f"{target} is {own[target]}'s own", remedy)
        else:
            families = {
                host.name: {one.version for one in host.variables.lvs_addresses} for host in directors
            }
            for name in (name for name, have in families.items() if target.version not in have):
                yield Problem(
                    path, f"{name} has no IPv{target.version} address to reach {target} from", remedy
                )


@cluster_rule("pacemaker-alone-without-fencing", "warning")
def pacemaker_alone_without_fencing(cluster: Cluster, view: View) -> Iterator[Problem]:
    """A director serves alone after a start, though nothing says that the other one is off.

    With `wait_for_all: false` a director that starts and hears nobody owns the VIPs (votequorum(5)). Fencing
    would turn the other one off first. Without it, two that start with their links cut both own them.

    Wrong::

        pacemaker:
          wait_for_all: false
          fencing: {declined: no power switches}

    Mend: leave `wait_for_all` out; where one director must start without the other, `lvs-pacemaker alone`
    says there that the other one is off.
    """
    options = options_of(cluster)
    declined = options.fencing is not None and options.fencing.declined is not None
    if _asked(cluster) and declined and not options.wait_for_all and len(view.directors(cluster)) == 2:
        yield Problem(
            f"{_path(cluster)}.wait_for_all",
            "false without fencing: directors that start without hearing each other all own the VIPs",
            "leave it out, or give fencing devices",
        )
