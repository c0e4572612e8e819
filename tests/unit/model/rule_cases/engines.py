"""Cases of the rules about what an engine lacks: every option of the parity tables is among them."""

from __future__ import annotations

from typing import Any

from ..changes import Change, both, failover, host, second, service
from . import EDGE, S0, document, near, six, trigger

KEEP = "or engine keepalived"
# The check of the valid inventory is fine for both engines.
HEARTBEAT = {"method": "heartbeat", "heartbeat": {"key": {"secret": "s3cret-key"}}}
UNDER: Change = both(document(engine="ldirectord"), failover(**HEARTBEAT))
NOTHING = "ldirectord has nothing like it"
TIMERS = "failover.heartbeat or failover.pacemaker has timers of its own"
EXPECT = "take `receive`, a text of the answer's body, or a check of type script"
MAIL = {"to": ["ops@example.org"], "sender": "lb@example.org", "server": "192.0.2.25"}
NAME = {"virtual_host": "www.example.org"}
TRUSTED = document(ldirectord={"https_trusted": True})


def under(*changes: Change) -> Change:
    """The valid inventory under ldirectord and heartbeat, with these changes."""
    return both(UNDER, *changes)


def check(**options: Any) -> Change:  # noqa: ANN401
    """A check of type http unless it says another one, under ldirectord."""
    return under(service(check={"type": "http", "path": "/healthz", **options}))


def lacks(name: str, value: object, instead: str, also: str = "") -> object:
    """An option of the failover that ldirectord's managers lack."""
    return trigger(
        "engine-lacks-option",
        under(failover(**{name: value})),
        f"{EDGE}.failover.{name}: {NOTHING}: {instead}",
        also=also,
    )


