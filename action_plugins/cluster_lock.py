"""The action cluster_lock: fills in who runs, and judges on the controller whether another still lives."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lvs_ansible.run_identity import ended, this_run


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core ships no type information
    """Runs library/cluster_lock.py, twice where a dead run's lock is in the way."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """See ActionBase."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        own = this_run()
        arguments = dict(self._task.args)
        arguments["record"] = own.record() | {
            "since": round(time.time(), 3),
            "reason": str(arguments.get("reason", "")),
        }
        done = self._module(arguments, task_vars)
        holder = done.get("holder")
        if holder and arguments.get("state", "held") == "held" and ended(holder, own):
            done = self._module(arguments | {"broken": holder["run"]}, task_vars)
        if done.get("broke"):
            Display().warning(f"the lock of {said_of(done['broke'])} was taken over")
        holder = done.get("holder")
        if holder and arguments.get("state", "held") == "held":
            done |= {"failed": True, "msg": _refusal(arguments["cluster"], holder)}
        # What this run takes it also gives back, and the host is as it was; another's lock is gone for good.
        return result | done | {"changed": bool(done.get("broke"))}

    def _module(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        done: dict[str, Any] = self._execute_module(
            module_name="cluster_lock", module_args=arguments, task_vars=task_vars
        )
        return done


def said_of(record: dict[str, Any]) -> str:
    """A lock's run in words."""
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(float(record.get("since") or 0)))
    why = f": {record['reason']}" if record.get("reason") else ""
    if "operator" not in record:
        return f"run {record['run']}"
    return (
        f"run {record['run']} of {record['operator']} (from {record.get('controller')}, process "
        f"{record.get('pid')}, since {since}){why}"
    )


def _refusal(cluster: str, holder: dict[str, Any]) -> str:
    return (
        f"cluster {cluster} is being changed by {said_of(holder)}. Nothing has been changed by this run. "
        "Wait until it has ended. If it was killed, and only then, break its lock by name: "
        f"-e lvs_break_lock={holder['run']}"
    )
