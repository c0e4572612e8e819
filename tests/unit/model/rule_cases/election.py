"""Ids, priorities, timers, trackers, failback, versions and instances."""

from __future__ import annotations

import copy

from ..builders import Case
from ..changes import both, failover, host, network, other, service
from . import EDGE, TWO, instances, near, script, third, trigger


def full_segment(case: Case) -> None:
    """Put 255 more clusters on the segment, with connection sync on two others."""
    for number in range(255):
        own = copy.deepcopy(case.document)
        own.update(name=f"c{number}", directors=f"d{number}")
        own["networks"]["front"]["subnets"] = ["10.1.0.0/16"]
        own["networks"]["sync"].update(subnets=["10.2.0.0/16"], segment=f"sync-{number % 2}")
        own["services"][0].update(pool=f"p{number}", vips=[f"10.1.{number}.10"])
        for last, role in enumerate("dep", start=1):
            addresses = [f"10.1.{number}.{last}", f"10.2.{number}.{last}"]
            pool = f"{'d' if role == 'e' else role}{number}"
            case.add_host(f"{role}{number}", pool, lvs_cluster=own, lvs_addresses=addresses)


def tracked(*scripts: dict[str, object], **options: object) -> dict[str, object]:
    """Options of a failover that tracks scripts."""
    return {"track": {"scripts": list(scripts)}, **options}


TOGETHER = ({"name": "blue"}, {"name": "green", "vips": ["192.0.2.20"]})
GROUPED = [{"name": "both", "instances": ["blue", "green"]}]

