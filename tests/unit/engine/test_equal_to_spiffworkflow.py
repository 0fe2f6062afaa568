"""On the elements that SpiffWorkflow's own BPMN runtime runs right, our engine takes the same paths."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from lxml import etree
from SpiffWorkflow.bpmn import BpmnEvent, BpmnWorkflow
from SpiffWorkflow.bpmn.parser import BpmnParser
from SpiffWorkflow.bpmn.specs.event_definitions import timer as stock_timers
from SpiffWorkflow.bpmn.specs.event_definitions.message import MessageEventDefinition
from SpiffWorkflow.util.task import TaskState

from tests.support.engine_world import START, World
from tests.support.random_process.stock import in_both_words
from tests.support.randomly import randomly

if TYPE_CHECKING:
    from collections.abc import Iterator

STEPS = 60
pytestmark = pytest.mark.timeout(7_200)  # a failure is made small before it is shown


class Clock(datetime):
    """What SpiffWorkflow's timers take for the time."""

    moment = START

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return cls.moment.astimezone(tz)


@pytest.fixture(scope="module", autouse=True)
def _stock_clock() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stock_timers, "datetime", Clock)
        yield


class StockRun:
    """An instance in SpiffWorkflow's own runtime."""

    def __init__(self, xml: bytes, variables: dict[str, Any]) -> None:
        parser = BpmnParser()
        parser.add_bpmn_xml(etree.parse(BytesIO(xml)))
        Clock.moment = START
        self.workflow = BpmnWorkflow(parser.get_spec("p"), parser.get_subprocess_specs("p"))
        self.workflow.get_next_task(state=TaskState.READY).set_data(**variables)
        self._go_on()

    def _go_on(self) -> None:
        self.workflow.do_engine_steps()

    def complete(self, element_id: str, variables: dict[str, Any]) -> None:
        (task,) = (task for task in self._tasks(TaskState.READY) if task.task_spec.bpmn_id == element_id)
        task.set_data(**variables)
        task.run()
        self._go_on()

    def message(self, name: str, variables: dict[str, Any]) -> None:
        self.workflow.catch(BpmnEvent(MessageEventDefinition(name), payload=variables))
        self._go_on()

    def wait(self, delta: timedelta) -> None:
        Clock.moment += delta
        self.workflow.refresh_timers()
        self._go_on()

    def _tasks(self, state: int) -> list[Any]:
        return [task for task in self.workflow.get_tasks(state=state) if task.task_spec.bpmn_id is not None]

    def waiting(self) -> list[str]:
        found = self._tasks(TaskState.READY)
        found += [task for task in self._tasks(TaskState.WAITING) if hasattr(task.task_spec, "event_definition")]
        return sorted(task.task_spec.bpmn_id for task in found)

    def completed(self) -> list[str]:
        found = sorted(self._tasks(TaskState.COMPLETED), key=lambda task: task.last_state_change)
        return [task.task_spec.bpmn_id for task in found]


def waiting(world: World) -> list[str]:
    found = [*world.tasks.values(), *world.waits.values(), *world.timers.values()]
    return sorted(getattr(row, "element_id", None) or row.event_id for row in found)


def in_order(world: World, trace: list[str]) -> bool:
    """Along every path, an element completes after those before it; a sub-process after what is inside."""
    place = {element: number for number, element in enumerate(trace)}
    assert len(place) == len(trace)
    process = world.definition.process
    pairs = [(flow.source, flow.target) for flow in process.flows.values()]
    pairs += [(node.id, node.scope) for node in process.nodes.values()]
    return all(place[one] < place[other] for one, other in pairs if one in place and other in place)


def compare(world: World, stock: StockRun) -> None:
    assert waiting(world) == stock.waiting()
    ours, theirs = world.completed(), stock.completed()
    assert sorted(ours) == sorted(theirs)
    assert in_order(world, ours) and in_order(world, theirs)
    assert world.finished == stock.workflow.is_completed()


def step(world: World, stock: StockRun, data: st.DataObject) -> None:
    """The same for both: an answer, a message, or time."""
    kinds = ["complete"] * bool(world.tasks) + ["message"] * bool(world.waits) + ["time"] * bool(world.timers)
    kind, value = data.draw(st.sampled_from(kinds)), data.draw(st.integers(0, 5))
    if kind == "time":
        note("time")
        world.advance(minutes=61)
        stock.wait(timedelta(minutes=61))
        return
    rows = sorted((world.tasks if kind == "complete" else world.waits).values(), key=lambda row: row.key)
    row = data.draw(st.sampled_from(rows))
    element_id = row.element_id if kind == "complete" else row.event_id
    note(f"{kind} {element_id}: {value}")
    if kind == "complete":
        world.complete(element_id, {element_id: value})
        stock.complete(element_id, {element_id: value})
    else:
        world.message(row.name, {element_id: value})
        stock.message(row.name, {element_id: value})


@randomly(15)
@given(data=st.data())
def test_the_same_elements_wait_and_complete_with_the_same_variables(data: st.DataObject) -> None:
    ours, theirs = in_both_words(data.draw)
    note(theirs.process.xml().decode())
    world, stock = World.of(ours.process.xml()).start({"n": 1}), StockRun(theirs.process.xml(), {"n": 1})
    compare(world, stock)
    for _ in range(STEPS):
        if world.finished:
            break
        step(world, stock, data)
        compare(world, stock)
    if world.finished:
        found = {name: value for name, value in stock.workflow.data.items() if name != "data_objects"}
        assert world.result == found
