"""What may stand in the document's words, numbers and lists, and what null means."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from lvs_model.document import Cluster, HostVariables, secret_paths

from .builders import Case
from .documents import field_problems, place, problems_at, put
from .test_document_options import COMMAND, S0, WORDS

NONSENSE: list[object] = ["soon", [], float("nan"), float("inf")]

# What would end a value in keepalived.conf, begin a comment, quote, or be expanded there or by a shell.
DANGEROUS = ('"', "'", "#", "!", "{", "}", "$", "\\", "`", "|", "<", ">", "\n", "\t", "\0", "é")
PLACES = {
    "services/0/check/virtual_host": "{}",
    "services/0/probe/header": "{}",
    "email/to/0": "ops{}@example.org",
    "email/sender": "{}@example.org",
    "email/server": "mail{}.example.org",
    "failover/notify/owner": "/bin/x {}",
    "failover/notify/any": "/bin/{}",
    "failover/track/processes/0/process": "ng{}inx",
    "failover/track/processes/0/restart": "/bin/systemctl restart {}",
    "failover/track/scripts/0/command": "/bin/x --a={}",
    "failover/track/scripts/0/user": "u{}",
    "services/0/notify/server_up": "/bin/x a{} b",
    "services/0/notify/quorum_down": "/bin/x {}",
    "services/0/check/path": "/{}",
}


def full() -> Case:
    """A valid document with all that holds words."""
    case = Case()
    case.document["email"] = {"to": ["ops@example.org"], "sender": "lb@example.org", "server": "192.0.2.25"}
    case.document["failover"]["track"] = {
        "networks": ["sync"],
        "processes": [
            {"name": "nginx", "process": "/usr/sbin/nginx", "restart": "/bin/systemctl restart nginx"}
        ],
        "scripts": [{"name": "route", "command": "/usr/local/bin/route up", "user": "nobody"}],
    }
    case.service["notify"] = {}
    case.document["failover"]["notify"] = {}
    return case


def test_the_document_with_all_words_is_right() -> None:
    assert field_problems(full()) == []


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("character", DANGEROUS, ids=lambda one: f"{ord(one):02x}")
def test_no_word_can_break_a_configuration(path: str, character: str) -> None:
    case = full()
    put_at(case.document, path, PLACES[path].format(character))

    (problem,) = field_problems(case)

    assert problem.startswith(f"lvs_cluster[edge]{place(path)}: ")
    assert f"{WORDS}" in problem


def put_at(document: Any, path: str, value: object) -> None:  # noqa: ANN401
    """Set what stands at a path whose objects and lists are all there."""
    *steps, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    for step in steps:
        document = document[step]
    document[last] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("failover/notify/owner", "bin/x"),
        ("failover/notify/owner", "/bin/x  a"),
        ("failover/notify/owner", "/bin/x "),
        ("failover/notify/owner", " /bin/x"),
        ("failover/notify/owner", "/bin/x ~a"),
        ("failover/notify/owner", ""),
        ("failover/notify/owner", "/bin/x {address}"),
    ],
)
def test_commands_are_words_behind_an_absolute_path(path: str, value: str) -> None:
    assert problems_at(path, value) == [
        f"lvs_cluster[edge]{place(path)}: {value!r} is not allowed: {COMMAND}"
    ]


@pytest.mark.parametrize("line", ["", "  ", "a\nb", "a\0", 5])
def test_extra_lines_are_single_lines(line: object) -> None:
    for path in ("extra_lines/global_defs", "extra_lines/vrrp_instance", "extra_lines/top"):
        (problem,) = problems_at(path, ['fine { # } " é', line])
        assert problem.startswith(f"lvs_cluster[edge]{place(path)}[1]: {line!r} is ")
    (problem,) = problems_at("services/0/extra_lines", [line])
    assert problem.startswith(f"{S0}.extra_lines[0]: {line!r} is ")


@pytest.mark.parametrize(
    ("path", "lowest", "highest"),
    [
        ("failover/lost_adverts", 1, 100),
        ("failover/startup_delay", 0, 1000),
        ("failover/gratuitous_arp/repeat", 1, 100),
        ("failover/gratuitous_arp/delay", 0, 3600),
        ("failover/gratuitous_arp/refresh", 0, 3600),
        ("failover/gratuitous_arp/refresh_repeat", 1, 100),
        ("failover/gratuitous_arp/interval", 0, 10),
        ("connection_sync/id", 1, 255),
        ("connection_sync/port", 1, 65535),
        ("connection_sync/ttl", 1, 255),
        ("connection_sync/longest", 64, 65507),
        ("connection_sync/refresh", 0, 3600),
        ("connection_sync/retries", 0, 3),
        ("ipvs/timeouts/tcp", 1, 2678400),
        ("services/0/persistence", 1, 2678400),
        ("services/0/persistence_prefix", 1, 128),
        ("services/0/quorum", 1, 2147483647),
        ("services/0/hysteresis", 0, 65535),
        ("services/0/min_servers", 1, 2147483647),
        ("services/0/server_port", 1, 65535),
        ("services/0/tunnel/port", 1, 65535),
        ("services/0/check/warm_up", 0, 3600),
        ("services/0/check/retry_delay", 0.1, 3600),
    ],
)
def test_limits(path: str, lowest: float, highest: float) -> None:
    where = f"lvs_cluster[edge]{place(path)}"
    rule = "is not allowed: use a value"
    assert problems_at(path, lowest) == problems_at(path, highest) == []
    below, above = lowest - 1, highest + 1
    assert problems_at(path, below) == [f"{where}: {below} {rule} greater than or equal to {lowest}"]
    assert problems_at(path, above) == [f"{where}: {above} {rule} less than or equal to {highest}"]
    assert problems_at(path, True) == [
        f"{where}: True is not allowed: this is a boolean, a number is expected"
    ]
    for nonsense in NONSENSE:
        (problem,) = problems_at(path, nonsense)
        assert problem.startswith(f"{where}: ") and "Input should" not in problem


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("connection_sync/threshold", [3], "1 are not enough: give at least 2"),
        ("connection_sync/threshold", [3, 50, 5], "3 are too many: give at most 2"),
        (
            "connection_sync/threshold",
            [50, 50],
            "[50, 50] is not allowed: the first number must be below the second, or the second 0",
        ),
        ("failover/sync_groups", [{"name": "x", "instances": ["a"]}], None),
        (
            "failover/multicast_group",
            "192.0.2.1",
            "'192.0.2.1' is no multicast address: write it as 224.0.0.81",
        ),
        ("connection_sync/group", "everybody", "'everybody' is no IP address: write it as 224.0.0.81"),
        ("platforms", ["debian11"], None),
        ("weight_error", 0, "0 is not allowed: use a value greater than 0"),
        ("email/about", [], "this is empty: give at least one"),
        (
            "failover/authentication",
            "hunter2",
            "what stands here is not a set of keys: write keys and values: {key: value}",
        ),
    ],
)
def test_lists_and_groups(path: str, value: object, words: str | None) -> None:
    case = full()
    put(case.document, path, value)

    (problem,) = field_problems(case)

    where = f"lvs_cluster[edge]{place(path)}"
    assert problem == f"{where}: {words}" if words else problem.startswith(f"{where}[0]")


def test_a_synchronisation_may_tell_of_a_connection_once() -> None:
    assert problems_at("connection_sync/threshold", [3, 0]) == []


@pytest.mark.parametrize(
    "password", ["hunter2-is-long", 12345678, ["hunter2"], {"hunter2": 1}, "hun er2", "", None]
)
def test_a_password_is_never_shown(password: object) -> None:
    assert problems_at("failover/authentication", {"password": password}) == [
        "lvs_cluster[edge].failover.authentication.password: this is no password for VRRP: write a text of "
        "1 to 8 of A-Z, a-z, 0-9 and _.:+,@%=-"
    ]
    (problem,) = problems_at("failover/authentication", {"password": "right", "type": "hunter2"})
    assert "hunter2" not in problem


def test_secrets_are_where_the_types_say() -> None:
    assert set(secret_paths()) == {
        ("failover", "authentication", "password"),
        ("failover", "heartbeat", "key", "secret"),
        ("failover", "pacemaker", "key"),
        ("failover", "pacemaker", "fencing", "devices", "password"),
    }


def models(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """Every typed object of a document by its name."""
    found = {model.__name__: model}
    names = set(model.model_json_schema().get("$defs", {})) | {model.__name__}

    def descend(one: type[BaseModel]) -> None:
        for child in one.__subclasses__():
            found[child.__name__] = child
            descend(child)

    descend(BaseModel)
    return {name: one for name, one in found.items() if name in names}


@pytest.mark.parametrize("root", [Cluster, HostVariables])
def test_null_is_the_same_as_nothing_where_that_is_the_default(root: type[BaseModel]) -> None:
    """Jinja's `default(none)` and YAML's `key:` are how operators say «not here»."""
    for model in models(root).values():
        for name, field in model.model_fields.items():
            if field.default is None:
                schema = model.model_json_schema()["properties"][name]
                assert {"type": "null"} in schema["anyOf"], f"{model.__name__}.{name}"


def test_null_is_accepted_in_a_whole_document() -> None:
    case = full()
    for path in (
        "connection_sync",
        "email",
        "failover/authentication",
        "failover/router_id",
        "failover/failback_delay",
    ):
        put(case.document, path, None)
    for path in ("mark", "persistence", "thresholds", "fallback", "server_port", "persistence_prefix"):
        case.service[path] = None
    case.hostvars["web1"] |= {"lvs_weight": None, "lvs_capacity": None, "lvs_priority": None}

    assert field_problems(case) == []
