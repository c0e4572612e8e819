"""Ansible's variables as the model takes them, and the plan that follows."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.utils.vars import load_extra_vars

from lvs_ansible.origins import is_template, located, place_of, plain_secrets
from lvs_model.document import secret_paths
from lvs_model.inventory import read_inventory
from lvs_model.plan import compile_plan
from lvs_model.problems import ModelError, Problem
from lvs_model.teardown import tear_down

Hostvars = Mapping[str, Mapping[str, Any]]

_PREFIX = "lvs_"
_DOCUMENT = "lvs_cluster"
# Hosts of a problem that are named; the rest is counted.
_SHOWN = 5


def planned(
    hostvars: Hostvars,
    groups: Mapping[str, Iterable[str]],
    teardown: list[str] | None = None,
    words: Collection[str] = (),
) -> dict[str, Any]:
    """The plan of an inventory with its ``problems``; where there are any, there is only that key.

    ``hostvars`` and ``groups`` are Ansible's magic variables; ``teardown`` names clusters of which nothing
    is to be left, None: the plan is carried out. ``words`` are variables that only the command line may
    give: one that the inventory gives is a problem, unless the command line gives it, too.
    """
    members = {str(name): [str(host) for host in hosts] for name, hosts in groups.items()}
    # The command line's have been read when ansible-playbook began; no file is read here.
    given = load_extra_vars(DataLoader()) if words else {}
    written, unasked = _written(hostvars, [word for word in words if word not in given])
    if unasked:
        return {"problems": list(_unasked(unasked))}
    plain, problems = _Reader(hostvars, written, members).read()
    try:
        if problems:
            # What the missing values would have led to is not known: fields are checked, relations not.
            found = read_inventory(plain, members)[1]
            gone = any(_DOCUMENT in problem.path for problem in problems)
            raise ModelError([*problems, *(one for one in found if not (gone and one.path == _DOCUMENT))])
        plan = compile_plan(plain, members, _plain_secrets(written))
        if teardown is not None:
            plan = tear_down(plan, teardown)
    except ModelError as error:
        return {"problems": located(error.problems, written)}
    return {"problems": [], **plan}


def _written(
    hostvars: Hostvars, words: Collection[str]
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, list[str]]]]:
    """Each host's variables of the toolkit as they were written, templates and vaults unresolved.

    And by word that is a variable of hosts, the hosts by the place where it was written.
    """
    raw = getattr(hostvars, "raw_get", hostvars.__getitem__)
    written: dict[str, dict[str, Any]] = {}
    unasked: dict[str, dict[str, list[str]]] = {}
    for host in hostvars:
        own = raw(host)
        written[str(host)] = {str(key): value for key, value in own.items() if str(key).startswith(_PREFIX)}
        for word in words:
            if word in own:
                # Of a number or a boolean nothing is known but where its name stands.
                name = next(key for key in own if key == word)
                place = place_of(own[word]) or place_of(name)
                unasked.setdefault(word, {}).setdefault(place, []).append(str(host))
    return written, unasked


def _unasked(found: Mapping[str, Mapping[str, list[str]]]) -> Iterator[str]:
    """What to do about words of the command line that are variables of hosts, ``found`` by _written."""
    for word, places in found.items():
        for place, hosts in places.items():
            more = f" and {len(hosts) - _SHOWN} more" if len(hosts) > _SHOWN else ""
            what = (
                f"the inventory gives {', '.join(hosts[:_SHOWN])}{more} a variable of this name, and would "
                "decide what only the command line may"
            )
            remedy = f"give the variable another name there, or say what is meant: -e {word}=..."
            yield f"{place}{Problem(word, what, remedy)}"


def _plain_secrets(written: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Paths of secrets that stand in the inventory in plain text; where that cannot be told, they do not."""
    documents = {id(own[_DOCUMENT]): own[_DOCUMENT] for own in written.values() if _DOCUMENT in own}
    return [
        f"{_DOCUMENT}[{document.get('name')}]{place}"
        for document in documents.values()
        for steps in secret_paths()
        for place in plain_secrets(document, steps)
    ]


def _words(error: Exception) -> str:
    return " ".join(str(error).split())


class _Reader:
    """Turns what was written into plain data, with as little templating as that needs."""

    def __init__(
        self, hostvars: Hostvars, written: dict[str, dict[str, Any]], groups: dict[str, list[str]]
    ) -> None:
        self._hostvars = hostvars
        self._written = written
        self._groups = groups
        # What a group's file says is one object for all its hosts.
        self._known: dict[int, Any] = {}

    def read(self) -> tuple[dict[str, dict[str, Any]], list[Problem]]:
        """Every host's variables as plain data, and a problem for each that is none."""
        plain: dict[str, dict[str, Any]] = {host: {} for host in self._written}
        problems = []
        documents = self._who_tells_documents()
        for host, own in self._written.items():
            for key, value in own.items():
                if key == _DOCUMENT and host not in documents:
                    continue
                try:
                    plain[host][key] = self._plain(host, key, value)
                except AnsibleError as error:
                    what, remedy = "this cannot be templated", "mend it, or what it refers to"
                    problems.append(Problem(self._path(host, key), f"{what} ({_words(error)})", remedy))
                except (TypeError, ValueError, RecursionError) as error:
                    what, remedy = "this is no plain data", "write texts, numbers, booleans, lists and keys"
                    problems.append(Problem(self._path(host, key), f"{what} ({_words(error)})", remedy))
        return plain, problems

    def _path(self, host: str, key: str) -> str:
        """Where a value stands, as problems say it; a document is its cluster's and not a host's."""
        value = self._written[host][key]
        if key != _DOCUMENT or not isinstance(value, Mapping):
            return f"host {host}: {key}"
        return f"{_DOCUMENT}[{value.get('name')}]"

    def _who_tells_documents(self) -> set[str]:
        """The hosts whose cluster document is read: the directors, one host where none of them has it.

        Templating one document anew for each of a thousand hosts would take minutes.
        """
        holders: dict[int, list[str]] = {}
        for host, own in self._written.items():
            if _DOCUMENT in own:
                holders.setdefault(id(own[_DOCUMENT]), []).append(host)
        chosen: set[str] = set()
        for hosts in holders.values():
            document = self._written[hosts[0]][_DOCUMENT]
            group = document.get("directors") if isinstance(document, Mapping) else None
            directors = set(self._groups.get(group, ())) if isinstance(group, str) else set()
            chosen.update([host for host in hosts if host in directors] or hosts[:1])
        return chosen

    def _plain(self, host: str, key: str, value: object) -> Any:  # noqa: ANN401 - whatever the inventory holds
        if id(value) in self._known:
            return self._known[id(value)]
        try:
            text = json.dumps(value)
        except (TypeError, ValueError):
            text = None  # something that only templating resolves, such as an encrypted text
        if text is None or is_template(text):
            # Ansible's tagged and lazy values are no plain data for pydantic: through JSON they are.
            return json.loads(json.dumps(self._hostvars[host][key]))
        self._known[id(value)] = json.loads(text)
        return self._known[id(value)]
