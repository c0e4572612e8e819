"""Allocated firewall marks: they follow from the services' names, and stay whoever comes and goes."""

from __future__ import annotations

from itertools import permutations
from zlib import crc32

import pytest

from lvs_model.inventory import read_inventory
from lvs_model.topology import marks

from .builders import Case

# Names whose CRC-32 ends in the same 16 bits: the second one, in alphabetical order, loses.
COLLIDING = ("app", "cdn-media")
LOST = 0x4C560000 | crc32(b"app") & 0xFFFF


def marks_of(services: dict[str, int | str | None]) -> dict[str, int]:
    """Each marked service's mark in a cluster of these services; the values are the document's."""
    case = Case()
    case.document["services"] = []
    for name, mark in services.items():
        case.add_service(name, mark=mark)
    inventory, problems = read_inventory(*case.inputs())
    assert not problems
    return {service: mark for (_, service), mark in marks(inventory).items()}


@pytest.mark.parametrize("name", ["www", "stream", "a", "s0", "mail-in"])
def test_an_allocated_mark_is_of_the_name(name: str) -> None:
    assert marks_of({name: "auto"}) == {name: 0x4C560000 + crc32(name.encode()) % 65536}


def test_a_service_in_front_moves_nobody() -> None:
    before = marks_of({"www": "auto", "mail": "auto"})
    after = marks_of({"dns": "auto", "plain": None, "voice": 7, "www": "auto", "mail": "auto"})

    assert after == before | {"dns": after["dns"], "voice": 7}
    assert len(set(after.values())) == len(after)


@pytest.mark.parametrize("order", list(permutations(["www", *COLLIDING])))
def test_of_two_services_with_one_first_choice_the_later_name_moves(order: tuple[str, ...]) -> None:
    assert marks_of(dict.fromkeys(order, "auto")) == {
        **marks_of({"www": "auto"}),
        "app": LOST,
        "cdn-media": LOST + 1,
    }
    # Alone it has its first choice.
    assert marks_of({"cdn-media": "auto"}) == {"cdn-media": LOST}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"one": LOST}, {"app": LOST + 1, "cdn-media": LOST + 2}),
        ({"one": LOST + 1}, {"app": LOST, "cdn-media": LOST + 2}),
        ({"one": LOST, "two": LOST + 1}, {"app": LOST + 2, "cdn-media": LOST + 3}),
        ({"one": 7}, {"app": LOST, "cdn-media": LOST + 1}),
    ],
)
def test_given_marks_are_kept(given: dict[str, int], expected: dict[str, int]) -> None:
    assert marks_of({**dict.fromkeys(COLLIDING, "auto"), **given}) == given | expected


def test_clusters_do_not_know_each_others_marks() -> None:
    case = Case()
    case.service["mark"] = "auto"
    case.add_cluster("other", 3)["services"][0]["mark"] = "auto"
    inventory, problems = read_inventory(*case.inputs())
    found = marks(inventory)

    assert not problems
    assert found["edge", "www"] == found["other", "www"] == 0x4C560000 + crc32(b"www") % 65536
