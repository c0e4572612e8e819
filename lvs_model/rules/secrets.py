"""Secrets: which values of a document are some, and whether they stand in the inventory in plain text."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from lvs_model.document import Cluster
from lvs_model.problems import Problem
from lvs_model.rules.registry import rule
from lvs_model.rules.view import View, root_of

Steps = tuple[str | int, ...]


def secret_paths(cluster: Cluster) -> list[Steps]:
    """Where a document holds secrets that are given: keys and indices from the document's root on."""
    return list(_secrets(cluster, ()))


def path_of(cluster: Cluster, steps: Steps) -> str:
    """Such a place as problems name it."""
    text = root_of(cluster)
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text


def _secrets(node: object, steps: Steps) -> Iterator[Steps]:
    if isinstance(node, BaseModel):
        for name, field in type(node).model_fields.items():
            value = getattr(node, name)
            extra = field.json_schema_extra
            if isinstance(extra, dict) and extra.get("secret"):
                if value is not None:
                    yield (*steps, name)
            else:
                yield from _secrets(value, (*steps, name))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _secrets(value, (*steps, index))
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _secrets(value, (*steps, key))


@rule("secret-in-plain-text", "warning")
def secret_in_plain_text(view: View) -> Iterator[Problem]:
    """A secret stands in the inventory in plain text.

    An inventory is copied, shown and kept in version control: whoever reads it has the secret, and its
    history keeps it. Ansible can hold it encrypted (ansible-vault(1)).

    Wrong::

        failover:
          version: 2
          authentication: {password: s3cret}

    Mend: `ansible-vault encrypt_string`, or a variable from a vaulted file: `"{{ vault_vrrp_password
    }}"`.
    """
    for cluster in view.clusters:
        for steps in secret_paths(cluster):
            path = path_of(cluster, steps)
            if path in view.plain_secrets:
                yield Problem(path, "this secret stands in plain text", "put it into a vault")
