"""Run one transaction of config_set on this node, and be killed at one of its operations.

Called as `interrupt.py PACKAGE.zip OPTIONS`; the zip has the package lvs_transaction, the options are JSON:
`request` (parameters of config_set), `operation` and `path` (the operation of durable.py and the end of its
path right before which this process is killed).
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys


def main(package: str, text: str) -> None:
    """Run it."""
    options = json.loads(text)
    sys.path.insert(0, package)
    durable = importlib.import_module("lvs_transaction.durable")

    def step(operation: str, path: str) -> None:
        if operation == options["operation"] and path.endswith(options["path"]):
            os.kill(os.getpid(), signal.SIGKILL)

    vars(durable)["step"] = step
    model = importlib.import_module("lvs_transaction.model")
    transaction = importlib.import_module("lvs_transaction.transaction")
    transaction.apply(model.parse_request(options["request"], False))


if __name__ == "__main__":
    main(*sys.argv[1:])
