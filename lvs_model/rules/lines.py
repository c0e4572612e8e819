"""Lines of keepalived.conf(5) that the operator writes as they stand."""

from __future__ import annotations

from collections.abc import Iterator

from lvs_model.document import Cluster
from lvs_model.problems import Problem
from lvs_model.rules.registry import cluster_rule
from lvs_model.rules.view import View, root_of

# The keywords that the toolkit prints itself, by the block (components/keepalived).
PRINTED = {
    "global_defs": frozenset(
        [
            "router_id",
            "vrrp_version",
            "enable_script_security",
            "script_user",
            "vrrp_garp_master_repeat",
            "vrrp_garp_master_delay",
            "vrrp_garp_master_refresh",
            "vrrp_garp_master_refresh_repeat",
            "vrrp_garp_interval",
            "vrrp_gna_interval",
            "vrrp_startup_delay",
            "lvs_sync_daemon",
            "lvs_timeouts",
            "notification_email",
            "notification_email_from",
            "smtp_server",
            "smtp_connect_timeout",
            "smtp_alert_vrrp",
            "smtp_alert_checker",
        ]
    ),
    "vrrp_instance": frozenset(
        [
            "state",
            "interface",
            "virtual_router_id",
            "priority",
            "advert_int",
            "preempt_delay",
            "nopreempt",
            "down_timer_adverts",
            "unicast_src_ip",
            "unicast_ttl",
            "unicast_peer",
            "mcast_src_ip",
            "mcast_dst_ip",
            "authentication",
            "garp_extra_if",
            "track_file",
            "track_interface",
            "track_process",
            "track_script",
            "virtual_ipaddress",
            "virtual_ipaddress_excluded",
            "notify",
            "notify_master",
            "notify_backup",
            "notify_fault",
            "notify_stop",
        ]
    ),
    "virtual_server": frozenset(
        [
            "delay_loop",
            "lvs_sched",
            "lvs_method",
            "protocol",
            "persistence_timeout",
            "persistence_granularity",
            "ops",
            "sh-port",
            "sh-fallback",
            "mh-port",
            "mh-fallback",
            "alpha",
            "omega",
            "quorum",
            "hysteresis",
            "quorum_up",
            "quorum_down",
            "ip_family",
            "inhibit_on_failure",
            "sorry_server",
            "sorry_server_lvs_method",
            "real_server",
        ]
    ),
    "top": frozenset({"global_defs"}),
}


@cluster_rule("extra-line-repeats", "warning")
def extra_line_repeats(cluster: Cluster, view: View) -> Iterator[Problem]:
    """An extra line sets what the toolkit sets too.

    `extra_lines` are for what the document has no word for. A keyword that the toolkit writes itself is
    then there twice: keepalived takes the one or the other, or refuses both, and what plan and verify
    say of the cluster may no longer be true.

    Wrong::

        extra_lines:
          vrrp_instance: [advert_int 2]

    Mend: use the document's own key, here `failover.advert_interval`.
    """
    root, extra = root_of(cluster), cluster.extra_lines
    blocks = [
        (f"{root}.extra_lines.global_defs", "global_defs", extra.global_defs),
        (f"{root}.extra_lines.vrrp_instance", "vrrp_instance", extra.vrrp_instance),
        (f"{root}.extra_lines.top", "top", extra.top),
    ]
    blocks += [
        (f"{served.path}.extra_lines", "virtual_server", served.service.extra_lines)
        for served in view.services_of(cluster)
    ]
    for path, block, lines in blocks:
        for number, line in enumerate(lines):
            keyword = line.split()[0]
            if keyword in PRINTED[block]:
                yield Problem(
                    f"{path}[{number}]",
                    f"the toolkit writes {keyword} itself",
                    "use the document's own key for it",
                )
