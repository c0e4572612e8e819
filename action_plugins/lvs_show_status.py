"""The action lvs_show_status: library/lvs_show_status.py documents it. All of it is on the controller."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lvs_model.observation import from_result
from lvs_model.status import status
from lvs_model.status_options import FORMATS
from lvs_model.status_text import status_lines, verdict_lines


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core ships no type information
    """Compares plan and observations, and shows what comes out."""

    TRANSFERS_FILES = False
    _requires_connection = False
    # It changes no host: check mode does the same.
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """See ActionBase."""
        super().run(tmp, task_vars)
        _, options = self.validate_argument_spec(
            {
                "observations": {"type": "dict", "required": True},
                "format": {"type": "str", "choices": list(FORMATS), "default": FORMATS[0]},
                "output": {"type": "path", "default": ""},
            }
        )
        # Not an option: the plan holds passwords, and options are shown to those who ask for much.
        given = [(task_vars or {})["__cluster_plan"], options["observations"]]
        plan, observations = json.loads(json.dumps(given))
        try:
            found = status(plan, {host: from_result(result) for host, result in observations.items()})
        except ValueError as error:
            return {"failed": True, "changed": False, "msg": f"an observation cannot be read: {error}"}
        if options["format"] == "json":
            text = json.dumps(found)
            if options["output"]:
                try:
                    _write(Path(options["output"]), text + "\n")
                except OSError as error:
                    why = f"{options['output']} cannot be written: {error.strerror}"
                    return {"failed": True, "changed": False, "msg": why}
            # One line, and nothing before it: no other line of a run begins with a brace.
            Display().display(text)
        return {
            "changed": False,
            "healthy": found["healthy"],
            "lines": status_lines(found),
            "faults": verdict_lines(found),
        }


def _write(place: Path, text: str) -> None:
    """Replace a file as a whole: who reads it meanwhile gets the old one. Raises OSError."""
    new = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        new.write_text(text, encoding="utf-8")
        new.replace(place)
    finally:
        new.unlink(missing_ok=True)