TABLE = [
    # vrrp.py
    trigger(
        "router-id-clash",
        both(failover(router_id=51), other(lambda two: two["failover"].update(router_id=51))),
        f"{TWO}.failover.router_id: 51 is taken by cluster 'edge' on segment 'dc1-v120': take another, or "
        "leave it out",
    ),
    trigger(
        "router-id-clash",
        instances({**TOGETHER[0], "router_id": 7}, {**TOGETHER[1], "router_id": 7}, sync_groups=GROUPED),
        f"{EDGE}.failover.instances[1].router_id: 7 is taken by cluster 'edge/blue' on segment 'dc1-v120': "
        "take another, or leave it out",
    ),
    near(
        "router-id-clash",
        both(
            failover(router_id=51),
            other(
                lambda two: (
                    two["failover"].update(router_id=51),
                    two["networks"]["front"].update(segment="dc1-v121"),
                )
            ),
        ),
        also="subnet-on-two-segments",
    ),
    near(
        "router-id-clash",  # IPv4 and IPv6 have ids of their own
        both(
            network("front", subnets=["192.0.2.0/24", "2001:db8::/64"]),
            other(
                lambda two: (
                    two["failover"].update(router_id=51),
                    two["networks"]["front"].update(subnets=["2001:db8::/64"]),
                    two["services"][0].update(vips=["2001:db8::30"]),
                )
            ),
            *(host(f"two-lb{n}", lvs_addresses=[f"2001:db8::3{n}", f"198.51.100.3{n}"]) for n in (1, 2)),
            lambda case: case.hostvars["two-web1"].update(lvs_addresses=["2001:db8::35"]),
            failover(router_id=51),
        ),
    ),
    trigger(
        "ids-exhausted",
        full_segment,
        "lvs_cluster: segment dc1-v120 has no free virtual router id for cluster edge: spread the clusters "
        "over more segments",
        also="subnet-on-two-segments",
    ),
    near("ids-exhausted", other()),
    trigger(
        "priorities-too-close",
        both(host("lb1", lvs_priority=150), host("lb2", lvs_priority=150)),
        f"{EDGE}.directors: lvs_priority: lb1 has priority 150 and lb2 150, less than 5 apart: "
        "which one takes over would be left to chance: set lvs_priority of all of them, further apart",
    ),
    trigger(
        "priorities-too-close",
        host("lb2", lvs_priority=198),
        f"{EDGE}.directors: lvs_priority: lb1 has priority 200 and lb2 198, less than 5 apart: "
        "which one takes over would be left to chance: set lvs_priority of all of them, further apart",
    ),
    near("priorities-too-close", both(host("lb1", lvs_priority=150), host("lb2", lvs_priority=145))),
    # trackers.py
    trigger(
        "tracker-never-flips",
        both(
            failover(**tracked(script(weight=-40), failback=True)),
            host("lb1", lvs_priority=150),
            host("lb2", lvs_priority=100),
        ),
        f"{EDGE}.failover.track: a tracker has weight -40, and lb1 has priority 150 and lb2 100: its "
        "failure would never move the VIPs that far: use weight 0, or another one",
    ),
    near(
        "tracker-never-flips",
        both(
            failover(**tracked(script(weight=-51), failback=True)),
            host("lb1", lvs_priority=150),
            host("lb2", lvs_priority=100),
        ),
    ),
    trigger(
        "tracker-without-failback",
        failover(track={"processes": [{"name": "nginx", "process": "nginx", "weight": -60}]}),
        f"{EDGE}.failover.track.processes[0].weight: 'nginx' has weight -60, and without failback no backup "
        "takes the VIPs from a living owner: use weight 0, or failback: true",
    ),
    near("tracker-without-failback", failover(**tracked(script(weight=0)))),
    trigger(
        "tracker-in-sync-group",
        instances(*TOGETHER, sync_groups=GROUPED, **tracked(script(weight=-100), failback=True)),
        f"{EDGE}.failover.track.scripts[0].weight: 'uplink' has weight -100, which keepalived drops for the "
        "members of a sync group: use weight 0",
    ),
    near(
        "tracker-in-sync-group",
        instances(*TOGETHER, sync_groups=GROUPED, **tracked(script(), failback=True)),
    ),
    trigger(
        "tracker-flaps",
        failover(**tracked(script(rise=1, fall=1))),
        f"{EDGE}.failover.track.scripts[0].fall: 1: a single run of 'uplink' would move the VIPs: use 2 or "
        "more, and a shorter interval where time matters",
        f"{EDGE}.failover.track.scripts[0].rise: 1: a single run of 'uplink' would move the VIPs: use 2 or "
        "more, and a shorter interval where time matters",
    ),
    near("tracker-flaps", failover(**tracked(script(rise=2, fall=2)))),
    # failback.py
    trigger(
        "failback-delay-too-long",
        both(failover(failback=True), service(check={"timeout": 300, "retries": 3})),
        f"{EDGE}.failover.failback_delay: the checks' first results can take 1203 s, and keepalived waits "
        "at most 1000 s: shorten the checks' timeouts or retries, or give a delay",
    ),
    near(
        "failback-delay-too-long",
        both(failover(failback=False), service(check={"timeout": 300, "retries": 3})),
    ),
    trigger(
        "failback-delay-without-failback",
        failover(failback_delay=60),
        f"{EDGE}.failover.failback_delay: 60 s, and failback is off: use failback: true, or remove the delay",
    ),
    near("failback-delay-without-failback", failover(failback=True, failback_delay=60)),
    trigger(
        "failback-before-checks",
        failover(failback=True, failback_delay=7.5),
        f"{EDGE}.failover.failback_delay: 7.5 s, and the checks' first results can take 8 s: leave it out, "
        "or give a longer one",
    ),
    near("failback-before-checks", failover(failback=True, failback_delay=8)),
    # timing.py
    trigger(
        "advert-interval-below-jitter",
        failover(advert_interval=0.08),
        f"{EDGE}.failover.advert_interval: 0.08 s: a backup takes over when an advert is 193 ms late, and "
        "timers of a busy machine are up to 200 ms late: use a longer interval, or more lost_adverts",
    ),
    near("advert-interval-below-jitter", failover(advert_interval=0.09)),
    near("advert-interval-below-jitter", failover(advert_interval=0.08, lost_adverts=4)),
    trigger(
        "skew-below-jitter",
        both(
            third,
            failover(advert_interval=0.25),
            *(host(f"lb{n}", lvs_priority=205 - 5 * n) for n in (1, 2)),
            lambda case: case.hostvars["lb3"].update(lvs_priority=190),
        ),
        f"{EDGE}.failover.advert_interval: 0.25 s: lb2 (priority 195) and lb3 (190) take over 4.9 ms apart, "
        "within the 10 ms of timer jitter: set lvs_priority further apart, or use a longer interval",
    ),
    near("skew-below-jitter", both(third, failover(advert_interval=0.25))),
    near(  # two directors have one backup, with which nobody competes
        "skew-below-jitter",
        both(failover(advert_interval=0.25), *(host(f"lb{n}", lvs_priority=205 - 5 * n) for n in (1, 2))),
    ),
]
