"""The action lvs_plan_files: library/lvs_plan_files.py documents it. All of it happens on the controller."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lvs_ansible.hostvars import planned
from lvs_model.export import ExportError, write_plan
from lvs_model.report import table_lines


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core ships no type information
    """Compiles the plan from the variables of all hosts, and writes what each host would get."""

    TRANSFERS_FILES = False
    _requires_connection = False
    # It changes no host: check mode does the same.
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """See ActionBase."""
        super().run(tmp, task_vars)
        _, options = self.validate_argument_spec({"directory": {"type": "path", "required": True}})
        variables = task_vars or {}
        plan = planned(variables["hostvars"], variables["groups"])
        if plan["problems"]:
            return {"failed": True, "changed": False, "msg": "\n".join(plan["problems"])}
        try:
            count = write_plan(plan, Path(options["directory"]))
        except ExportError as error:
            return {"failed": True, "changed": False, "msg": str(error)}
        return {
            "changed": False,
            "directory": options["directory"],
            "files": count,
            "hosts": len(plan["hosts"]),
            "table": table_lines(plan["clusters"]),
            "warnings_found": plan["warnings"],
        }
