"""Names, networks and hosts."""

from __future__ import annotations

from ..changes import both, failover, group, host, network, other, second, service
from . import EDGE, S0, S1, TWO, document, instances, mixed, near, script, six, third, trigger

TABLE = [
    # names.py
    trigger(
        "unknown-network",
        both(
            document(connection_sync={"network": "back"}),
            failover(track={"networks": ["sync", "uplink"]}),
            instances({"name": "blue", "network": "frnt"}),
        ),
        f"{EDGE}.connection_sync.network: there is no network 'back': use one of: front, sync",
        f"{EDGE}.failover.instances[0].network: there is no network 'frnt': use one of: front, sync",
        f"{EDGE}.failover.track.networks[1]: there is no network 'uplink': use one of: front, sync",
    ),
    trigger(
        "unknown-network",
        failover(network="frnt"),
        f"{EDGE}.failover.network: there is no network 'frnt': use one of: front, sync",
    ),
    near("unknown-network", failover(track={"networks": ["front", "sync"]})),
    trigger(
        "unknown-interface-network",
        host("web1", lvs_interfaces={"fornt": "eth7"}),
        "host web1: lvs_interfaces.fornt: there is no network 'fornt' in cluster 'edge': use one of: front, "
        "sync",
    ),
    near("unknown-interface-network", host("web1", lvs_interfaces={"front": "eth7", "sync": "eth8"})),
    trigger(
        "unknown-group",
        document(directors="lbs"),
        f"{EDGE}.directors: there is no inventory group 'lbs': create it, or name another",
    ),
    trigger(
        "unknown-group",
        service(pool="web"),
        f"{S0}.pool: there is no inventory group 'web': create it, or name another",
    ),
    near("unknown-group", both(service(pool="edge_directors"), document(ipvs={"backup_only": True}))),
    trigger(
        "unknown-director",
        instances({"name": "blue", "directors": ["lb1", "web1"]}),
        f"{EDGE}.failover.instances[0].directors[1]: 'web1' is no director of the cluster: use lb1, lb2",
        also="director-in-no-instance",
    ),
    near("unknown-director", instances({"name": "blue", "directors": ["lb2", "lb1"]})),
    trigger(
        "unknown-instance",
        instances({"name": "blue"}, sync_groups=[{"name": "nat", "instances": ["blue", "green"]}]),
        f"{EDGE}.failover.sync_groups[0].instances[1]: there is no instance 'green': use one of: blue",
    ),
    trigger(
        "unknown-instance",
        failover(sync_groups=[{"name": "nat", "instances": ["blue", "green"]}]),
        f"{EDGE}.failover.sync_groups[0].instances[0]: there is no instance 'blue': describe it in "
        "failover.instances",
        f"{EDGE}.failover.sync_groups[0].instances[1]: there is no instance 'green': describe it in "
        "failover.instances",
    ),
    near(
        "unknown-instance",
        instances(
            {"name": "blue"},
            {"name": "green", "vips": ["192.0.2.20"]},
            sync_groups=[{"name": "nat", "instances": ["blue", "green"]}],
        ),
    ),
    trigger(
        "unknown-service",
        host("web1", lvs_services={"wwww": {"state": "drained"}}),
        "host web1: lvs_services.wwww: it is in the pool of no service 'wwww': use one of: www",
    ),
    trigger(
        "unknown-service",
        host("lb1", lvs_services={"www": {"weight": 1}}),
        "host lb1: lvs_services.www: it is in the pool of no service 'www': remove it, or put the host into "
        "the pool",
    ),
    near("unknown-service", host("web1", lvs_services={"www": {"state": "disabled"}})),
    trigger(
        "name-twice",
        second("www", ports=[443], check={"type": "tcp"}),
        f"{S1}.name: 'www' is there twice: give each service its own name",
    ),
    trigger(
        "name-twice",
        both(
            instances(
                {"name": "blue", "directors": ["lb1", "lb1"]}, {"name": "blue", "vips": ["192.0.2.20"]}
            ),
            failover(
                track={
                    "processes": [{"name": "nginx", "process": "nginx"}],
                    "scripts": [script(), script(), script(name="nginx")],
                }
            ),
        ),
        f"{EDGE}.failover.instances[0].directors[1]: 'lb1' is there twice: give each director its own name",
        f"{EDGE}.failover.instances[1].name: 'blue' is there twice: give each instance its own name",
        f"{EDGE}.failover.track.scripts[1].name: 'uplink' is there twice: give each process and script its "
        "own name",
        f"{EDGE}.failover.track.scripts[2].name: 'nginx' is there twice: give each process and script its "
        "own name",
    ),
    trigger(
        "name-twice",
        failover(
            track={
                "processes": [{"name": "nginx", "process": "nginx", "restart": "/usr/bin/true"}],
                "scripts": [script(name="restart_nginx")],
            }
        ),
        f"{EDGE}.failover.track.scripts[0].name: 'restart_nginx' is there twice: give each process and "
        "script its own name",
    ),
    near("name-twice", both(second("tls", vips=["192.0.2.20"]), failover(track={"scripts": [script()]}))),
    # networks.py
    trigger(
        "networks-overlap",
        network("third", interface="eth2", subnets=["198.51.100.128/25"]),
        f"{EDGE}.networks.third: its subnets overlap with those of 'sync': an address must lie in one "
        "network only",
    ),
    near("networks-overlap", network("third", interface="eth2", subnets=["198.51.101.0/24"])),
    trigger(
        "subnet-on-two-segments",
        other(lambda two: two["networks"]["front"].update(segment="dc1-v121")),
        f"{TWO}.networks.front.segment: 192.0.2.0/24 is on segment 'dc1-v121' here and on 'dc1-v120' in "
        "cluster 'edge': name the segment alike if it is the same network",
    ),
    near("subnet-on-two-segments", other()),
    trigger(
        "director-off-network",
        host("lb1", lvs_addresses=["198.51.100.11"]),
        "host lb1: lvs_addresses: none lies in the network 'front', which directors of 'edge' need: "
        "add its address there",
    ),
    trigger(
        "director-off-network",
        both(
            network("back", interface="eth2", subnets=["10.0.0.0/24"]),
            *(host(f"lb{n}", lvs_addresses=[f"192.0.2.1{n}", f"198.51.100.1{n}"]) for n in (1, 2)),
            host("lb1", lvs_addresses=["192.0.2.11", "198.51.100.11", "10.0.0.11"]),
            host("web1", lvs_addresses=["10.0.0.21"]),
        ),
        "host lb2: lvs_addresses: none lies in the network 'back', which directors of 'edge' need: "
        "add its address there",
    ),
    near(
        "director-off-network",
        network("back", interface="eth2", subnets=["10.0.0.0/24"]),
    ),
    trigger(
        "director-family-missing",
        both(
            six,
            host("lb1", lvs_addresses=["192.0.2.11", "198.51.100.11"]),
            host("lb2", lvs_addresses=["2001:db8::12", "198.51.100.12"]),
        ),
        f"{EDGE}.networks.front: of the directors lb1, lb2 some have only IPv4 addresses there, and some "
        "only IPv6 ones: give all of them an address of one family",
    ),
    near("director-family-missing", both(six, host("lb2", lvs_addresses=["2001:db8::12", "198.51.100.12"]))),
    # hosts.py
    trigger(
        "directors-empty",
        group("edge_directors"),
        f"{EDGE}.directors: the group 'edge_directors' is empty: put at least one host into it",
    ),
    near("directors-empty", group("edge_directors", "lb2"), also="directors-too-few"),
    trigger(
        "directors-too-few",
        group("edge_directors", "lb1"),
        f"{EDGE}.directors: lb1 is the only one: when it fails, nobody takes over: add a second director",
    ),
    trigger(
        "directors-too-few",
        instances({"name": "blue", "directors": ["lb2"]}),
        f"{EDGE}.failover.instances[0].directors: lb2 is the only one: when it fails, nobody takes over: "
        "add a second director",
        also="director-in-no-instance",
    ),
    near("directors-too-few", both(third, instances({"name": "blue", "directors": ["lb2", "lb3", "lb1"]}))),
    trigger(
        "director-in-two-clusters",
        both(other(), group("two_directors", "lb1", "two-lb2")),
        "host lb1: it is a director of both 'edge' and 'two': give each cluster directors of its own",
    ),
    near("director-in-two-clusters", both(other(), group("two_directors", "two-lb1", "two-lb2"))),
    trigger(
        "director-is-real-server",
        both(other(), group("two_web", "two-web1", "lb2")),
        "host lb2: it is a director of 'edge' and in the pool 'two_web' of 'two': a host is set up by one "
        "cluster: take it out of one of the two groups",
    ),
    near(
        "director-is-real-server",
        both(other(), group("two_web", "two-web1", "lb2"), host("lb2", lvs_state="disabled")),
        also="director-state",
    ),
    trigger(
        "real-server-in-two-clusters",
        both(other(), group("two_web", "web1")),
        "host web1: it is in pools of both 'edge' and 'two', which is not supported yet: "
        "give each cluster real servers of its own",
    ),
    near("real-server-in-two-clusters", second("tls", ports=[81])),
    trigger(
        "probe-in-cluster",
        group("probes", "lb1"),
        "host lb1: it is in the group 'probes' and a director or real server, which cannot test its own "
        "VIPs: take a host outside the cluster as client",
    ),
    trigger(
        "probe-in-cluster",
        group("probes", "web1"),
        "host web1: it is in the group 'probes' and a director or real server, which cannot test its own "
        "VIPs: take a host outside the cluster as client",
    ),
    near("probe-in-cluster", group("probes")),
    near(
        "probe-in-cluster",
        both(host("web3", lvs_state="disabled", lvs_addresses=[]), group("probes", "web3")),
    ),
    trigger(
        "director-state",
        host("lb1", lvs_state="disabled"),
        "host lb1: lvs_state: it is 'disabled', and a director knows no such state: remove it",
    ),
    near("director-state", host("web1", lvs_state="drained")),
    near("director-state", both(mixed("edge_web", "lb1", "web1"), host("lb1", lvs_state="drained"))),
    near("director-state", both(mixed("edge_web", "lb1", "web1"), host("lb1", lvs_state="disabled"))),
    trigger(
        "address-of-two-hosts",
        host("web2", lvs_addresses=["192.0.2.21"]),
        "host web2: lvs_addresses[0]: 192.0.2.21 is an address of host web1 too: mend one of the two",
    ),
    trigger(
        "address-of-two-hosts",
        both(other(), host("two-web1", lvs_addresses=["192.0.2.21"])),
        "host two-web1: lvs_addresses[0]: 192.0.2.21 is an address of host web1 too: mend one of the two",
    ),
    near(
        "address-of-two-hosts",
        lambda case: case.add_host("spare", lvs_addresses=["192.0.2.21"]),
    ),
]
