"""Variable scopes, propagation and mappings."""

from __future__ import annotations

from bpm_server.domain import commands as c
from tests.conformance.camunda8.scenario import run
from tests.support.bpmn_builder import Process, Scope, extensions, io


def test_results_of_a_job_reach_the_process_where_nobody_has_the_name() -> None:
    """Variables / Variable propagation: a variable that no scope has is created at the root."""
    p = Process()
    p.path(p.start(), p.service("a"), p.user("b"))
    world = run(p).work("a", {"d": 1})
    assert world.process_variables() == {"d": 1}


def test_propagation_ends_at_the_first_scope_that_has_the_name() -> None:
    """Variables / Variable propagation: the example of tasks B with b, c and d."""
    p, inner = Process(), Scope()
    inner.path(inner.start("is"), inner.service("a"), inner.user("b"), inner.end("ie"))
    p.path(p.start(), p.sub("sub", inner, extensions(io({"c": "=0"}))), p.end())
    world = run(p, b=0).work("a", {"b": 1, "c": 2, "d": 3})
    assert world.process_variables() == {"b": 1, "d": 3}
    sub = next(key for key, (element, _) in world.active.items() if element == "sub")
    assert world.variables[sub]["c"] == 2


def test_an_input_mapping_makes_a_local_variable() -> None:
    """Variables / Input mappings: a new local variable in the scope of the mapping."""
    p = Process()
    p.path(p.start(), p.user("a", extra=io({"sender": "=customer.name"})), p.end())
    world = run(p, customer={"name": "John"})
    assert world.variables[world.task("a").key] == {"sender": "John"}
    assert world.complete("a").result == {"customer": {"name": "John"}}


def test_a_local_variable_covers_that_of_the_process() -> None:
    """Variables / Variable scopes: the nearest one is seen, and a result goes to it."""
    p = Process()
    p.path(p.start(), p.service("a", extra=io({"b": "=2"})), p.user("after"))
    world = run(p, b=1).work("a", {"b": 5})
    assert world.process_variables() == {"b": 1}


def test_input_mappings_build_an_object() -> None:
    """Variables / Input mappings, examples: targets ``sender.name`` and ``sender.iban`` make one object."""
    p = Process()
    mapping = io({"sender.name": "=customer", "sender.iban": "=iban"})
    p.path(p.start(), p.user("a", extra=mapping))
    world = run(p, customer="John", iban="DE456")
    assert world.variables[world.task("a").key] == {"sender": {"name": "John", "iban": "DE456"}}


def test_an_input_mapping_without_source_is_null() -> None:
    """Variables / Input mappings: an empty source maps the target to null."""
    p = Process()
    p.path(p.start(), p.user("a", extra='<zeebe:ioMapping><zeebe:input target="customer"/></zeebe:ioMapping>'))
    world = run(p, customer={"name": "John"})
    assert world.variables[world.task("a").key] == {"customer": None}


def test_a_mapping_of_a_variable_that_is_missing_is_null() -> None:
    """Variables / Input/output variable mappings: a variable that does not exist resolves to null."""
    p = Process()
    p.path(p.start(), p.user("a", extra=io({"x": "=nothing.there"})))
    world = run(p)
    assert not world.incidents
    assert world.variables[world.task("a").key] == {"x": None}


def test_mappings_see_what_those_before_them_made() -> None:
    """Variables / Input/output variable mappings: evaluated in the order in which they are defined."""
    p = Process()
    p.path(p.start(), p.user("a", extra=io({"net": "=100", "gross": "=net * 1.5"})))
    world = run(p)
    assert world.variables[world.task("a").key] == {"net": 100, "gross": 150}


def test_with_an_output_mapping_only_the_mapped_variables_leave() -> None:
    """Variables / Output mappings: with at least one, results are local and only the mapped ones are merged."""
    p = Process()
    mapping = io(outputs={"paymentStatus": "=result.status"})
    p.path(p.start(), p.service("a", extra=mapping), p.end())
    world = run(p).work("a", {"result": {"status": "Ok", "transactionId": "t-789"}, "more": 1})
    assert world.result == {"paymentStatus": "Ok"}


def test_an_output_mapping_to_a_property_leaves_its_siblings() -> None:
    """Variables / Nested variables in mappings: an output writes only the leaf of its path."""
    p = Process()
    p.path(p.start(), p.service("a", extra=io(outputs={"order.status": "=status"})), p.end())
    world = run(p, order={"id": 7, "status": "new"}).work("a", {"status": "paid"})
    assert world.result == {"order": {"id": 7, "status": "paid"}}


def test_an_input_mapping_to_a_property_replaces_the_whole() -> None:
    """Variables / Nested variables in mappings: an input writes the object at its path anew."""
    p = Process()
    p.path(p.start(), p.user("a", extra=io({"order.status": '="open"'})), p.end())
    world = run(p, order={"id": 7, "status": "new"})
    assert world.variables[world.task("a").key] == {"order": {"status": "open"}}
    assert world.complete("a").result == {"order": {"id": 7, "status": "new"}}


def test_local_variables_of_a_sub_process_go_with_it() -> None:
    """Variables / Output mappings: without mapping the local variables of a sub-process are removed."""
    p, inner = Process(), Scope()
    inner.path(inner.start("is"), inner.user("a"), inner.end("ie"))
    p.path(p.start(), p.sub("sub", inner, extensions(io({"draft": "=1"}))), p.end())
    assert run(p).complete("a", {"draft": 2}).result == {}


def test_an_output_mapping_of_a_sub_process_keeps_what_it_names() -> None:
    """Variables / Output mappings: local variables of a sub-process can be propagated."""
    p, inner = Process(), Scope()
    inner.path(inner.start("is"), inner.user("a"), inner.end("ie"))
    p.path(p.start(), p.sub("sub", inner, extensions(io({"draft": "=1"}, {"final": "=draft * 10"}))), p.end())
    assert run(p).complete("a", {"draft": 2}).result == {"final": 20}


def test_a_variable_set_at_an_element_from_outside_is_local_or_propagates() -> None:
    """Variables / Local variables; REST "Update element instance variables": ``local`` decides."""
    p = Process()
    p.path(p.start(), p.user("a"))
    world = run(p, x=1)
    key = world.task("a").key
    world.do(c.SetVariables(key, {"x": 2}, False))
    assert world.process_variables() == {"x": 2}
    world.do(c.SetVariables(key, {"x": 3}, True))
    assert (world.process_variables(), world.variables[key]) == ({"x": 2}, {"x": 3})