TABLE: list[Any] = [
    trigger(
        "engine-without-method",
        document(engine="ldirectord"),
        f"{EDGE}.failover.method: ldirectord has no vrrp: use heartbeat or pacemaker",
    ),
    trigger(
        "engine-without-method",
        failover(method="heartbeat"),
        f"{EDGE}.failover.method: keepalived has no heartbeat: use vrrp, or engine ldirectord",
    ),
    near("engine-without-method", UNDER),
    trigger(
        "options-of-other-method",
        under(failover(pacemaker={"fencing": {"declined": "a test"}})),
        f"{EDGE}.failover.pacemaker: the method is heartbeat: take it out, or write method: pacemaker",
    ),
    near("options-of-other-method", UNDER),
    # The whole cluster.
    trigger(
        "engine-lacks-option",
        document(ldirectord={}),
        f"{EDGE}.ldirectord: keepalived has nothing like it: take it out, or take engine ldirectord",
    ),
    near("engine-lacks-option", under(document(ldirectord={"fork": False}))),
    trigger(
        "engine-lacks-option",
        under(document(extra_lines={"top": ["static_ipaddress {", "}"]})),
        f"{EDGE}.extra_lines: {NOTHING}: take it out: these are lines of keepalived.conf; {KEEP}",
    ),
    trigger(
        "engine-lacks-option",
        under(document(ipvs={"timeouts": {"tcp": 300}})),
        f"{EDGE}.ipvs.timeouts: {NOTHING}: leave the kernel's own (900, 120 and 300 s), {KEEP}",
    ),
    trigger(
        "engine-lacks-option",
        under(document(email={**MAIL, "port": 587, "timeout": 10, "to": ["a@example.org", "b@example.org"]})),
        f"{EDGE}.email.port: {NOTHING}: send through a mail server at port 25, such as one on the directors",
        f"{EDGE}.email.timeout: {NOTHING}: take it out: a delivery that hangs delays the checks, so use a "
        "server nearby",
        f"{EDGE}.email.to: ldirectord writes to one address only (ld_emailalert_net_smtp): give an alias of "
        "the mail server's",
    ),
    near("engine-lacks-option", under(document(email={**MAIL, "port": 25}))),
    trigger(
        "email-server-is-cut",
        under(document(email={**MAIL, "server": "2001:db8::25"})),
        f"{EDGE}.email.server: ldirectord takes no IPv6 address here: it cuts 2001:db8::25 at the first "
        "colon: use its IPv4 address, or a name in /etc/hosts of every director",
    ),
    near("email-server-is-cut", document(email={**MAIL, "server": "2001:db8::25"})),
    near("email-server-is-cut", under(document(email={**MAIL, "server": "mail.example.org"}))),
    trigger(
        "fallback-behind-drained",
        under(service(fallback={"address": "192.0.2.99"}), host("web1", lvs_state="drained")),
        f"{S0}.fallback: web1 is drained, and while it passes its checks ldirectord does not have the "
        "fallback stand in when all others are dead: write lvs_state: disabled when its last clients have "
        "left",
    ),
    near("fallback-behind-drained", under(host("web1", lvs_state="drained"))),
    near("fallback-behind-drained", under(service(fallback={"address": "192.0.2.99"}))),
    near(
        "fallback-behind-drained",
        both(service(fallback={"address": "192.0.2.99"}), host("web1", lvs_state="drained")),
    ),
    lacks("version", 2, "take it out: there is no VRRP"),
    lacks("transport", "multicast", "failover.heartbeat says how its messages travel"),
    lacks(
        "multicast_group",
        "224.0.0.19",
        "failover.heartbeat says how its messages travel",
        also="multicast-group-unused",
    ),
    lacks("advert_interval", 0.5, TIMERS),
    lacks("lost_adverts", 4, TIMERS),
    lacks("router_id", 7, "take it out: there is no VRRP"),
    lacks("startup_delay", 5, TIMERS),
    lacks(
        "authentication",
        {"password": "s3cret"},
        "failover.heartbeat or failover.pacemaker has a key of its own",
        also="vrrp3-authentication",
    ),
    lacks(
        "gratuitous_arp",
        {"repeat": 3},
        f"take it out: IPaddr2 announces a VIP five times; {KEEP}",
    ),
    trigger(
        "engine-lacks-option",
        under(failover(failback=True, failback_delay=60)),
        f"{EDGE}.failover.failback_delay: {NOTHING}: take it out, or set failback to false; {KEEP}",
    ),
    lacks(
        "instances",
        [{"name": "blue", "vips": ["192.0.2.10"]}],
        f"one set of VIPs with one owner: make further sets clusters of their own, {KEEP}",
    ),
    trigger(
        "engine-lacks-option",
        under(
            failover(
                instances=[{"name": "blue", "vips": ["192.0.2.10"]}, {"name": "red", "vips": ["192.0.2.20"]}],
                sync_groups=[{"name": "all", "instances": ["blue", "red"]}],
            )
        ),
        f"{EDGE}.failover.instances: {NOTHING}: one set of VIPs with one owner: make further sets clusters "
        f"of their own, {KEEP}",
        f"{EDGE}.failover.sync_groups: {NOTHING}: take it out: there is one set of VIPs, and it moves as a "
        "whole",
    ),
    lacks(
        "track",
        {"networks": ["sync"]},
        f"ask neighbours instead (failover.heartbeat or failover.pacemaker: ping), {KEEP}",
    ),
    lacks("notify", {"owner": "/usr/local/bin/tell"}, f"take it out, {KEEP}"),
    near("engine-lacks-option", under(failover(version=3, advert_interval=1, transport="unicast"))),
    trigger(
        "engine-lacks-option",
        under(
            document(ldirectord={"fork": False}),
            second("tls", ports=[8080], check={"type": "tcp", "interval": 5}),
        ),
        f"{EDGE}.ldirectord.fork: false: one process checks all services, with one interval, and the "
        "services have several (2, 5 s): leave it true, or give all checks one interval",
    ),
    near(
        "engine-lacks-option",
        under(document(ldirectord={"fork": False}), second("tls", ports=[8080], check={"type": "tcp"})),
    ),
    trigger(
        "engine-lacks-option",
        under(host("lb1", lvs_priority=200)),
        "host lb1: lvs_priority: ldirectord's managers have no priorities: take it out: the order of the "
        "group 'edge_directors' decides",
    ),
    # A service.
    trigger(
        "engine-lacks-service-option",
        under(service(forwarding="tun", tunnel={"type": "gue", "port": 5555})),
        f"{S0}.tunnel.port: {NOTHING}: take it out: only GUE has one; {KEEP}",
        f"{S0}.tunnel.type: {NOTHING}: take ipip, {KEEP}",
    ),
    near("engine-lacks-service-option", under(service(forwarding="tun", tunnel={"type": "ipip"}))),
    trigger(
        "engine-lacks-service-option",
        under(service(quorum=2, hysteresis=1)),
        f"{S0}.hysteresis: {NOTHING}: leave it at 0; {KEEP}",
        f"{S0}.quorum: {NOTHING}: leave it at 1: its fallback answers when no real server is left; {KEEP}",
    ),
    near("engine-lacks-service-option", under(service(quorum=1, starts_down=True))),
    trigger(
        "engine-lacks-service-option",
        under(service(starts_down=False, notify_at_stop=True)),
        f"{S0}.notify_at_stop: {NOTHING}: take it out, {KEEP}",
        f"{S0}.starts_down: {NOTHING}: leave it true: a real server comes in after a good check, at a "
        f"takeover after a handshake; {KEEP}",
    ),
    trigger(
        "engine-lacks-service-option",
        under(service(notify={"server_up": "/usr/local/bin/tell"}, extra_lines=["weight 1"])),
        f"{S0}.extra_lines: {NOTHING}: take them out: these are lines of keepalived.conf; {KEEP}",
        f"{S0}.notify: {NOTHING}: have mail sent (email), {KEEP}",
    ),
    trigger(
        "engine-lacks-service-option",
        under(service(protocol="sctp", check={"type": "ping"})),
        f"{S0}.protocol: ldirectord has no sctp: give the service a mark: auto",
        also="check-proves-little",
    ),
    near(
        "engine-lacks-service-option",
        under(service(protocol="sctp", mark=7, check={"type": "ping"})),
        also="check-proves-little",
    ),
    trigger(
        "engine-lacks-service-option",
        under(
            service(protocol="udp", ports=[514], mark=7, one_packet=True, check={"type": "tcp", "port": 22})
        ),
        f"{S0}.one_packet: ldirectord has it for addresses with ports only: take the mark out, or use engine "
        "keepalived",
    ),
    trigger(
        "engine-lacks-service-option",
        under(
            six,
            service(forwarding="tun", vips=["2001:db8::10"]),
            host("web1", lvs_addresses=["192.0.2.21"]),
            lambda case: case.document.pop("connection_sync"),
        ),
        f"{S0}.forwarding: ldirectord has no tunnel over IPv4 for an IPv6 VIP, and web1 is reached at "
        "192.0.2.21: give it an IPv6 address, or use engine keepalived",
    ),
    # Checks.
    trigger(
        "engine-lacks-check",
        service(check={"type": "http", "receive": "all is well"}),
        f"{S0}.check.receive: keepalived has nothing like it: take `digest`, a check of type script, or "
        "engine ldirectord",
    ),
    near("engine-lacks-check", check(receive="all is well # really")),
    trigger(
        "engine-lacks-check",
        check(interval=0.5, timeout=2.5),
        f"{S0}.check.interval: {NOTHING}: take whole seconds",
        f"{S0}.check.timeout: {NOTHING}: take whole seconds",
    ),
    near("engine-lacks-check", check(interval=5, timeout=5.0)),
    trigger(
        "engine-lacks-check",
        check(retry_delay=1, warm_up=5, address="192.0.2.99"),
        f"{S0}.check.address: {NOTHING}: check the real server itself, or take a check of type script",
        f"{S0}.check.retry_delay: {NOTHING}: take it out: a failed check is repeated after the interval",
        f"{S0}.check.warm_up: {NOTHING}: take it out: it checks its real servers one after the other anyway",
    ),
    near("engine-lacks-check", check(interval=3, retry_delay=3)),
    trigger(
        "engine-lacks-check",
        check(status=204),
        f"{S0}.check.status: {NOTHING}: {EXPECT}: it takes every 2xx",
    ),
    near("engine-lacks-check", check(status=200)),
    trigger(
        "engine-lacks-check",
        check(digest="9b3a0c85a887a256d6939da88aabd8cd"),
        f"{S0}.check.digest: {NOTHING}: {EXPECT}",
    ),
    trigger(
        "engine-lacks-check",
        check(type="https", port=443),
        f"{S0}.check.type: ldirectord takes out real servers whose certificates the directors do not trust: "
        "have their CA in the directors' trust store and say so (ldirectord: {https_trusted: true}), or take "
        "a check of type script",
    ),
    near("engine-lacks-check", both(check(type="https", port=443), TRUSTED)),
    near("engine-lacks-check", service(ports=[443], check={"type": "https"})),
    trigger(
        "engine-lacks-check",
        both(check(type="https", port=443, **NAME), TRUSTED),
        f"{S0}.check.sni: ldirectord does not name the virtual_host in the TLS handshake: write sni: false "
        "where the server does without, or take a check of type script",
    ),
    near("engine-lacks-check", both(check(type="https", port=443, sni=False, **NAME), TRUSTED)),
    trigger(
        "engine-lacks-check",
        under(service(check={"type": "smtp", "helo": "lb.example.org"})),
        f"{S0}.check.helo: {NOTHING}: take it out: it says localhost.localdomain",
    ),
    near("engine-lacks-check", under(service(check={"type": "smtp"}))),
    trigger(
        "engine-lacks-check",
        under(service(protocol="udp", ports=[53], check={"type": "dns"})),
        f"{S0}.check.record: ldirectord believes a name server only when it tells an address: write record: "
        "A, and a name that has one",
    ),
    near(
        "engine-lacks-check",
        under(
            service(protocol="udp", ports=[53], check={"type": "dns", "record": "A", "name": "example.org"})
        ),
    ),
    trigger(
        "engine-lacks-check",
        under(service(protocol="udp", ports=[514], check={"type": "udp"})),
        f"{S0}.check.type: ldirectord has no check of type udp: take a check of type dns, ping or script",
    ),
    trigger(
        "engine-lacks-check",
        under(service(check=[{"type": "tcp"}, {"type": "file"}])),
        f"{S0}.check: ldirectord has one check for a service, not 2: take the one that proves most, or a "
        "check of type script that does all",
        f"{S0}.check[1].type: ldirectord has no check of type file: drain a real server by "
        "playbooks/drain.yml, or by its lvs_state",
    ),
    trigger(
        "engine-lacks-check",
        under(service(protocol="udp", ports=[514], check={"type": "tcp", "port": 22})),
        f"{S0}.check.type: ldirectord opens no TCP connection for a service over UDP: it pings the host: "
        "take type ping, dns or script, or give the service a mark: auto",
    ),
    near(
        "engine-lacks-check",
        under(service(protocol="udp", ports=[514], mark=7, check={"type": "tcp", "port": 22})),
    ),
    trigger(
        "engine-lacks-check",
        under(service(check={"type": "script", "command": "/usr/bin/check", "dynamic_weight": True})),
        f"{S0}.check.dynamic_weight: {NOTHING}: let the program say good or bad only, {KEEP}",
    ),
    trigger(
        "engine-lacks-check",
        under(six, service(vips=["2001:db8::10"], check={"type": "smtp"})),
        f"{S0}.check.type: ldirectord's check of type smtp knows IPv4 only: take type tcp or script",
    ),
    near("engine-lacks-check", under(six, service(vips=["2001:db8::10"], check={"type": "tcp"}))),
    trigger(
        "engine-lacks-check",
        under(host("web1", lvs_services={"www": {"check": {"type": "tcp"}}})),
        "host web1: lvs_services.www.check: ldirectord checks all real servers of a service in the same way: "
        "take it out, or have a check of type script tell them apart",
    ),
    near("engine-lacks-check", host("web1", lvs_services={"www": {"check": {"type": "tcp"}}})),
    # fallbacks.py
    trigger(
        "fallback-here-not-direct",
        service(fallback={"address": "127.0.0.1", "forwarding": "masquerade"}),
        f"{S0}.fallback.forwarding: masquerade to 127.0.0.1 is dropped by the kernel: leave it out: what "
        "goes to the director itself goes directly",
    ),
    near("fallback-here-not-direct", service(fallback={"address": "127.0.0.1"})),
    near("fallback-here-not-direct", service(forwarding="tun", fallback={"address": "127.0.0.1"})),
]
