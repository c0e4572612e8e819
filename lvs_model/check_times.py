"""How long checks take to notice: by engine, since each repeats a failed check in its own way."""

from __future__ import annotations

from lvs_model.document import Check, Cluster, FileCheck, Service


def detection_s(cluster: Cluster, service: Service) -> float:
    """Seconds until a real server that stopped answering is taken out, at the latest; 0: nobody looks."""
    if cluster.engine == "keepalived":
        return service.detection_s
    check = service.checks[0]
    # ldirectord sleeps the interval between two rounds, and a failed check is repeated in the next one; as
    # long as all others answer at once (run_child, _service_down).
    return 0 if isinstance(check, FileCheck) else (check.retries + 1) * (check.interval + check.timeout)


def first_result_s(cluster: Cluster, check: Check) -> float:
    """Seconds after which a check under a new configuration has had its first result."""
    if cluster.engine == "keepalived" or isinstance(check, FileCheck):
        return check.first_result_s
    # It notices a signal within a second, and then checks all real servers in turn (ld_main, ld_start).
    return 1 + check.timeout
