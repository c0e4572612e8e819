"""Lines of keepalived.conf(5) that the operator writes as they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lvs_model.document import Cluster
from lvs_model.problems import Problem
from lvs_model.rules.registry import cluster_rule
from lvs_model.rules.view import View, root_of

# Texts in quotation marks, and comments.
_NO_SYNTAX = re.compile(r'"[^"]*"|[#!].*')

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
    for path, block, lines in _lists(cluster, view):
        for number, line in enumerate(lines):
            keyword = line.split()[0]
            if keyword in PRINTED[block]:
                yield Problem(
                    f"{path}[{number}]",
                    f"the toolkit writes {keyword} itself",
                    "use the document's own key for it",
                )


@cluster_rule("extra-lines-unbalanced")
def extra_lines_unbalanced(cluster: Cluster, view: View) -> Iterator[Problem]:
    """Extra lines leave a block open, or close one that is not theirs.

    Each list of `extra_lines` stands as it is in a block of the toolkit's. A brace too few or too many in
    it moves all that follows into another block, or out of its own: keepalived refuses the configuration,
    or takes another one than was meant. Braces in quotation marks and comments do not count
    (keepalived.conf(5)).

    Wrong::

        extra_lines:
          top: ["static_ipaddress {", "192.0.2.7/32 dev lo"]

    Mend: open and close each block in the same list.
    """
    for path, _, lines in _lists(cluster, view):
        depth = 0
        for number, line in enumerate(lines):
            for brace in re.findall(r"[{}]", _NO_SYNTAX.sub("", line)):
                depth += 1 if brace == "{" else -1
                if depth < 0:
                    break
            if depth < 0:
                yield Problem(
                    f"{path}[{number}]",
                    "it closes a block that this list has not opened",
                    "remove the '}', or open its block in a line before",
                )
                break
        if depth > 0:
            yield Problem(
                path, f"{depth} '{{' of these lines are not closed", "add a line '}' for each at its place"
            )


def _lists(cluster: Cluster, view: View) -> Iterator[tuple[str, str, list[str]]]:
    """Every list of extra lines: its place, the block that it stands in, and itself."""
    root, extra = root_of(cluster), cluster.extra_lines
    yield f"{root}.extra_lines.global_defs", "global_defs", extra.global_defs
    yield f"{root}.extra_lines.vrrp_instance", "vrrp_instance", extra.vrrp_instance
    yield f"{root}.extra_lines.top", "top", extra.top
    for served in view.services_of(cluster):
        yield f"{served.path}.extra_lines", "virtual_server", served.service.extra_lines
