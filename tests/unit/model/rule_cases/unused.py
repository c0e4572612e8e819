"""Options that have no effect, directors without a part, and the mail server."""

from __future__ import annotations

from ..changes import both, failover, host, service
from . import EDGE, S0, document, instances, near, third, trigger, without

MAIL = {"to": ["ops@example.org"], "sender": "lb@example.org"}
RESTART = "/usr/bin/systemctl restart nginx"
BLUE = {"name": "blue", "vips": ["192.0.2.10"]}
PRIORITIES = both(host("lb1", lvs_priority=150), host("lb2", lvs_priority=100))
NO_SERVICE = both(without("connection_sync"), document(services=[]), failover(vips=["192.0.2.10"]))


def nginx(**options: object) -> dict[str, object]:
    """Options of a failover that tracks a process."""
    return {"track": {"processes": [{"name": "nginx", "process": "nginx", **options}]}}


TABLE = [
    # mail.py
    trigger(
        "email-server-is-a-name",
        document(email={**MAIL, "server": "mail.example.org"}),
        f"{EDGE}.email.server: 'mail.example.org' is a name, and without DNS keepalived refuses its "
        "configuration: use an address, or have the name in /etc/hosts of every director",
    ),
    near("email-server-is-a-name", document(email={**MAIL, "server": "192.0.2.25"})),
    near("email-server-is-a-name", document(email={**MAIL, "server": "2001:db8::25"})),
    # vrrp.py
    trigger(
        "priority-without-effect",
        both(PRIORITIES, instances({**BLUE, "directors": ["lb2", "lb1"]})),
        "host lb1: lvs_priority: 150 is used in no election: the order of directors of 'blue' decides: "
        "remove it, or the order of the instance",
        "host lb2: lvs_priority: 100 is used in no election: the order of directors of 'blue' decides: "
        "remove it, or the order of the instance",
    ),
    near("priority-without-effect", both(PRIORITIES, instances({**BLUE, "directors": ["lb1", "lb2"]}))),
    near(  # used in one of the two
        "priority-without-effect",
        both(
            PRIORITIES,
            without("connection_sync"),
            instances(BLUE, {"name": "green", "directors": ["lb2", "lb1"], "vips": ["192.0.2.20"]}),
        ),
    ),
    # instances.py
    trigger(
        "director-in-no-instance",
        both(third, instances({**BLUE, "directors": ["lb1", "lb2"]})),
        f"{EDGE}.failover.instances: lb3 is a director, and no instance names it: it can never own a VIP: "
        "name it in an instance, or take it out of the group",
    ),
    near(
        "director-in-no-instance",
        both(
            third,
            without("connection_sync"),
            instances(
                {**BLUE, "directors": ["lb1", "lb2"]},
                {"name": "green", "directors": ["lb3", "lb2"], "vips": ["192.0.2.20"]},
            ),
        ),
    ),
    # trackers.py
    trigger(
        "process-option-without-effect",
        failover(**nginx(restart=RESTART, delay=5)),
        f"{EDGE}.failover.track.processes[0].delay: it has no effect beside restart: remove it; interval "
        "says when to look",
    ),
    trigger(
        "process-option-without-effect",
        failover(**nginx(interval=5)),
        f"{EDGE}.failover.track.processes[0].interval: it has no effect without restart: remove it, or add "
        "restart",
    ),
    near("process-option-without-effect", failover(**nginx(restart=RESTART, interval=5, delay=0))),
    near("process-option-without-effect", failover(**nginx(delay=5))),
    # services.py
    trigger(
        "ipvs-without-services",
        both(NO_SERVICE, document(ipvs={"table_bits": 20, "timeouts": {"tcp": 600}, "expire_dead": True})),
        *(
            f"{EDGE}.ipvs.{option}: it has no effect: there is no service of IPVS: remove it, or describe "
            "the service"
            for option in ("expire_dead", "table_bits", "timeouts")
        ),
    ),
    near("ipvs-without-services", both(NO_SERVICE, document(ipvs={"table_bits": 12, "timeouts": {}}))),
    near("ipvs-without-services", document(ipvs={"table_bits": 20, "expire_dead": True})),
    # checks.py
    trigger(
        "sni-without-virtual-host",
        service(ports=[443], check=[{"type": "tcp"}, {"type": "https", "sni": True}]),
        f"{S0}.check[1].sni: true, and there is no virtual_host to name: add virtual_host, or remove sni",
    ),
    trigger(
        "sni-without-virtual-host",
        both(
            service(ports=[443], check={"type": "tcp"}),
            host("web1", lvs_services={"www": {"check": [{"type": "https", "sni": True}]}}),
        ),
        "host web1: lvs_services.www.check[0].sni: true, and there is no virtual_host to name: add "
        "virtual_host, or remove sni",
    ),
    near("sni-without-virtual-host", service(ports=[443], check={"type": "https"})),
    near("sni-without-virtual-host", service(ports=[443], check={"type": "https", "sni": False})),
    near(
        "sni-without-virtual-host",
        service(ports=[443], check={"type": "https", "sni": True, "virtual_host": "example.org"}),
    ),
]
