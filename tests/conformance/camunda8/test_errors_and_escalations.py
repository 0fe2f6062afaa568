"""Error and escalation events."""

from __future__ import annotations

import pytest

from bpm_server.domain import commands as c
from bpm_server.domain import events as e
from bpm_server.services import jobs
from tests.conformance.camunda8.scenario import event_sub_process, incidents, refused, resolve, run, throw, zeebe
from tests.support.bpmn_builder import Process, Scope, event, extensions, io
from tests.support.product import ADMIN, Product


def guarded(*codes: str | None, outputs: dict[str, str] | None = None) -> Process:
    """A job ``a`` with an error boundary event for each code; behind it a user task ``on-<code>``."""
    p = Process()
    p.path(p.start(), p.service("a"), p.end())
    for code in codes:
        name = code or "any"
        definition = event("error", errorRef=p.error(f"err-{name}", code)) if code else event("error")
        p.path(p.boundary(f"b-{name}", "a", extensions(io(outputs=outputs)) + definition), p.user(f"on-{name}"))
    return p


def throws(kind: str, code: str) -> Scope:
    """Inside of a sub-process that ends by throwing."""
    inner = Scope()
    inner.path(inner.start("is"), inner.end("thrown", event(kind, **{f"{kind}Ref": code})))
    return inner


# --- errors ---------------------------------------------------------------------------------------------


def test_an_error_of_a_job_is_caught_by_its_code() -> None:
    """Error events / Catching the error: the task is terminated, then the catch event is activated."""
    world = run(guarded("E1", "E2")).error("a", "E2")
    assert world.open() == ["on-E2"]
    assert ("a", "terminated") in world.history


def test_an_event_without_code_catches_all() -> None:
    """Error events / Defining the error: an empty code catches all errors."""
    assert run(guarded(None)).error("a", "whatever").open() == ["on-any"]


@pytest.mark.parametrize(("code", "expected"), [("E1", "on-E1"), ("E9", "on-any")])
def test_the_exact_code_goes_first(code: str, expected: str) -> None:
    """Error events / Catching the error: with and without code in one scope, the exact one is prioritised."""
    assert run(guarded(None, "E1")).error("a", code).open() == [expected]


def test_an_unhandled_error_is_an_incident_and_its_job_can_be_done_again(bpm_sqlite: Product) -> None:
    """Error events / Unhandled errors: resolving re-enables the job."""
    bpm_sqlite.deploy(guarded("E1").xml())
    instance = bpm_sqlite.start()
    jobs.throw_job_error(bpm_sqlite.server, ADMIN, bpm_sqlite.job("a"), "E2", "no money")
    assert incidents(bpm_sqlite) == [("a", "UNHANDLED_ERROR_EVENT")]
    resolve(bpm_sqlite)
    bpm_sqlite.complete_job("a")
    assert bpm_sqlite.state(instance) == "COMPLETED"


def test_the_variables_of_an_error_reach_the_process(bpm_sqlite: Product) -> None:
    """Variables / Variable propagation by BPMN element: a boundary event merges its payload."""
    bpm_sqlite.deploy(guarded("E1").xml())
    instance = bpm_sqlite.start()
    jobs.throw_job_error(bpm_sqlite.server, ADMIN, bpm_sqlite.job("a"), "E1", "no money", {"missing": 5})
    assert bpm_sqlite.variables(instance) == {"missing": 5}


def test_the_variables_of_an_error_can_be_mapped() -> None:
    """Error events / Variable mappings: an output mapping at the catch event merges what it names."""
    world = run(guarded("E1", outputs={"short": "=missing"}))
    job = next(iter(world.jobs.values()))
    world.do(c.ThrowError(job.element_key, "E1", None, {"missing": 5, "noise": 1}))
    assert world.process_variables() == {"short": 5}


