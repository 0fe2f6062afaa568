"""Call activities: bindings and propagation of variables."""

from __future__ import annotations

from tests.conformance.camunda8.scenario import incidents, resolve, zeebe
from tests.support.bpmn_builder import Process, event, extensions, io, multi_instance, timer
from tests.support.product import Product


def child(task: str = "c", version_tag: str | None = None) -> bytes:
    """A process ``child`` with one user task."""
    p = Process("child", task)
    if version_tag:
        p.elements.append(extensions(zeebe("versionTag", value=version_tag)))
    p.path(p.start(), p.user(task), p.end())
    return p.xml()


def caller(*extra: str, body: str = "", **attributes: str) -> bytes:
    """Calls ``child``, then user task ``after``."""
    p = Process()
    called = zeebe("calledElement", **{"processId": "child", **attributes})
    p.path(p.start(), p.add("callActivity", "call", extensions(called, *extra) + body), p.user("after"), p.end())
    return p.xml()


def start(bpm: Product, *files: bytes, **variables: object) -> tuple[int, int]:
    """Deploys and starts; keys of caller and called."""
    bpm.deploy(*files)
    parent = bpm.start(**variables)
    return parent, parent_of(bpm)


def parent_of(bpm: Product) -> int:
    """Key of the latest called instance."""
    import sqlalchemy as sa

    from bpm_server.store.tables.instances import process_instance

    query = sa.select(process_instance.c.key).where(process_instance.c.parent_key.is_not(None))
    found: int = bpm.scalars(query.order_by(process_instance.c.key.desc()))[0]
    return found


def test_a_call_activity_waits_for_the_called_process(bpm_sqlite: Product) -> None:
    """Call activities: left when the created instance is completed."""
    _, called = start(bpm_sqlite, caller(), child())
    assert bpm_sqlite.open_tasks() == ["c"]
    bpm_sqlite.task("c").complete()
    assert bpm_sqlite.state(called) == "COMPLETED"
    assert bpm_sqlite.open_tasks() == ["after"]


def test_all_variables_go_in_and_come_back(bpm_sqlite: Product) -> None:
    """Call activities / Variable mappings: all variables of its scope are copied; all of the child return."""
    parent, called = start(bpm_sqlite, caller(), child(), a=1)
    assert bpm_sqlite.variables(called) == {"a": 1}
    bpm_sqlite.task("c").complete(b=2)
    assert bpm_sqlite.variables(parent) == {"a": 1, "b": 2}


def test_input_mappings_are_copied_too(bpm_sqlite: Product) -> None:
    """Call activities / Variable mappings: local variables of the call activity go into the child."""
    _, called = start(bpm_sqlite, caller(io({"x": "=a + 1"})), child(), a=1)
    assert bpm_sqlite.variables(called) == {"a": 1, "x": 2}


def test_without_propagation_only_input_mappings_go_in(bpm_sqlite: Product) -> None:
    """Call activities / Variable mappings: ``propagateAllParentVariables`` false."""
    _, called = start(bpm_sqlite, caller(io({"x": "=a + 1"}), propagateAllParentVariables="false"), child(), a=1)
    assert bpm_sqlite.variables(called) == {"x": 2}


def test_without_propagation_nothing_comes_back(bpm_sqlite: Product) -> None:
    """Call activities / Variable mappings: ``propagateAllChildVariables`` false."""
    parent, _ = start(bpm_sqlite, caller(propagateAllChildVariables="false"), child(), a=1)
    bpm_sqlite.task("c").complete(b=2)
    assert bpm_sqlite.variables(parent) == {"a": 1}


def test_output_mappings_choose_what_comes_back(bpm_sqlite: Product) -> None:
    """Call activities / Variable mappings: only variables of the output mappings are propagated."""
    parent, _ = start(bpm_sqlite, caller(io(outputs={"sum": "=b"})), child(), a=1)
    bpm_sqlite.task("c").complete(b=2, noise=3)
    assert bpm_sqlite.variables(parent) == {"a": 1, "sum": 2}


def test_the_called_process_may_be_an_expression(bpm_sqlite: Product) -> None:
    """Call activities / Defining the called process: evaluated on activation, must give text."""
    start(bpm_sqlite, caller(processId='="chi" + rest'), child(), rest="ld")
    assert bpm_sqlite.open_tasks() == ["c"]


def test_the_latest_version_is_called(bpm_sqlite: Product) -> None:
    """Call activities / Defining the called process: the latest version when it is activated."""
    bpm_sqlite.deploy(caller(), child("old"))
    start(bpm_sqlite, child("new"))
    assert bpm_sqlite.open_tasks() == ["new"]


def test_the_version_of_the_deployment_is_called(bpm_sqlite: Product) -> None:
    """Choosing the resource binding type: ``deployment`` is the version deployed together with the caller."""
    bpm_sqlite.deploy(caller(bindingType="deployment"), child("old"))
    start(bpm_sqlite, child("new"))
    assert bpm_sqlite.open_tasks() == ["old"]


def test_the_tagged_version_is_called(bpm_sqlite: Product) -> None:
    """Choosing the resource binding type: ``versionTag`` is the latest version with the tag."""
    bpm_sqlite.deploy(caller(bindingType="versionTag", versionTag="v1"), child("old", "v1"))
    start(bpm_sqlite, child("new", "v2"))
    assert bpm_sqlite.open_tasks() == ["old"]


def test_a_called_process_that_is_missing_is_an_incident(bpm_sqlite: Product) -> None:
    """Call activities / Defining the called process; Incidents: resolved once it is deployed."""
    bpm_sqlite.deploy(caller())
    bpm_sqlite.start()
    assert incidents(bpm_sqlite) == [("call", "CALLED_ELEMENT_ERROR")]
    bpm_sqlite.deploy(child())
    resolve(bpm_sqlite)
    assert bpm_sqlite.open_tasks() == ["c"]


def test_an_interrupting_boundary_event_ends_the_called_process(bpm_sqlite: Product) -> None:
    """Call activities / Boundary events: both are terminated, nothing comes back."""
    p = Process()
    call = p.add("callActivity", "call", extensions(zeebe("calledElement", processId="child")))
    p.path(p.start(), call, p.end())
    p.path(p.boundary("late", "call", timer("Duration", "PT1H")), p.user("b"))
    _, called = start(bpm_sqlite, p.xml(), child())
    bpm_sqlite.clock.advance(hours=1)
    assert bpm_sqlite.open_tasks() == ["b"]
    assert bpm_sqlite.state(called) == "TERMINATED"


def test_a_multi_instance_call_collects_its_results(bpm_sqlite: Product) -> None:
    """Multi-instance / Variable mappings, example: an output mapping keeps the results apart."""
    loop = multi_instance("=[1, 2]", "n", output=("results", "=output"))
    parent, _ = start(bpm_sqlite, caller(io(outputs={"output": "=x"}), body=loop), child())
    bpm_sqlite.task("c").complete(x="one")
    bpm_sqlite.task("c").complete(x="two")
    assert bpm_sqlite.variables(parent) == {"results": ["one", "two"]}


def test_other_start_events_of_the_called_process_are_ignored(bpm_sqlite: Product) -> None:
    """Call activities: activated at the none start event."""
    p = Process("child")
    p.message("m", "go")
    p.path(p.start("by-message", event("message", messageRef="m")), p.user("other"))
    p.path(p.start(), p.user("c"))
    start(bpm_sqlite, caller(), p.xml())
    assert bpm_sqlite.open_tasks() == ["c"]
