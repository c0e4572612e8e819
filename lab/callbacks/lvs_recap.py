"""Writes a playbook run's recap to a file, for programs; PLAY RECAP stays what people read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: lvs_recap
type: aggregate
short_description: Write the recap to the file that LVS_RECAP_FILE names
description:
  - At the end of a run, writes one JSON object, by host, with the numbers of PLAY RECAP (C(ok), C(changed),
    C(unreachable), C(failures), C(skipped), C(rescued), C(ignored)) and with C(tasks_changed), the names of
    the tasks that changed something there.
  - Does nothing unless the environment variable E(LVS_RECAP_FILE) is set.
author: The LVS cluster toolkit
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible-core is untyped
    """Collects what changed, and writes all of it when the run is over."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "lvs_recap"

    def __init__(self) -> None:
        super().__init__()
        self._changed: dict[str, list[str]] = {}

    def v2_runner_on_ok(self, result: Any) -> None:  # noqa: ANN401  # ansible-core's class has moved between releases
        """Remember the task if it changed its host."""
        if result.result.get("changed"):
            self._changed.setdefault(str(result.host.get_name()), []).append(str(result.task.get_name()))

    def v2_playbook_on_stats(self, stats: Any) -> None:  # noqa: ANN401
        """Write the file."""
        path = os.environ.get("LVS_RECAP_FILE")
        if not path:
            return
        recap = {
            str(host): {**stats.summarize(host), "tasks_changed": self._changed.get(str(host), [])}
            for host in stats.processed
        }
        Path(path).write_text(json.dumps(recap, indent=2, sort_keys=True) + "\n", encoding="utf-8")
