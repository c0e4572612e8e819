"""How problems are written and collected."""

from __future__ import annotations

from lvs_model.problems import ModelError, Problem


def test_a_problem_says_where_what_and_what_to_do() -> None:
    problem = Problem("lvs_cluster.services[0].pool", "the pool is empty", "put real servers into it")

    assert str(problem) == "lvs_cluster.services[0].pool: the pool is empty: put real servers into it"


def test_a_broken_rule_is_named_behind_the_problem() -> None:
    problem = Problem("lvs_cluster.services[0].pool", "the pool is empty", "fill it", rule="pool-empty")

    assert str(problem) == "lvs_cluster.services[0].pool: the pool is empty: fill it [pool-empty]"


def test_an_error_holds_each_problem_once_in_a_stable_order() -> None:
    second, first = Problem("b", "wrong", "mend it"), Problem("a", "wrong", "mend it")

    error = ModelError([second, first, second])

    assert error.problems == [first, second]
    assert str(error) == "a: wrong: mend it\nb: wrong: mend it"
