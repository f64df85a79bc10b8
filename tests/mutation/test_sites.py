"""The calls of the guard are found, and taken away one at a time."""

import ast

from tests.mutation.sites import INSTEAD, ROOT, reporting, sites, without

SOURCE = """
class Reads:
    def read(self, caller):
        self._guard.allow(caller, "t", READ, None)
        query = broker.guard.narrow(caller, "t", asked)
        return [guard.view(caller, "t", one) for one in found]
"""


def test_one_call_is_taken_away_and_what_it_was_asked_about_stays():
    assert "allow" not in ast.unparse(without(SOURCE, 0))
    assert "query = asked" in ast.unparse(without(SOURCE, 1))
    assert "return [one for one in found]" in ast.unparse(without(SOURCE, 2))
    for number in range(3):
        kept = ast.unparse(without(SOURCE, number))
        assert sum(name in kept for name in ("allow", "narrow", "view")) == 2


def test_calls_that_tell_their_number_answer_as_before():
    told: list[int] = []

    def called(number, function):
        told.append(number)
        return function

    class Guard:
        def view(self, caller, tenant, one):
            return one * 2

    source = (
        "seen = [guard.view(caller, tenant, guard.view(caller, tenant, one)) for one in (1, 2)]"
    )
    names = {"called": called, "guard": Guard(), "caller": "c", "tenant": "t"}
    exec(compile(reporting(source, "called"), "source", "exec"), names)
    assert names["seen"] == [4, 8]
    assert told == [0, 1, 0, 1]


def test_every_kind_of_call_is_found_in_the_broker():
    found = list(sites())
    assert {site.call.rpartition(".")[2] for site in found} == set(INSTEAD)
    assert len(found) > 80


def test_api_asks_for_a_lens_anew_to_keep_a_rendering_and_to_look_for_one():
    """With one call taken away nothing is found: why these are left alone."""
    asking = [
        node
        for path in sorted((ROOT / "broker/api").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and "broker.guard.lens" in {ast.unparse(each.func) for each in calls(node)}
    ]
    assert len(asking) == 4
    for function in asking:
        used = {ast.unparse(each.func).rpartition("rendered.")[2] for each in calls(function)}
        assert len(used & {"put", "at_once", "picker"}) == 1


def calls(within: ast.AST) -> list[ast.Call]:
    """Return the calls within a piece of code."""
    return [node for node in ast.walk(within) if isinstance(node, ast.Call)]