def test_an_error_end_event_is_caught_by_its_sub_process() -> None:
    """Error events / Throwing the error: an error end event; caught at the boundary of the sub-process."""
    p = Process()
    p.error("err", "E1")
    p.path(p.start(), p.sub("sub", throws("error", "err")), p.user("fine"))
    p.path(p.boundary("b", "sub", event("error", errorRef="err")), p.user("mend"))
    assert run(p).open() == ["mend"]


def test_the_code_of_a_throwing_event_may_be_an_expression() -> None:
    """Error events / Defining the error: evaluated when the event is reached."""
    p = Process()
    p.error("dynamic", '="E" + string(n)')
    p.error("err", "E1")
    p.path(p.start(), p.sub("sub", throws("error", "dynamic")), p.user("fine"))
    p.path(p.boundary("b", "sub", event("error", errorRef="err")), p.user("mend"))
    assert run(p, n=1).open() == ["mend"]
    assert [i.kind for i in run(p, n=2).incidents.values()] == ["UNHANDLED_ERROR_EVENT"]


def test_an_error_event_sub_process_catches_in_its_scope() -> None:
    """Error events / Catching the error: event sub-processes at the level where it was thrown."""
    p = Process()
    p.error("err", "E1")
    p.path(p.start(), p.service("a"), p.end())
    event_sub_process(p, "esp", event("error", errorRef="err"), "mend")
    world = run(p).error("a", "E1")
    assert world.open() == ["mend"]
    assert world.complete("mend").finished


def test_an_error_finds_the_nearest_catch_event() -> None:
    """Error events / Catching the error: at each scope it is caught or goes to the parent scope."""
    p, inner = Process(), Scope()
    p.error("e1", "E1")
    p.error("e2", "E2")
    inner.path(inner.start("is"), inner.service("a"))
    inner.path(inner.boundary("near", "a", event("error", errorRef="e1")), inner.user("on-near"))
    p.path(p.start(), p.sub("sub", inner), p.end())
    p.path(p.boundary("far1", "sub", event("error", errorRef="e1")), p.user("on-far1"))
    p.path(p.boundary("far2", "sub", event("error", errorRef="e2")), p.user("on-far2"))
    assert run(p).error("a", "E1").open() == ["on-near"]
    assert run(p).error("a", "E2").open() == ["on-far2"]


def test_an_error_of_a_called_process_is_caught_by_the_caller(bpm_sqlite: Product) -> None:
    """Error events / Catching the error: also in the calling process instance."""
    child = Process("child")
    child.error("err", "E1")
    child.path(child.start(), child.service("a"), child.end())
    p = Process()
    p.error("err", "E1")
    call = p.add("callActivity", "call", extensions(zeebe("calledElement", processId="child")))
    p.path(p.start(), call, p.end())
    p.path(p.boundary("b", "call", event("error", errorRef="err")), p.user("mend"))
    bpm_sqlite.deploy(child.xml(), p.xml())
    bpm_sqlite.start()
    jobs.throw_job_error(bpm_sqlite.server, ADMIN, bpm_sqlite.job("a"), "E1")
    assert bpm_sqlite.open_tasks() == ["mend"]


def test_an_error_catch_event_that_does_not_interrupt_is_refused() -> None:
    """Error events / Catching the error: boundary events must be interrupting."""
    p = Process()
    p.path(p.start(), p.service("a"), p.end())
    p.path(p.boundary("b", "a", event("error"), interrupting=False), p.end("e2"))
    assert refused(p) == {"error-interrupts"}


@pytest.mark.parametrize("code", ["E1", None])
def test_two_catch_events_for_one_error_are_refused(code: str | None) -> None:
    """Error events / Catching the error: the deployment is rejected, with and without code."""
    p = Process()
    p.path(p.start(), p.service("a"), p.end())
    for key in ("one", "two"):
        definition = event("error", errorRef=p.error(f"err-{key}", code)) if code else event("error")
        p.path(p.boundary(key, "a", definition), p.end(f"{key}-end"))
    assert refused(p) == {"catch-ambiguous"}


def test_an_error_end_event_needs_a_code() -> None:
    """Error events / Defining the error: an error that is thrown must define its code."""
    p = Process()
    p.path(p.start(), p.end("e", event("error")))
    assert refused(p) == {"error-code-missing"}


# --- escalations ----------------------------------------------------------------------------------------


def escalating(*, interrupting: bool, code: str | None = "late") -> Process:
    """A sub-process that throws ``late`` and goes on to user task ``go-on``; caught on its boundary."""
    p, inner = Process(), Scope()
    p.escalation("late", "late")
    thrown = throw(inner, "thrown", event("escalation", escalationRef="late"))
    inner.path(inner.start("is"), thrown, inner.user("go-on"), inner.end("ie"))
    p.path(p.start(), p.sub("sub", inner), p.end())
    definition = event("escalation") if code is None else event("escalation", escalationRef=p.escalation("esc", code))
    p.path(p.boundary("b", "sub", definition, interrupting=interrupting), p.user("caught"))
    return p


def test_an_escalation_goes_on_where_it_was_thrown() -> None:
    """Escalation events: non-critical, both outgoing flows are taken."""
    assert run(escalating(interrupting=False)).open() == ["caught", "go-on"]


def test_an_interrupting_escalation_ends_its_scope() -> None:
    """Escalation events / Catching the escalation: the flows of the throwing event are not taken."""
    assert run(escalating(interrupting=True)).open() == ["caught"]


def test_an_escalation_event_without_code_catches_all() -> None:
    """Escalation events / Defining an escalation: without reference all escalations are caught."""
    assert run(escalating(interrupting=False, code=None)).open() == ["caught", "go-on"]


def test_an_escalation_that_nobody_catches_has_no_effect() -> None:
    """Escalation events / Catching the escalation: no incident, the process continues."""
    world = run(escalating(interrupting=True, code="other"))
    assert world.open() == ["go-on"]
    assert not world.incidents
    assert any(isinstance(entry, e.EscalationEscaped) for entry in world.log)


def test_an_escalation_end_event_escalates() -> None:
    """Escalation events / Throwing the escalation: an end event may throw it."""
    p = Process()
    p.escalation("late", "late")
    p.path(p.start(), p.sub("sub", throws("escalation", "late")), p.user("fine"))
    p.path(p.boundary("b", "sub", event("escalation", escalationRef="late"), interrupting=False), p.user("caught"))
    assert run(p).open() == ["caught", "fine"]


def test_the_code_of_an_escalation_may_be_an_expression() -> None:
    """Escalation events / Defining an escalation: evaluated once the throw event is reached."""
    p = Process()
    p.escalation("dynamic", "=code")
    p.escalation("late", "late")
    p.path(p.start(), p.sub("sub", throws("escalation", "dynamic")), p.end())
    p.path(p.boundary("b", "sub", event("escalation", escalationRef="late")), p.user("caught"))
    assert run(p, code="late").open() == ["caught"]
    assert run(p, code="other").finished


def test_an_escalation_event_sub_process_catches_in_its_scope() -> None:
    """Escalation events / Catching the escalation: by an event sub-process of the nearest scope."""
    p = Process()
    p.escalation("late", "late")
    p.path(p.start(), throw(p, "t", event("escalation", escalationRef="late")), p.user("go-on"), p.end())
    event_sub_process(p, "esp", event("escalation", escalationRef="late"), "caught", interrupting=False)
    assert run(p).open() == ["caught", "go-on"]


def test_two_catch_events_for_one_escalation_are_refused() -> None:
    """Escalation events / Catching the escalation: multiple events with one code in a scope are rejected."""
    p = escalating(interrupting=False)
    p.path(p.boundary("b2", "sub", event("escalation", escalationRef="late")), p.end("e2"))
    assert refused(p) == {"catch-ambiguous"}
